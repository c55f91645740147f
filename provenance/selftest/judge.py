"""Matches rows with plants as a scan would, and says of each plant whether it was found."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple, TypeVar

import pyarrow as pa

from provenance.matching.matcher import Matcher
from provenance.selftest.plants import Piece

T = TypeVar("T")

BATCH_BYTES, BATCH_ROWS = 8 << 20, 1024  # of texts that are matched in one call


class Planted(NamedTuple):
    """A passage of a work in one row, or in two if it was cut."""

    cell: int
    work: str
    pieces: list[Piece]


@dataclass
class Tally:
    """What became of the plants of a cell."""

    planted: int = 0
    found: int = 0  # matches that name the work lie on half of the planted bytes or more ...
    credited: int = 0  # ... and so do those among them that credit it


class Span(NamedTuple):
    """A stretch of a row that is said to be of a work, which is credited for it or named beside the one that is."""

    begin: int
    end: int
    work: str
    credited: bool


def matched_rows(matcher: Matcher, texts: Sequence[bytes]) -> list[bool]:
    """For each text whether it has a match."""
    results = []
    for batch in _batches(texts, lambda text: [text]):
        spans = spans_of(matcher, batch)
        results += [number in spans for number in range(len(batch))]
    return results


def judge(matcher: Matcher, plants: Iterable[Planted], cells: int, on_plants: Callable[[int], None]) -> list[Tally]:
    """What became of the plants of each cell; `on_plants` is told how many were judged."""
    tallies = [Tally() for _ in range(cells)]
    for batch in _batches(plants, lambda plant: [piece.text for piece in plant.pieces]):
        spans = spans_of(matcher, [piece.text for plant in batch for piece in plant.pieces])
        rows = count()
        for plant in batch:
            own, tally = [spans[next(rows)] for _ in plant.pieces], tallies[plant.cell]
            tally.planted += 1
            tally.found += is_found(plant, own, only_credited=False)
            tally.credited += is_found(plant, own, only_credited=True)
        on_plants(len(batch))
    return tallies


def is_found(plant: Planted, spans: Sequence[Sequence[Span]], only_credited: bool) -> bool:
    """Whether half of the planted bytes lie in spans of the work; the spans are those of each piece's row."""
    planted = sum(piece.end - piece.begin for piece in plant.pieces)
    covered = 0
    for piece, spans_of_piece in zip(plant.pieces, spans, strict=True):
        reached = piece.begin
        for span in sorted(spans_of_piece):
            if span.work == plant.work and (span.credited or not only_credited):
                covered += max(0, min(span.end, piece.end) - max(span.begin, reached))
                reached = max(reached, span.end)
    return 0 < planted <= 2 * covered


def spans_of(matcher: Matcher, texts: Sequence[bytes]) -> dict[int, list[Span]]:
    """What a scan says of each of some texts."""
    matches = matcher.match(pa.array(texts, pa.large_binary()))
    documents, begins, ends = (matches[name].to_numpy() for name in ("document", "doc_begin", "doc_end"))
    spans: dict[int, list[Span]] = defaultdict(list)
    for row, match in enumerate(matches.select(["work_id", "shared"]).to_pylist()):
        works = [(match["work_id"], True), *((other["work_id"], False) for other in match["shared"])]
        for work, credited in works:
            spans[int(documents[row])].append(Span(int(begins[row]), int(ends[row]), work, credited))
    return spans


def _batches(items: Iterable[T], texts_of: Callable[[T], list[bytes]]) -> Iterator[list[T]]:
    batch, size, rows = list[T](), 0, 0
    for item in items:
        texts = texts_of(item)
        batch.append(item)
        size, rows = size + sum(map(len, texts)), rows + len(texts)
        if size >= BATCH_BYTES or rows >= BATCH_ROWS:
            yield batch
            batch, size, rows = [], 0, 0
    if batch:
        yield batch
