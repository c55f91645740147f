"""Joins two indexes of the same parameters: the result is, byte for byte, what one build of all their books gives."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np

from provenance.errors import UsageError
from provenance.index import format as names
from provenance.index.build import MEMORY, Editions, finish, new_index, two_of_one_id
from provenance.index.opening import Index
from provenance.index.postings import Means, Table
from provenance.index.prepare import Preparation
from provenance.index.report import BuildReport, from_record
from provenance.index.texts import COLUMNS

PARAMETERS = ("sketch", "key_id", "names", "texts", "most_positions", "unicode")


def merge_indexes(one: Index, other: Index, out: Path, overwrite: bool = False, memory: int = MEMORY) -> BuildReport:
    """Write an index of all editions of `one`, then of `other`, at `out`.

    Both are verified first. Raises UsageError for indexes of different parameters or an `out` that is taken, BookError
    for an edition id that both have.
    """
    for name in PARAMETERS:
        ours, theirs = one.manifest[name], other.manifest[name]
        if ours != theirs:
            raise UsageError(
                f"{one.folder} and {other.folder} cannot be merged: {name} is {ours} here and {theirs} there"
            )
    if one.manifest["names"] != "given":
        raise UsageError(f"{one.folder} has pseudonyms, by which works cannot be told: build it again from all books")
    one.verify()
    other.verify()
    sources_of = dict(zip(one.edition_ids, one.editions["source"].to_pylist(), strict=True))
    for edition_id, source in zip(other.edition_ids, other.editions["source"].to_pylist(), strict=True):
        if edition_id in sources_of:
            raise two_of_one_id(edition_id, f"{one.folder} ({sources_of[edition_id]})", f"{other.folder} ({source})")
    editions = _joined_editions(one, other)
    sources = [outcome for index in (one, other) for outcome in from_record(index.manifest["sources"])]
    with new_index(out, overwrite) as folder, ThreadPoolExecutor(2) as threads:
        if one.has_texts:
            _join_texts(folder, one, other)
        preparation = Preparation(one.sketch, one.key, one.has_texts)
        report = finish(folder, editions, preparation, Means(memory, threads), sources)
    return replace(report, folder=out)


def _joined_editions(one: Index, other: Index) -> Editions:
    words = one.manifest["counts"]["words"]
    rows = one.editions.to_pylist()
    rows += [{**row, "first_word": row["first_word"] + words} for row in other.editions.to_pylist()]
    return Editions(
        rows,
        one.identities + other.identities,
        [row["work_id"] if row["grouped_by"] == "given" else "" for row in rows],
        words + other.manifest["counts"]["words"],
        sum(index.manifest["counts"]["dropped_repeats"] for index in (one, other)),
        [Table(one.folder, one.manifest), Table(other.folder, other.manifest, words)],
    )


def _join_texts(folder: Path, one: Index, other: Index) -> None:
    for name in (names.WORDS, names.SPANS, names.TEXTS):
        with (folder / name).open("wb") as joined:
            for index in (one, other):
                with (index.folder / name).open("rb") as part:
                    shutil.copyfileobj(part, joined, 1 << 20)
    blocks = [names.mapped(index.folder / names.BLOCKS, "<u8").reshape(-1, len(COLUMNS)) for index in (one, other)]
    bytes_before = (one.folder / names.TEXTS).stat().st_size
    shift = np.array([one.manifest["counts"]["words"], 0, bytes_before, one.editions.num_rows], dtype=np.uint64)
    np.concatenate([blocks[0], blocks[1] + shift]).astype("<u8").tofile(folder / names.BLOCKS)
