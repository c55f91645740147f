"""`provenance match`: one text against an index, side by side in the terminal, for people who just want to look."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from provenance.cli.places import PLACE

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    import numpy.typing as npt

    from provenance.display.beside import Side
    from provenance.index.opening import Index

FILE = click.Path(path_type=Path)
MOST_SHOWN = 1200  # characters of a match on each side, unless all is asked for
PLAIN = (".txt", ".text", ".md", "")
"""Suffixes of files of which nothing is cut off, as it is of books: offsets are those in the whole text, as UTF-8."""


@click.command("match", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("file", type=PLACE, metavar="FILE|-")
@click.option("--index", required=True, type=FILE, help="Index of the known books.")
@click.option("--min-words", default=25, show_default=True, help="Shortest match that is shown, in matched words.")
@click.option("--full", is_flag=True, help="Show all of every match.")
@click.option("--key-file", type=FILE, help="Key that the index was built with.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a match.")
def command(file: str, index: Path, min_words: int, full: bool, key_file: Path | None, as_json: bool) -> None:
    """Compare one text, or one book of any format, with an index and show each match beside the book.

    \b
    provenance match page.txt --index indexes/books
    pbpaste | provenance match - --index indexes/books
    """
    import pyarrow as pa

    from provenance.cli.options import read_key
    from provenance.index.opening import Index
    from provenance.kernels.compiling import on_first_compile
    from provenance.matching.config import MatchConfig
    from provenance.matching.matcher import Matcher

    opened = Index(index, read_key(key_file))
    on_first_compile(lambda: click.echo("First time on this machine: compiling, which takes a minute", err=True))
    matcher = Matcher(opened, MatchConfig(min_words=min_words))
    for name, text in _texts(file):
        matches = matcher.match(pa.array([text], pa.large_binary())).to_pylist()
        if as_json:
            for match in matches:
                click.echo(json.dumps({"file": name, **match}))
        else:
            _print(name, text, matches, opened, full)


def _print(name: str, text: bytes, matches: list[dict[str, Any]], opened: Index, full: bool) -> None:
    from provenance.cli.printing import number, safe

    editions = {row["edition_id"]: row for row in opened.editions.to_pylist()}
    for place, match in enumerate(matches, 1):
        _print_match(place, match, editions, opened, text, full)
    works = len({match["work_id"] for match in matches})
    click.echo(
        f"{safe(name)}: {number(len(matches), 'passage')} of {number(works, 'work')}; "
        f"the index has {number(len(set(opened.work_ids)), 'work')}."
    )


def _texts(file: str) -> Iterator[tuple[str, bytes]]:
    """The texts in a file, each with a name: plain text as it is, every other format as books are read."""
    from provenance.errors import BookError, UsageError
    from provenance.readers.books import Reading, read_books

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
    for outcome in reading.outcomes:
        if outcome.outcome == "failed":
            raise BookError(f"{outcome.path} cannot be read: {outcome.reason}")


def _plain(name: str, data: bytes) -> bytes:
    """Plain text as UTF-8; raises BookError for what is no text, or has no words."""
    from provenance.errors import BookError
    from provenance.readers.text import to_utf8

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
    from provenance.cli.beside import print_beside
    from provenance.cli.printing import number, percent, safe
    from provenance.display.beside import side_by_side

    edition = editions[match["edition_id"]]
    by = f", {safe(edition['author'])}" if edition["author"] else ""
    click.echo(
        f"{place}. {safe(edition['title'] or match['edition_id'])}{by}: {number(match['matched_words'], 'word')}, "
        f"identity {percent(match['identity'])}, longest run {match['longest_run']:,}"
        + (" (estimate)" if match["estimated"] else "")
    )
    click.echo(
        f"   bytes {match['doc_begin']:,} to {match['doc_end']:,} here; edition {safe(match['edition_id'])}, "
        f"words {match['ref_word']:,} to {match['ref_word'] + match['ref_words']:,} of {edition['words']:,}"
    )
    others = {editions[o["edition_id"]]["title"] or o["edition_id"] for o in match["also"] + match["shared"]}
    if others:
        click.echo(f"   the same passage: {safe('; '.join(sorted(others)))}")
    if not index.has_texts:
        shown = text[match["doc_begin"] : match["doc_end"]].decode("utf-8", "replace")
        click.echo(f"   {safe(shown if full else shown[:MOST_SHOWN])}\n")
        return
    keys, book = index.key.keys, index.texts.text(index.edition_ids.index(match["edition_id"]))
    stretches = side_by_side(_side(text, keys), _side(book, keys), match["blocks"])
    sides = [[(s.kind, s.document) for s in stretches], [(s.kind, s.edition) for s in stretches]]
    print_beside(sys.stdout, ("this text", "the book"), sides, None if full else MOST_SHOWN)
    click.echo()


def _side(text: bytes, keys: npt.NDArray[np.uint64]) -> Side:
    """A whole text; `keys` are those of the index."""
    import numpy as np

    from provenance.display.beside import Side
    from provenance.kernels.words import words_of

    words = words_of(np.frombuffer(text, dtype=np.uint8), keys)
    return Side(text, words.begins, words.ends)
