"""Opens an index: maps its files, checks every size and bound, and verifies digests when asked."""

from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from provenance.arrays import Bools, Integers, U32s, U64s
from provenance.errors import IndexDamagedError, KeyMismatchError, UsageError
from provenance.index import format as names
from provenance.index.texts import COLUMNS, LARGEST, EditionTexts
from provenance.kernels import probe
from provenance.kernels.confirm import confirm_runs
from provenance.kernels.fingerprints import HashedTexts, Sketches
from provenance.kernels.probe import PRECISION, Hits, Postings, Runs
from provenance.kernels.seeds import in_many_works
from provenance.sketch import FracMinHash, Key, Sketch, from_json, stride_for


class Index:
    """An opened index. Cheap to open, whatever its size: files are mapped, not read; `verify` reads all of them."""

    def __init__(self, folder: Path, key: Key | None = None, scale: int | None = None) -> None:
        """Open and check what can be checked without reading the tables.

        With `scale`, coarser than the index was built with, fewer fingerprints are looked up, and only the front of
        every table is touched. Raises the Index* errors of `provenance.errors`, KeyMismatchError for a wrong key,
        UsageError for a scale that the index cannot serve.
        """
        self.folder = Path(folder)
        self.manifest: dict[str, Any] = names.read_manifest(self.folder)
        built: Sketch = from_json(self.manifest["sketch"])
        self.sketch: Sketch = built if scale is None else _coarser(built, scale)
        self.key = self._check_key(key or Key())
        names.check_sizes(self.folder, self.manifest)
        places = names.read_editions(self.folder, self.manifest, ["first_word", "words", "text_bytes"])
        self.first_words, self.edition_words, self._text_bytes = (
            np.ascontiguousarray(column.to_numpy()) for column in places.columns
        )
        most = self.key.most_hidden(built.max_kept)
        self._lift = probe.lift_of(most)
        self._entries = names.mapped(self.folder / names.FINGERPRINTS, "<u4")
        self._low = names.mapped(self.folder / names.POSTINGS, "<u4")
        wide = self.manifest["wide_postings"]
        self._high = names.mapped(self.folder / names.POSTINGS_HIGH, "u1") if wide else np.empty(0, dtype=np.uint8)
        self._buckets = names.mapped(self.folder / names.BUCKETS, self.manifest["bucket_dtype"])
        self._filter = names.mapped(self.folder / names.FILTER, "<u8")
        self._check_fit(probe.largest_value(most))

    @property
    def digest(self) -> str:
        """Digest of the manifest, which holds the digests of all files: the identity of the index."""
        return str(self.manifest["digest"])

    @property
    def stride(self) -> int:
        """At every how-many-th word of a document shingles are looked up; see `stride_for`."""
        if not isinstance(self.sketch, FracMinHash) or not self.has_texts:
            return 1  # an estimate needs every fingerprint
        return stride_for(int(self.manifest["counts"]["words"]), self.sketch.scale)

    @property
    def has_texts(self) -> bool:
        """Whether edition texts are stored, so that matches can be verified."""
        return bool(self.manifest["texts"])

    @cached_property
    def editions(self) -> pa.Table:
        """All that is known of the editions, as EDITION_SCHEMA."""
        return names.read_editions(self.folder, self.manifest, names.EDITION_SCHEMA.names)

    @cached_property
    def edition_ids(self) -> list[str]:
        """Id of each edition, by its number."""
        return list(self.editions["edition_id"].to_pylist())

    @cached_property
    def work_ids(self) -> list[str]:
        """Work of each edition, by its number."""
        return list(self.editions["work_id"].to_pylist())

    @cached_property
    def work_numbers(self) -> Integers:
        """A number for the work of each edition: the same for editions of one work."""
        works = names.read_editions(self.folder, self.manifest, ["work_id"])["work_id"].combine_chunks()
        return np.asarray(works.dictionary_encode().indices.to_numpy(), dtype=np.int64)

    @cached_property
    def identities(self) -> list[U64s]:
        """For each edition the sketch that tells its work."""
        ends = np.cumsum(self.editions["identity_fingerprints"].to_numpy())
        joined = names.mapped(self.folder / names.IDENTITIES, "<u8")
        if joined.size != (int(ends[-1]) if ends.size else 0):
            raise IndexDamagedError(f"{self.folder / names.IDENTITIES} does not fit {names.EDITIONS}")
        return list(np.split(joined, ends[:-1]))

    @cached_property
    def words(self) -> U32s:
        """Low half of the hash of every word of every edition, by global word position."""
        return names.mapped(self.folder / names.WORDS, "<u4")

    @cached_property
    def hashed_texts(self) -> HashedTexts:
        """The editions as the low halves of their words' hashes."""
        return HashedTexts(self.words, self.first_words, self._word_ends)

    @cached_property
    def texts(self) -> EditionTexts:
        """The edition texts; one reader an index object."""
        blocks = names.mapped(self.folder / names.BLOCKS, "<u8")
        if blocks.size % len(COLUMNS):
            raise IndexDamagedError(f"{self.folder / names.BLOCKS} is damaged: it ends within a block")
        blocks = blocks.reshape(-1, len(COLUMNS))
        data = names.mapped(self.folder / names.TEXTS, "u1")
        self._check_blocks(blocks, data.size)
        spans = names.mapped(self.folder / names.SPANS, "u1")
        return EditionTexts(data, blocks, spans, self.first_words, self._text_bytes, self.key.keys)

    def find(self, fingerprints: U64s) -> Runs:
        """Where the fingerprints stand in the table; those that do not are left out."""
        hidden = self.key.hidden(fingerprints)
        candidates, values = probe.pass_filter(hidden, self._lift, self.manifest["filter_scale"], self._filter)
        first, length = probe.find_runs(values, self._buckets, self.manifest["bucket_bits"], self._entries)
        return probe.keep_runs(Runs(candidates, first, length), length > 0)

    def hits(self, runs: Runs) -> Hits:
        """Every posting of the runs; raises IndexDamagedError for one that lies in no edition."""
        hits = probe.expand_runs(runs, self._postings)
        if (hits.positions >= self.edition_words[hits.editions]).any():
            raise IndexDamagedError(f"{self.folder / names.POSTINGS} points behind the last word of the last edition")
        return hits

    def confirm(self, runs: Runs, sketches: Sketches, least: int) -> Runs:
        """Those postings of the runs, one a run, around which `least` words are equal too; needs texts."""
        return confirm_runs(runs, self._postings, self.words, sketches.texts, sketches, self.sketch.span, least)

    def in_many_works(self, runs: Runs, most: int) -> Bools:
        """For each run, whether more than `most` works have its fingerprint."""
        if not bool((runs.lengths > most).any()):
            return np.zeros(runs.lengths.size, dtype=np.bool_)
        return in_many_works(runs, self._postings, self.work_numbers, most)

    def verify(self) -> None:
        """Read every file and compare its digest; raises IndexDamagedError naming the first that differs."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(partial(names.check_digest, self.folder, self.manifest), self.manifest["files"]))
        if not bool((self._buckets[1:] >= self._buckets[:-1]).all()):
            raise IndexDamagedError(f"{self.folder / names.BUCKETS} is damaged: buckets out of order; build it again")

    @cached_property
    def _postings(self) -> Postings:
        words = int(self._word_ends[-1]) if self._word_ends.size else 0
        return Postings(self._low, self._high, self.first_words, *probe.edition_hints(self.first_words, words))

    @cached_property
    def _word_ends(self) -> Integers:
        return np.asarray(self.first_words + self.edition_words, dtype=np.int64)

    def _check_key(self, key: Key) -> Key:
        wanted = self.manifest["key_id"]
        if key.key_id != wanted:
            remedy = "it is not keyed: leave out --key-file" if wanted == "public" else "pass its key with --key-file"
            raise KeyMismatchError(f"{self.folder} was built with key {wanted}, not {key.key_id}: {remedy}")
        return key

    def _check_fit(self, most: int) -> None:
        postings, buckets, ends = self._low.size, self._buckets, self._word_ends
        counts = self.manifest["counts"]
        words = int(ends[-1]) if ends.size else 0
        sound = (
            self._entries.size == postings == counts["postings"]
            and self._high.size in (0, postings)
            and words == counts["words"]
            and (self._high.size == postings or words <= 1 << 32)
            and buckets.size == (most >> PRECISION - self.manifest["bucket_bits"]) + 2
            and int(buckets[0]) == 0
            and int(buckets[-1]) == postings
            and self._filter.size == ((most >> PRECISION - 32) * self.manifest["filter_scale"] >> 32) + 1
            and ends.size == counts["editions"]
            and bool((self.edition_words >= 0).all())
            and (not self.has_texts or bool((self._text_bytes[self.edition_words > 0] > 0).all()))
            and bool((self._text_bytes <= LARGEST).all())
            and bool((self.first_words == np.concatenate([[0], ends[:-1]])).all() if ends.size else postings == 0)
            and (not self.has_texts or (self.folder / names.WORDS).stat().st_size == 4 * words)
            and (not self.has_texts or (self.folder / names.SPANS).stat().st_size == 2 * words)
        )
        if not sound:
            raise names.damaged(self.folder, "its tables do not fit one another")

    def _check_blocks(self, blocks: U64s, size: int) -> None:
        """Every edition with a text has blocks, which follow one another within its words and bytes and in the file."""
        first_word, begin, file_begin, edition = blocks.astype(np.int64).T  # what is too large for it is negative
        sound = not bool((blocks >= 1 << 63).any()) and not bool((edition >= self.first_words.size).any())
        if sound:
            fresh = np.concatenate([np.ones(min(1, edition.size), dtype=np.bool_), edition[1:] != edition[:-1]])
            following, base, end = ~fresh[1:], self.first_words[edition], self._word_ends[edition]
            sound = (
                np.array_equal(edition[fresh], np.flatnonzero(self._text_bytes))
                and bool((first_word[fresh] == base[fresh]).all())
                and bool((first_word <= end).all())
                and bool((first_word[1:] >= first_word[:-1]).all())
                and bool((begin[fresh] == 0).all())
                and bool((begin[1:][following] > begin[:-1][following]).all())
                and bool((begin < self._text_bytes[edition]).all())
                and bool((file_begin[:1] == 0).all())
                and bool((file_begin[1:] > file_begin[:-1]).all())
                and bool((file_begin < size).all())
            )
        if not sound:
            raise names.damaged(self.folder / names.BLOCKS, "blocks out of order")


def _coarser(built: Sketch, scale: int) -> FracMinHash:
    """The sketch that keeps one fingerprint in `scale` of an index built with a finer one."""
    if not isinstance(built, FracMinHash):
        raise UsageError("--scale is for FracMinHash indexes; this one has banded sketches")
    if scale < built.scale:
        raise UsageError(f"--scale is {scale}, finer than the {built.scale} the index was built with")
    return FracMinHash(built.shingle, scale)
