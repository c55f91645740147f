"""What an index keeps of one book, worked out apart from all others: many books are prepared at a time, by threads."""

import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from provenance.arrays import Bools, Bytes, U32s, U64s
from provenance.files.digests import text_digest
from provenance.index.sealing import Sealing
from provenance.index.texts import Frame, compress
from provenance.index.works import IDENTITY_SCALE, IDENTITY_SHINGLE
from provenance.kernels.fingerprints import kept_shingles
from provenance.kernels.places import spans_of
from provenance.kernels.probe import lift_of, stored_values
from provenance.kernels.seeds import crowded, seldom_repeated
from provenance.kernels.words import Words, words_of
from provenance.process.threads import in_order
from provenance.readers.books import Book
from provenance.readers.document import DESCRIBED
from provenance.sketch import FracMinHash, Key, Sketch

MOST_POSITIONS = 16
"""A fingerprint is kept at this many places of one edition: a refrain must not fill the table."""

IN_HAND = 64 << 20  # bytes of text given to the threads at a time, about
COPIED = (
    "edition_id", "title", "author", *DESCRIBED, "source", "source_sha256", "format", "encoding", "cut_front",
    "cut_back", "decoy",
)  # fmt: skip


@dataclass(frozen=True)
class Preparation:
    """What decides how books are prepared."""

    sketch: Sketch
    key: Key
    keep_texts: bool
    sealing: Sealing | None = None  # of an index that is made of books; what is merged is sealed already

    @property
    def most_hidden(self) -> int:
        """The largest fingerprint as the table has it."""
        return self.key.most_hidden(self.sketch.max_kept)


@dataclass(frozen=True)
class StoredText:
    """What is kept of a text to verify matches with."""

    words: U32s  # low halves of the word hashes
    spans: Bytes  # see `spans_of`
    frames: list[Frame]


@dataclass(frozen=True)
class Prepared:
    """One edition, ready to be written."""

    row: dict[str, Any]  # of editions.parquet, but for the columns that depend on other editions
    given_work: str
    values: U64s  # (postings,) stored values, in order of position
    positions: U32s  # (postings,) word positions
    dropped: int  # postings left out by MOST_POSITIONS
    identity: U64s  # distinct fingerprints that tell the work, ascending
    text: StoredText | None


def prepare(book: Book, preparation: Preparation) -> Prepared:
    """Cut, hash, sketch and compress one book."""
    data, key = np.frombuffer(book.text, dtype=np.uint8), preparation.key
    words = words_of(data, key.keys)
    sketch = preparation.sketch
    if isinstance(sketch, FracMinHash):
        positions, fingerprints = kept_shingles(words.hashes, sketch.shingle, np.uint64(sketch.max_kept), key.keys)
    else:
        sketches = sketch.sketch(data, np.array([0, data.size], dtype=np.int64), key.keys)
        positions, fingerprints = sketches.positions, sketches.fingerprints
    seldom = _seldom(fingerprints)
    identity = np.sort(key.hidden(_identity(words, sketch, fingerprints, key)))
    row = {
        **{name: getattr(book, name) for name in COPIED},
        "notes": list(book.notes),
        "text_sha256": hashlib.sha256(book.text).hexdigest(),
        "text_xxh3": text_digest(book.text),
        "text_bytes": len(book.text),
        "words": words.hashes.size,
        "fingerprints": int(seldom.sum()),
        "identity_fingerprints": identity.size,
        "invalid_utf8": words.invalid,
    }
    return Prepared(
        row=row,
        given_work=book.work_id,
        values=stored_values(key.hidden(fingerprints[seldom]), lift_of(preparation.most_hidden)),
        positions=positions[seldom],
        dropped=int(seldom.size - seldom.sum()),
        identity=identity,
        text=_stored(book.text, words) if preparation.keep_texts else None,
    )


def _seldom(fingerprints: U64s) -> Bools:
    """Whether a fingerprint is one of the first MOST_POSITIONS of its value; only those that may not be are counted."""
    seldom = np.ones(fingerprints.size, dtype=np.bool_)
    often = np.flatnonzero(crowded(fingerprints, MOST_POSITIONS))
    one_document = np.zeros(often.size, dtype=np.int32)
    seldom[often] = seldom_repeated(one_document, fingerprints[often], np.arange(often.size), MOST_POSITIONS)
    return seldom


def _identity(words: Words, sketch: Sketch, fingerprints: U64s, key: Key) -> U64s:
    """The fingerprints that tell the work. They are some of those of a sketch of the same shingles that is denser."""
    most = np.uint64(FracMinHash(scale=IDENTITY_SCALE).max_kept)
    if isinstance(sketch, FracMinHash) and sketch.shingle == IDENTITY_SHINGLE and sketch.max_kept >= most:
        return np.unique(fingerprints[fingerprints <= most])
    return np.unique(kept_shingles(words.hashes, IDENTITY_SHINGLE, most, key.keys)[1])


def _stored(text: bytes, words: Words) -> StoredText:
    return StoredText(words.hashes.astype(np.uint32), spans_of(words.begins, words.ends), compress(text, words.begins))


def prepare_all(
    books: Iterable[Book], preparation: Preparation, workers: int, threads: ThreadPoolExecutor
) -> Iterator[Prepared]:
    """Prepare books in order, several at a time; what is in hand is bounded by bytes of text and by number."""
    started = ((len(book.text), threads.submit(prepare, book, preparation)) for book in books)
    return in_order(started, 4 * workers, IN_HAND)
