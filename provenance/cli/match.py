"""`provenance match`: one text against an index, side by side in the terminal, for people who just want to look."""

import json
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
import pyarrow as pa

from provenance.cli.compiling import tell_compiling
from provenance.cli.definitions.scan import Match
from provenance.cli.tables import print_beside
from provenance.cli.texts import say
from provenance.display.beside import Side, side_by_side
from provenance.display.text import number, safe
from provenance.errors import BookError, UsageError
from provenance.index.opening import Index
from provenance.kernels.compiling import on_first_compile
from provenance.kernels.words import words_of
from provenance.matching.config import MatchConfig
from provenance.matching.matcher import Matcher
from provenance.readers.books import Reading, read_books
from provenance.readers.text import to_utf8
from provenance.sketch import Key

MOST_SHOWN = 1200  # characters of a match on each side, unless all is asked for
PLAIN = (".txt", ".text", ".md", "")
"""Suffixes of files of which nothing is cut off, as it is of books: offsets are those in the whole text, as UTF-8."""


def run(options: Match) -> None:
    """Compare one text with an index."""
    opened = Index(options.index, Key.from_file(options.key_file))
    on_first_compile(partial(tell_compiling, "First time on this machine: compiling, which takes a minute"))
    matcher = Matcher(opened, MatchConfig(min_words=options.min_words))
    for name, text in _texts(options.file):
        matches = matcher.match(pa.array([text], pa.large_binary())).to_pylist()
        if options.as_json:
            for match in matches:
                click.echo(json.dumps({"file": name, **match}))
        else:
            _print(name, text, matches, opened, options.full)


def _print(name: str, text: bytes, matches: list[dict[str, Any]], opened: Index, full: bool) -> None:
    editions = {row["edition_id"]: row for row in opened.editions.to_pylist()}
    for place, match in enumerate(matches, 1):
        _print_match(place, match, editions, opened, text, full)
    works, indexed = (number(len(set(ids)), "work") for ids in ((m["work_id"] for m in matches), opened.work_ids))
    click.echo(f"{safe(name)}: {number(len(matches), 'passage')} of {works}; the index has {indexed}.")


def _texts(file: str) -> Iterator[tuple[str, bytes]]:
    """The texts in a file, each with a name: plain text as it is, every other format as books are read."""
    if file == "-":
        yield "standard input", _plain("standard input", sys.stdin.buffer.read())
        return
    path = Path(file)
    if path.is_dir():
        raise UsageError(f"{file} is a directory: give a file, or use `provenance scan` for many")
    if path.suffix.lower() in PLAIN:
        try:
            yield file, _plain(file, path.read_bytes())
        except OSError as error:
            raise UsageError(f"cannot read {file}: {error.strerror}") from error
        return
    reading = Reading()
    for book in read_books([path], reading):
        yield book.source, book.text
    for outcome in reading.failed:
        raise BookError(f"{outcome.path} cannot be read: {outcome.reason}")


def _plain(name: str, data: bytes) -> bytes:
    """Plain text as UTF-8; raises BookError for what is no text, or has no words."""
    try:
        text = to_utf8(data)[0]
    except BookError as error:
        raise BookError(f"{name} cannot be read: {error}") from error
    if not text.strip():
        raise BookError(f"{name} has no text: nothing was compared")
    return text


def _print_match(
    place: int, match: dict[str, Any], editions: dict[str, Any], index: Index, text: bytes, full: bool
) -> None:
    edition = editions[match["edition_id"]]
    others = {editions[o["edition_id"]]["title"] or o["edition_id"] for o in match["also"] + match["shared"]}
    say("match", {"place": place, "match": match, "edition": edition, "others": sorted(others)})
    if not index.has_texts:
        shown = text[match["doc_begin"] : match["doc_end"]].decode("utf-8", "replace")
        click.echo(f"   {safe(shown if full else shown[:MOST_SHOWN])}\n")
        return
    keys, book = index.key.keys, index.texts.text(index.edition_ids.index(match["edition_id"]))
    ours, theirs = (words_of(np.frombuffer(side, dtype=np.uint8), keys) for side in (text, book))
    document, side = Side(text, ours.begins, ours.ends), Side(book, theirs.begins, theirs.ends)
    stretches = side_by_side(document, side, match["blocks"])
    sides = [[(s.edit.kind, s.document) for s in stretches], [(s.edit.kind, s.edition) for s in stretches]]
    print_beside(sys.stdout, ("this text", "the book"), sides, None if full else MOST_SHOWN)
    click.echo()
