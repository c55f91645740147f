"""Fingerprints of shingles, and the FracMinHash sketch of a batch of documents in one pass."""

from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from provenance.arrays import Bytes, Integers, U32s, U64s
from provenance.kernels.compiling import as_int, inlined, inlined_by_value, kernel
from provenance.kernels.cutting import SEGMENT, Rules, WordRoom, make_scratch, text_rules
from provenance.kernels.hashing import U64, finish_shingle
from provenance.kernels.words import append_words, most_words

USUAL = 5  # words of a shingle, unless told otherwise
AT_ONCE = 4096  # words hashed to shingles at once: they stay in the cache
EVERY = U64(0xFFFFFFFFFFFFFFFF)  # the largest fingerprint that is kept, where all are

Item = TypeVar("Item", bound=np.generic)


class HashedTexts(NamedTuple):
    """Texts as word hashes: text t is `hashes[starts[t]:ends[t]]`."""

    hashes: U32s  # low halves
    starts: Integers
    ends: Integers


class Sketches(NamedTuple):
    """Kept fingerprints of a batch, in order of document and position; and what was counted on the way."""

    documents: npt.NDArray[np.int32]  # (kept,) index of the document in the batch
    positions: U32s  # (kept,) word position of the shingle's first word
    fingerprints: U64s  # (kept,)
    words: Integers  # (documents,)
    invalid: Integers  # (documents,) invalid UTF-8 sequences
    hashes: U32s  # (words of all documents,) low halves of the word hashes

    @property
    def texts(self) -> HashedTexts:
        """The documents as word hashes."""
        ends = np.cumsum(self.words)
        return HashedTexts(self.hashes, ends - self.words, ends)


@inlined_by_value
def hash_runs(hashes: U64s, runs: int, words: int, keys: U64s, out: U64s) -> None:
    """Fingerprints of the first `runs` runs of so many words: a polynomial in the keyed multiplier, then mixed."""
    start, multiplier = keys[1], keys[2]
    for i in range(runs):
        x = start
        for k in range(words):
            x = x * multiplier + hashes[i + k]
        out[i] = finish_shingle(x)


@kernel
def hash_shingles(hashes: U64s, count: int, shingle: int, keys: U64s, out: U64s) -> int:
    """Fingerprints of all shingles of `hashes[:count]` into `out`.

    Returns how many there are: `max(0, count - shingle + 1)`.
    """
    shingles = max(0, count - shingle + 1)
    if shingle == USUAL:  # a length known when this is compiled lets LLVM vectorise: nine times as fast
        hash_runs(hashes, shingles, USUAL, keys, out)
    else:
        hash_runs(hashes, shingles, shingle, keys, out)
    return shingles


@inlined
def keep_smallest(hashes: U64s, count: int, max_kept: np.uint64, places: U32s) -> int:
    """Where the hashes <= max_kept stand. No branch: always write, advance when kept."""
    held = 0
    for i in range(count):
        places[held] = i
        held += as_int(hashes[i] <= max_kept)
    return held


@kernel
def grown(array: npt.NDArray[Item], room: int) -> npt.NDArray[Item]:
    """The array, or a copy of twice the size, with room for at least `room` items."""
    if room <= array.size:
        return array
    larger = np.empty(max(room, 2 * array.size), dtype=array.dtype)
    for k in range(array.size):  # assigned at once they would cost half a second of compiling
        larger[k] = array[k]
    return larger


class Sketched(NamedTuple):
    """Room for the fingerprints that are kept; see `Sketches`."""

    documents: npt.NDArray[np.int32]
    positions: U32s
    fingerprints: U64s


@kernel
def with_room(sketched: Sketched, room: int) -> Sketched:
    """The same with room for at least `room` fingerprints."""
    if room <= sketched.fingerprints.size:
        return sketched
    return Sketched(
        grown(sketched.documents, room), grown(sketched.positions, room), grown(sketched.fingerprints, room)
    )


@inlined
def store_kept(
    hashes: U64s, places: U32s, chosen: int, before: int, shingle: int,
    first_words: Integers, d: int, sketched: Sketched, count: int, stride: int,
) -> tuple[int, int]:  # fmt: skip
    """Append the hashes at `places[:chosen]` to the sketch, but for those whose shingle crosses the end of a document.

    With a `stride` only those at its multiples in their document. `before` is the number of words of the stream before
    these hashes, `d` the document of the first of them. Returns the document of the last one and how many are kept.
    """
    documents, positions, fingerprints = sketched
    k = 0
    while k < chosen:
        while before + as_int(places[k]) >= first_words[d + 1]:
            d += 1
        bound = as_int(np.searchsorted(places[k:chosen], first_words[d + 1] - before - shingle, side="right"))
        shift = before - first_words[d]
        if stride == 1:
            for i in range(U64(bound)):
                documents[i + U64(count)] = d
                positions[i + U64(count)] = as_int(places[i + U64(k)]) + shift
                fingerprints[i + U64(count)] = hashes[places[i + U64(k)]]
            count += bound
        else:
            for i in range(k, k + bound):  # no branch, as in `keep_smallest`
                at = as_int(places[i]) + shift
                documents[count], positions[count], fingerprints[count] = d, at, hashes[places[i]]
                count += as_int(at & (stride - 1) == 0)
        k += bound
        while k < chosen and before + as_int(places[k]) < first_words[d + 1]:
            k += 1
    return d, count


