"""What stands at a match on both of its sides: the text, cut; its digest, uncut; what stands around it; code points.

Invalid bytes count, and are shown, as the U+FFFD that Python's decoder puts in their place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from provenance.index.texts import EditionTexts
from provenance.matching.passages import Integers

CONTEXT_BYTES = 160  # before and after; less where that would cut a character
MOST_AT_ONCE = 4096  # quotes that are Python's strings at a time, which take more memory than Arrow's

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

Bytes = bytes | memoryview


class Quote(NamedTuple):
    """One side of a match: a row of QUOTE_SCHEMA."""

    char_begin: int
    char_end: int
    excerpt: str
    excerpt_sha256: str
    before: str
    after: str


def document_quotes(
    data: memoryview, starts: Integers, ends: Integers, places: Sequence[Integers], most: int
) -> pa.RecordBatch:
    """The documents' sides of matches of a batch; `places` are, of each, its document and where it begins and ends."""
    documents, begins, stops = places
    quotes: list[Quote | None] = [None] * documents.size
    of, counted, characters = -1, 0, 0  # characters of the document before the byte `counted`
    for match in np.lexsort((begins, documents)).tolist():
        document, begin, end = int(documents[match]), int(begins[match]), int(stops[match])
        low, high = int(starts[document]), int(ends[document])
        if document != of:
            of, counted, characters = document, 0, 0
        characters += len(str(data[low + counted : low + begin], "utf-8", "replace"))
        counted = begin

        def between(first: int, last: int, low: int = low) -> memoryview:
            return data[low + first : low + last]

        quotes[match] = _quote(between, begin, end, high - low, characters, most)
    return _batch(quotes)


def edition_quotes(texts: EditionTexts, places: Sequence[Integers], most: int) -> pa.Table:
    """The editions' sides of matches; `places` are, of each match, its edition and where it begins and ends there."""
    pieces = [
        _quotes_of_editions(texts, [column[first : first + MOST_AT_ONCE] for column in places], most)
        for first in range(0, places[0].size, MOST_AT_ONCE)
    ]
    return pa.Table.from_batches(pieces, QUOTE_SCHEMA)


def _quotes_of_editions(texts: EditionTexts, places: Sequence[Integers], most: int) -> pa.RecordBatch:
    editions, begins, stops = places
    quotes: list[Quote | None] = [None] * editions.size
    last, quote = None, None
    for match in np.lexsort((stops, begins, editions)).tolist():  # in order each block is read once
        place = edition, begin, end = int(editions[match]), int(begins[match]), int(stops[match])
        if place != last:  # what stands in thousands of documents is the same passage of the same edition

            def between(low: int, high: int, edition: int = edition) -> bytes:
                return texts.between(edition, low, high)

            size, characters = texts.size(edition), texts.characters_before(edition, begin)
            last, quote = place, _quote(between, begin, end, size, characters, most)
        quotes[match] = quote
    return _batch(quotes)


def _batch(quotes: Sequence[Quote | None]) -> pa.RecordBatch:
    known = [quote for quote in quotes if quote is not None]
    columns = zip(*known, strict=True) if known else [()] * len(QUOTE_SCHEMA)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, QUOTE_SCHEMA, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=QUOTE_SCHEMA)


def _quote(between: Callable[[int, int], Bytes], begin: int, end: int, size: int, characters: int, most: int) -> Quote:
    low, high = max(0, begin - CONTEXT_BYTES), min(size, end + CONTEXT_BYTES)
    around = between(low, high)
    passage = around[begin - low : end - low]
    text = str(passage, "utf-8", "replace")
    before, after = bytes(around[: begin - low]), bytes(around[end - low :])
    return Quote(
        characters,
        characters + len(text),
        text[:most],
        hashlib.sha256(passage).hexdigest(),
        _from_character(before).decode("utf-8", "replace") if low else before.decode("utf-8", "replace"),
        _to_character(after).decode("utf-8", "replace") if high < size else after.decode("utf-8", "replace"),
    )


def _from_character(data: bytes) -> bytes:
    """The same from the beginning of a character on."""
    at = next((n for n in range(min(4, len(data))) if data[n] & 0xC0 != 0x80), 0)
    return data[at:]


def _to_character(data: bytes) -> bytes:
    """The same without a character at its end that is cut."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte & 0xC0 == 0x80:
            continue
        length = 1 if byte < 0x80 else 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
        return data[:-back] if length > back else data
    return data
