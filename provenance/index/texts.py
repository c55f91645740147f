"""Edition texts in blocks of about 64 kB, each a zstd frame that starts at a word, so that any window is read cheaply.

The frames lie one after another: `zstd -d texts.zst` gives all texts joined. The block table says where each begins.
"""

from functools import lru_cache
from typing import IO, NamedTuple

import numpy as np
import pyarrow as pa

from provenance.arrays import Bytes, Integers, U32s, U64s
from provenance.errors import IndexDamagedError
from provenance.kernels.places import UNKNOWN, places_of
from provenance.kernels.quotes import count_characters
from provenance.kernels.words import Words, words_of

BLOCK_BYTES = 1 << 16
ZSTD_LEVEL = 1
LARGEST = (1 << 32) - 1  # offset in a text
COLUMNS = ("first_word", "text_begin", "file_begin", "edition")  # of the block table; u64 each
CACHED_BLOCKS = 256  # about 40 MB of words
CACHED_TEXTS = 64  # blocks; 4 MB


class Frame(NamedTuple):
    """A compressed block of a text: its first word, its first byte, both in the edition, and its bytes."""

    first_word: int
    text_begin: int
    data: bytes


def compress(text: bytes, begins: U32s) -> list[Frame]:
    """The blocks of one text; `begins` are its words' byte offsets."""
    codec, frames = pa.Codec("zstd", compression_level=ZSTD_LEVEL), []
    at = word = 0  # a block begins with the text's first byte, or the first byte of a word
    while at < len(text):
        # the wanted offset as its own type: another one would have NumPy convert all of them, for every block
        following = int(np.searchsorted(begins, np.uint32(min(at + BLOCK_BYTES, LARGEST))))
        end = int(begins[following]) if following < begins.size else len(text)
        frames.append(Frame(word, at, codec.compress(text[at:end], asbytes=True)))
        at, word = end, following
    return frames