@inlined
def store_all(
    hashes: U64s, hashed: int, before: int, shingle: int,
    first_words: Integers, d: int, sketched: Sketched, count: int, stride: int,
) -> tuple[int, int]:  # fmt: skip
    """What `store_kept` does where every hash of `hashes[:hashed]` is kept."""
    documents, positions, fingerprints = sketched
    k = 0
    while k < hashed:
        while before + k >= first_words[d + 1]:
            d += 1
        last = min(hashed, first_words[d + 1] - before)
        shift = before - first_words[d]
        first = k + (-(k + shift) & (stride - 1))
        for i in range(first, min(hashed, first_words[d + 1] - before - shingle + 1), stride):
            documents[count], positions[count], fingerprints[count] = d, i + shift, hashes[i]
            count += 1
        k = last
    return d, count


@kernel
def low_halves(words: U64s, hashes: U32s) -> None:
    """Low halves of `words`, as many as `hashes` has room for."""
    for k in range(hashes.size):
        hashes[k] = np.uint32(words[k] & U64(0xFFFFFFFF))


@kernel
def sketch_documents(
    data: Bytes, offsets: Integers, text: Rules, shingle: int, max_kept: np.uint64, keys: U64s, room: int, stride: int
) -> Sketches:
    """Sketch documents `data[offsets[d]:offsets[d + 1]]`: shingles whose fingerprint is <= max_kept.

    Shingles are taken at every `stride`-th word of a document, where that is a power of two. The words of all documents
    are taken as one stream, in pieces that fit the cache; shingles that cross the border of two documents are thrown
    out afterwards, among the few that are small enough.
    """
    size = shingle + AT_ONCE + most_words(SEGMENT)
    words, shingles, places = np.empty(size, np.uint64), np.empty(size, np.uint64), np.empty(size + 1, np.uint32)
    nothing, scratch = np.empty(0, np.uint32), make_scratch(text, keys[0])
    room_for_words = WordRoom(words, nothing, nothing, 0)
    first_words, invalid = np.zeros(offsets.size, np.int64), np.zeros(offsets.size - 1, np.int64)
    sketched = Sketched(np.empty(room, np.int32), np.empty(room, np.uint32), np.empty(room, np.uint64))
    hashes = np.empty((offsets[-1] - offsets[0]) // 5, np.uint32)
    count, before, filled, owner = 0, 0, 0, 0  # words held, words of the stream before them, fingerprints kept
    for d in range(offsets.size - 1):
        at, stop = offsets[d], offsets[d + 1]
        while at < stop or (d == offsets.size - 2 and count >= shingle):
            at, count, bad = append_words(data, at, stop, scratch, room_for_words, count)
            invalid[d] += bad
            first_words[d + 1] = before + count
            if count >= AT_ONCE or (at >= stop and d == offsets.size - 2):
                hashed = hash_shingles(words, count, shingle, keys, shingles)
                if max_kept == EVERY:
                    sketched = with_room(sketched, filled + hashed + 1)
                    owner, filled = store_all(
                        shingles, hashed, before, shingle, first_words, owner, sketched, filled, stride
                    )
                else:
                    chosen = keep_smallest(shingles, hashed, max_kept, places)
                    sketched = with_room(sketched, filled + chosen + 1)
                    owner, filled = store_kept(
                        shingles, places, chosen, before, shingle, first_words, owner, sketched, filled, stride
                    )
                hashes = grown(hashes, before + count)
                low_halves(words, hashes[before : before + count])
                for k in range(hashed, count):
                    words[k - hashed] = words[k]
                before, count = before + hashed, count - hashed
        first_words[d + 1] = before + count
    used = before + count
    hashes = grown(hashes, used)
    low_halves(words, hashes[before:used])
    sizes = np.empty(offsets.size - 1, np.int64)
    for d in range(sizes.size):
        sizes[d] = first_words[d + 1] - first_words[d]
    documents, positions, fingerprints = sketched
    return Sketches(documents[:filled], positions[:filled], fingerprints[:filled], sizes, invalid, hashes[:used])


def sketch_batch(data: Bytes, offsets: Integers, shingle: int, max_kept: int, keys: U64s, stride: int = 1) -> Sketches:
    """FracMinHash sketches of a batch; `offsets` has one item more than there are documents.

    Of the fingerprints that are kept, those at every `stride`-th word of each document.
    """
    size = int(offsets[-1] - offsets[0]) if offsets.size else 0
    expected = int(size / 5 * (max_kept / 2**64) * 1.2 / stride) + 1024
    most = np.uint64(max_kept)
    return sketch_documents(data, offsets, text_rules(), shingle, most, keys, expected, stride)


@kernel
def kept_shingles(hashes: U64s, shingle: int, max_kept: np.uint64, keys: U64s) -> tuple[U32s, U64s]:
    """Positions and fingerprints of the shingles of one text that are kept, in order; a cacheful of words at a time."""
    positions, fingerprints = np.empty(1024, np.uint32), np.empty(1024, np.uint64)
    shingles, places = np.empty(AT_ONCE, np.uint64), np.empty(AT_ONCE + 1, np.uint32)
    count = 0
    for first in range(0, max(0, hashes.size - shingle + 1), AT_ONCE):
        piece = hashes[first : first + AT_ONCE + shingle - 1]
        hashed = hash_shingles(piece, piece.size, shingle, keys, shingles)
        new = keep_smallest(shingles, hashed, max_kept, places)
        positions, fingerprints = grown(positions, count + new), grown(fingerprints, count + new)
        for k in range(new):
            positions[count + k], fingerprints[count + k] = first + places[k], shingles[places[k]]
        count += new
    return positions[:count], fingerprints[:count]


def fingerprints_of(hashes: U64s, shingle: int, keys: U64s) -> U64s:
    """Fingerprints of all shingles of one text, unsampled, in order."""
    out = np.empty(max(0, hashes.size - shingle + 1), np.uint64)
    hash_shingles(hashes, hashes.size, shingle, keys, out)
    return out
