"""Opens an index: maps its files, checks every size and bound, and verifies digests when asked."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from provenance.errors import IndexDamagedError, KeyMismatchError
from provenance.files import file_digest
from provenance.index import format as names
from provenance.index.texts import COLUMNS, EditionTexts
from provenance.kernels.probe import edition_hints, expand_runs, find_runs, pass_filter
from provenance.sketch import Key, Sketch, from_json


class Runs(NamedTuple):
    """Fingerprints of a batch that stand in the table: one item per fingerprint, in the order of the batch."""

    queries: npt.NDArray[np.int64]  # index into the fingerprints looked up
    firsts: npt.NDArray[np.int64]  # first posting
    lengths: npt.NDArray[np.int64]  # how many postings

    def only(self, kept: npt.NDArray[np.bool_]) -> Runs:
        """The runs that are kept."""
        return Runs(self.queries[kept], self.firsts[kept], self.lengths[kept])


class Hits(NamedTuple):
    """Postings of a batch: one item per (fingerprint, posting)."""

    queries: npt.NDArray[np.int64]  # index into the fingerprints looked up
    editions: npt.NDArray[np.int64]
    positions: npt.NDArray[np.int64]  # word position in the edition


class Index:
    """An opened index. Cheap to open: files are mapped, not read; `verify` reads all of them."""

    def __init__(self, folder: Path, key: Key | None = None) -> None:
        """Open and check; raises the Index* errors of `provenance.errors`, and KeyMismatchError for a wrong key."""
        self.folder = Path(folder)
        self.manifest: dict[str, Any] = names.read_manifest(self.folder)
        self.sketch: Sketch = from_json(self.manifest["sketch"])
        self.key = self._check_key(key or Key())
        self._check_sizes()
        self.editions: pa.Table = self._read_editions()
        self.first_words = self.editions["first_word"].to_numpy()
        self.edition_words = self.editions["words"].to_numpy()
        self._fingerprints = self._map(names.FINGERPRINTS, "<u8")
        self._postings = self._map(names.POSTINGS, self.manifest["posting_dtype"])
        self._buckets = self._map(names.BUCKETS, "<u8")
        self._filter = self._map(names.FILTER, "<u8")
        self._check_bounds()

    @property
    def digest(self) -> str:
        """Digest of the manifest, which holds the digests of all files: the identity of the index."""
        return str(self.manifest["digest"])

    @property
    def has_texts(self) -> bool:
        """Whether edition texts are stored, so that matches can be verified."""
        return bool(self.manifest["texts"])

    @cached_property
    def edition_ids(self) -> list[str]:
        """Id of each edition, by its number."""
        return list(self.editions["edition_id"].to_pylist())

    @cached_property
    def work_ids(self) -> list[str]:
        """Work of each edition, by its number."""
        return list(self.editions["work_id"].to_pylist())

    @cached_property
    def texts(self) -> EditionTexts:
        """The edition texts; one reader an index object."""
        blocks = self._map(names.BLOCKS, "<u8").reshape(-1, len(COLUMNS))
        data = self._map(names.TEXTS, "u1")
        self._check_blocks(blocks, data.size)
        return EditionTexts(data, blocks, self.first_words, self.editions["text_bytes"].to_numpy(), self.key.keys)

    @cached_property
    def words(self) -> npt.NDArray[np.uint32]:
        """Low half of the hash of every word, by global word position."""
        from provenance.kernels.words import words_of

        texts = (self.texts.text(edition) for edition in range(self.editions.num_rows))
        hashes = [words_of(np.frombuffer(text, np.uint8), self.key.keys).hashes.astype(np.uint32) for text in texts]
        return np.concatenate([*hashes, np.empty(0, np.uint32)])

    def find(self, fingerprints: npt.NDArray[np.uint64]) -> Runs:
        """Where the fingerprints stand in the table; those that do not are left out."""
        candidates = pass_filter(fingerprints, self._filter)
        first, length = find_runs(
            fingerprints, candidates, self._buckets, int(self.manifest["bucket_shift"]), self._fingerprints
        )
        there = length > 0
        return Runs(candidates[there], first[there], length[there])

    def hits(self, runs: Runs) -> Hits:
        """Every posting of the runs; raises IndexDamagedError for one that lies in no edition."""
        if not runs.queries.size:
            nothing = np.empty(0, dtype=np.int64)
            return Hits(nothing, nothing, nothing)
        hits = Hits(*expand_runs(*runs, self._postings, self.first_words, *self._edition_hints))
        if (hits.positions >= self.edition_words[hits.editions]).any():
            raise IndexDamagedError(f"{self.folder / names.POSTINGS} points behind the last word of the last edition")
        return hits

    def verify(self) -> None:
        """Read every file and compare its digest; raises IndexDamagedError naming the first that differs."""
        for name, entry in self.manifest["files"].items():
            if file_digest(self.folder / name) != entry["xxh3_128"]:
                raise IndexDamagedError(
                    f"{self.folder / name} is damaged: {names.MANIFEST} has another digest; build the index again"
                )

    @cached_property
    def _edition_hints(self) -> tuple[npt.NDArray[np.int64], int]:
        return edition_hints(self.first_words, int(self._word_ends[-1]) if self._word_ends.size else 0)

    @cached_property
    def _word_ends(self) -> npt.NDArray[np.int64]:
        return np.asarray(self.first_words + self.edition_words, dtype=np.int64)

    def _check_key(self, key: Key) -> Key:
        wanted = self.manifest["key_id"]
        if key.key_id != wanted:
            remedy = "it is not keyed: leave out --key-file" if wanted == "public" else "pass its key with --key-file"
            raise KeyMismatchError(f"{self.folder} was built with key {wanted}, not {key.key_id}: {remedy}")
        return key

    def _check_sizes(self) -> None:
        for name, entry in self.manifest["files"].items():
            path = self.folder / name
            try:
                size = path.stat().st_size
            except OSError as error:
                raise IndexDamagedError(f"{path} is missing from the index; build it again") from error
            if size != entry["bytes"]:
                raise IndexDamagedError(
                    f"{path} is damaged: {size} bytes instead of {entry['bytes']}; build the index again"
                )

    def _read_editions(self) -> pa.Table:
        path = self.folder / names.EDITIONS
        if file_digest(path) != self.manifest["files"][names.EDITIONS]["xxh3_128"]:
            raise IndexDamagedError(f"{path} is damaged: {names.MANIFEST} has another digest; build the index again")
        return pq.read_table(path, schema=names.EDITION_SCHEMA)

    def _map(self, name: str, dtype: str) -> npt.NDArray[Any]:
        path = self.folder / name
        if path.stat().st_size == 0:  # an empty file cannot be mapped
            return np.empty(0, dtype=dtype)
        try:
            return np.memmap(path, dtype=dtype, mode="r").view(np.ndarray)
        except (OSError, ValueError) as error:
            raise IndexDamagedError(f"{path} cannot be mapped: {error}") from error

    def _check_bounds(self) -> None:
        postings, buckets = self._postings.size, self._buckets
        ends = self._word_ends
        sound = (
            self._fingerprints.size == postings == self.manifest["counts"]["postings"]
            and buckets.size >= 2
            and int(buckets[0]) == 0
            and int(buckets[-1]) == postings
            and bool((buckets[1:] >= buckets[:-1]).all())
            and self._filter.size > 0
            and 0 <= int(self.manifest["bucket_shift"]) < 64
            and bool((self.edition_words >= 0).all())
            and bool((self.first_words == np.concatenate([[0], ends[:-1]])).all() if ends.size else postings == 0)
        )
        if not sound:
            raise IndexDamagedError(
                f"{self.folder} is damaged: its tables do not fit one another; build the index again"
            )

    def _check_blocks(self, blocks: npt.NDArray[np.uint64], size: int) -> None:
        if not blocks.size:
            return
        file_begin, edition = blocks[:, 2], blocks[:, 3]
        sound = (
            bool((file_begin[1:] > file_begin[:-1]).all())
            and int(file_begin[-1]) < size
            and bool((edition[1:] >= edition[:-1]).all())
            and int(edition[-1]) < self.editions.num_rows
        )
        if not sound:
            raise IndexDamagedError(
                f"{self.folder / names.BLOCKS} is damaged: blocks out of order; build the index again"
            )
