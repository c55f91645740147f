"""What stands at a match on both of its sides: the text, cut; its digest, uncut; what stands around it; code points.

Invalid bytes count, and are shown, as the U+FFFD that Python's decoder puts in their place.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from provenance.arrays import Integers
from provenance.documents import Documents
from provenance.errors import IndexDamagedError
from provenance.index.texts import EditionTexts
from provenance.kernels.quotes import AFTER, BEFORE, CHAR_BEGIN, CHAR_END, EXCERPT_END, SOUND, cut_quotes, gather
from provenance.matching.table import as_arrow

CONTEXT_BYTES = 160  # before and after; less where that would cut a character
MOST_AT_ONCE = 4096  # quotes of editions
MOST_TEXT = 16 << 20  # bytes of editions that are held for them; or one passage

QUOTE_SCHEMA = pa.schema(
    [
        ("char_begin", pa.int64()),  # code points of the whole text before it
        ("char_end", pa.int64()),
        ("excerpt", pa.string()),  # at most so many characters as were asked for
        ("excerpt_sha256", pa.string()),  # of all its bytes
        ("before", pa.string()),
        ("after", pa.string()),
    ]
)

Bytes = npt.NDArray[np.uint8]


def document_quotes(documents: Documents, places: Sequence[Integers], most: int) -> pa.RecordBatch:
    """The documents' sides of matches of a batch; `places` are, of each, its document and where it begins and ends."""
    numbers, begins, ends = places
    lows, highs = documents.begins[numbers], documents.ends[numbers]
    return _quotes(documents.data, lows, highs, begins, ends, np.zeros_like(lows), most)


def edition_quotes(texts: EditionTexts, places: Sequence[Integers], most: int) -> pa.Table:
    """The editions' sides of matches; `places` are, of each match, its edition and where it begins and ends there.

    Raises IndexDamagedError for one that is not inside its edition.
    """
    rows = np.column_stack(places)
    pieces = [
        _quotes_of_editions(texts, rows[first : first + MOST_AT_ONCE], most)
        for first in range(0, len(rows), MOST_AT_ONCE)
    ]
    return pa.concat_tables([QUOTE_SCHEMA.empty_table(), *pieces])


def _quotes_of_editions(texts: EditionTexts, places: Integers, most: int) -> pa.Table:
    # what stands in thousands of documents is the same passage of the same edition; in order each block is read once
    order = np.lexsort(places.T[::-1])
    rising = places[order]
    fresh = np.concatenate([[True], (rising[1:] != rising[:-1]).any(axis=1)])
    passages, which = rising[fresh], np.empty(len(places), dtype=np.int64)
    which[order] = np.cumsum(fresh) - 1
    quotes: list[pa.RecordBatch] = []
    first = 0
    while first < len(passages):
        held, last = _Held(), first
        while last < len(passages) and (last == first or held.size < MOST_TEXT):
            held.add(texts, *passages[last].tolist())
            last += 1
        _, begins, ends = passages[first:last].T
        lows, highs, starts, characters = np.array(held.rows, dtype=np.int64).T
        if (begins > ends).any() or (ends - starts > highs - lows).any():  # which kernels do not look for
            raise IndexDamagedError("the index has matches that end behind their text")
        data = np.frombuffer(b"".join(held.pieces), dtype=np.uint8)
        quotes.append(_quotes(data, lows, highs, begins - starts, ends - starts, characters, most))
        first = last
    return pa.Table.from_batches(quotes).take(as_arrow(which))


class _Held:
    """Stretches of editions that hold passages, one behind another; passages beside one another share a stretch."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.size = 0
        self.rows: list[tuple[int, int, int, int]] = []  # of each passage: where its stretch lies, begins, and is from
        self._edition = self._end = -1

    def add(self, texts: EditionTexts, edition: int, begin: int, end: int) -> None:
        """Hold a passage with what stands around it; passages must rise."""
        low, high = max(0, begin - CONTEXT_BYTES), min(texts.size(edition), end + CONTEXT_BYTES)
        if edition != self._edition or high > self._end:
            start, text = texts.stretch(edition, low, high)
            self.rows.append((self.size, self.size + len(text), start, texts.characters_before(edition, start)))
            self.pieces.append(text)
            self.size += len(text)
            self._edition, self._end = edition, start + len(text)
        else:
            self.rows.append(self.rows[-1])


def _quotes(
    data: Bytes, lows: Integers, highs: Integers, begins: Integers, ends: Integers, characters: Integers, most: int
) -> pa.RecordBatch:
    """Quotes of passages `begins` to `ends` of texts `data[lows:highs]`, before which there are so many characters."""
    cut = cut_quotes(data, np.lexsort((begins, lows)), lows, highs, begins, ends, CONTEXT_BYTES, most)
    first, last = lows + begins, lows + ends
    sound, view = bool(cut[:, SOUND].all()), data.data
    digests = [
        hashlib.sha256(view[low:high]).hexdigest() for low, high in zip(first.tolist(), last.tolist(), strict=True)
    ]
    columns = [
        as_arrow(cut[:, CHAR_BEGIN] + characters),
        as_arrow(cut[:, CHAR_END] + characters),
        _strings(data, first, cut[:, EXCERPT_END], sound),
        pa.array(digests, pa.string()),
        _strings(data, cut[:, BEFORE], first, sound),
        _strings(data, last, cut[:, AFTER], sound),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=QUOTE_SCHEMA)


def _strings(data: Bytes, begins: Integers, ends: Integers, sound: bool) -> pa.Array:
    """Stretches of bytes as strings; where they are not all valid UTF-8, as Python's decoder has them."""
    if not sound:
        view, places = data.data, zip(begins.tolist(), ends.tolist(), strict=True)
        return pa.array([str(view[begin:end], "utf-8", "replace") for begin, end in places], pa.string())
    values, offsets = gather(data, begins, ends)
    return pa.Array.from_buffers(pa.string(), begins.size, [None, pa.py_buffer(offsets), pa.py_buffer(values)])