class TextWriter:
    """Appends edition texts to the block file and collects the block table."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._rows: list[tuple[int, int, int, int]] = []
        self._written = 0

    def add(self, edition: int, first_word: int, frames: list[Frame]) -> None:
        """Add one text, whose first word has the global position `first_word`."""
        for frame in frames:
            self._rows.append((first_word + frame.first_word, frame.text_begin, self._written, edition))
            self._written += self._file.write(frame.data)

    def table(self) -> U64s:
        """The block table (blocks, 4): see COLUMNS."""
        return np.array(self._rows, dtype="<u8").reshape(-1, len(COLUMNS))


class EditionTexts:
    """Reads windows of edition texts; the last blocks read stay cut into words."""

    def __init__(
        self, data: Bytes, blocks: U64s, spans: Bytes, first_words: Integers, text_bytes: Integers, keys: U64s
    ) -> None:
        self._data, self._blocks, self._spans, self._keys = data, blocks, spans, keys
        self._first_words, self._text_bytes = first_words, text_bytes
        # searched often, and a search in a column of a wider table would copy it first
        columns = np.ascontiguousarray(blocks[:, [0, 1, 3]].astype(np.int64).T)
        self._block_words, self._block_begins, self._block_editions = columns
        self._edition_blocks = np.searchsorted(self._block_editions, np.arange(text_bytes.size + 1))
        self._codec = pa.Codec("zstd")
        self._words, self._text_of = lru_cache(CACHED_BLOCKS)(self._cut), lru_cache(CACHED_TEXTS)(self._read)
        self._characters: dict[int, Integers] = {}  # by edition: code points before each of its blocks

    def text(self, edition: int) -> bytes:
        """The whole text of an edition, byte for byte as it was indexed."""
        return b"".join(self._read(block) for block in range(*self._blocks_of(edition)))

    def size(self, edition: int) -> int:
        """Bytes of the text of an edition."""
        return int(self._text_bytes[edition])

    def stretch(self, edition: int, begin: int, end: int) -> tuple[int, bytes]:
        """Bytes of an edition's text that hold those from `begin` to `end`: whole blocks, and where they begin."""
        low, high = self._blocks_of(edition)
        starts = self._block_begins[low:high]
        first, last = int(np.searchsorted(starts, begin, side="right")) - 1, int(np.searchsorted(starts, end))
        pieces = [self._text_of(low + block) for block in range(first, max(first + 1, last))]
        return int(starts[first]), pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def between(self, edition: int, begin: int, end: int) -> bytes:
        """Bytes of an edition's text."""
        at, text = self.stretch(edition, begin, end)
        return text[begin - at : end - at]

    def characters_before(self, edition: int, offset: int) -> int:
        """Code points of an edition's text before a byte; an invalid sequence counts as one.

        The first question about an edition reads all of it.
        """
        low, high = self._blocks_of(edition)
        before = self._characters.get(edition)
        if before is None:
            counts = [count_characters(np.frombuffer(self._read(block), np.uint8)) for block in range(low, high)]
            before = self._characters[edition] = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
        block = int(np.searchsorted(self._block_begins[low:high], offset, side="right")) - 1
        begin = int(self._block_begins[low + block])
        if offset == begin:
            return int(before[block])
        within = np.frombuffer(self._text_of(low + block), np.uint8)[: offset - begin]
        return int(before[block]) + int(count_characters(within))

    def _blocks_of(self, edition: int) -> tuple[int, int]:
        """The first block of an edition, and that behind its last."""
        low, high = self._edition_blocks[edition : edition + 2].tolist()
        return low, high

    def window(self, edition: int, first: int, last: int) -> tuple[int, U64s]:
        """The first word, and the hashes, of the whole blocks that have words `[first, last)` of the edition."""
        base = int(self._first_words[edition])
        low, high = self._blocks_of(edition)
        starts = self._block_words[low:high] - base
        begin = max(0, int(np.searchsorted(starts, first, side="right")) - 1)
        end = max(begin + 1, int(np.searchsorted(starts, last, side="left")))
        hashes = np.concatenate([self._words(block).hashes for block in range(low + begin, low + end)])
        return int(starts[begin]), hashes

    def places(self, words: Integers) -> tuple[Integers, Integers]:
        """Where words, given by global position, begin and end in their edition's text.

        Raises IndexDamagedError for a place behind the end of the text.
        """
        order = np.argsort(words, kind="stable")
        rising = words[order]
        blocks = np.searchsorted(self._block_words, rising, side="right") - 1
        begin, end = places_of(rising, blocks, self._block_words, self._block_begins, self._spans)
        for rows in _runs(blocks, np.flatnonzero(begin == UNKNOWN)):  # a word or a gap that two bytes cannot hold
            block = int(blocks[rows[0]])
            cut, within = self._words(block), rising[rows] - self._block_words[block]
            if within[-1] >= cut.hashes.size:
                raise IndexDamagedError(f"text block {block} of the index has fewer words than its table says")
            begin[rows] = cut.begins[within] + self._block_begins[block]
            end[rows] = cut.ends[within] + self._block_begins[block]
        if (end > self._text_bytes[self._block_editions[blocks]]).any():
            raise IndexDamagedError("the index has words that end behind their text")
        begins, ends = np.empty_like(begin), np.empty_like(end)
        begins[order], ends[order] = begin, end
        return begins, ends

    def _cut(self, block: int) -> Words:
        return words_of(np.frombuffer(self._read(block), dtype=np.uint8), self._keys)

    def _read(self, block: int) -> bytes:
        _, text_begin, file_begin, edition = (int(v) for v in self._blocks[block])
        text_end, file_end = int(self._text_bytes[edition]), self._data.size
        if block + 1 < len(self._blocks):
            following = self._blocks[block + 1]
            file_end = int(following[2])
            if int(following[3]) == edition:
                text_end = int(following[1])
        try:
            frame = pa.py_buffer(self._data[file_begin:file_end])
            return bytes(self._codec.decompress(frame, decompressed_size=text_end - text_begin, asbytes=True))
        except (pa.ArrowException, OSError, ValueError) as error:
            raise IndexDamagedError(f"text block {block} of the index cannot be read: {error}") from error


def _runs(values: Integers, rows: Integers) -> list[Integers]:
    """The rows in runs of equal values."""
    return np.split(rows, np.flatnonzero(np.diff(values[rows])) + 1) if rows.size else []
