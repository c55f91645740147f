"""Verifies a chain word by word: exact blocks at its hits, aligned between and beyond, cut where agreement stops.

Alignment is rapidfuzz's Levenshtein over word hashes. A matched word scores +1, any other column -1; the pieces
kept are the maximal segments of that score that do not fall by `drop` (the X-drop rule of BLAST; Zhang et al. 2000).
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import Levenshtein

from provenance.kernels.blocks import exact_blocks
from provenance.matching.config import MatchConfig

Hashes = npt.NDArray[np.uint64]
Block = tuple[int, int, int]
"""`(doc word, ref word, words)`: a run of equal words."""


class Alignment(NamedTuple):
    """Equal runs of one passage, rising and disjoint on both sides; what lies between them differs."""

    blocks: list[Block]

    @property
    def doc_span(self) -> tuple[int, int]:
        """First word and the word after the last, in the document."""
        return self.blocks[0][0], self.blocks[-1][0] + self.blocks[-1][2]

    @property
    def ref_span(self) -> tuple[int, int]:
        """First word and the word after the last, in the edition."""
        return self.blocks[0][1], self.blocks[-1][1] + self.blocks[-1][2]

    @property
    def matched_words(self) -> int:
        """Words that are equal and aligned."""
        return sum(words for _, _, words in self.blocks)

    @property
    def longest_run(self) -> int:
        """The longest run of equal words."""
        return max(words for _, _, words in self.blocks)

    @property
    def identity(self) -> float:
        """Matched words over alignment columns; a column is a pair of words or a word without a partner."""
        columns = self.matched_words + sum(_gap(a, b) for a, b in pairwise(self.blocks))
        return self.matched_words / columns


def align_chain(
    doc: Hashes,
    ref: Hashes,
    doc_hits: npt.NDArray[np.int64],
    ref_hits: npt.NDArray[np.int64],
    config: MatchConfig,
) -> list[Alignment]:
    """The passages of a chain that hold at least `min_words` matched words; positions are those of `doc` and `ref`."""
    anchors: list[Block] = [tuple(block) for block in exact_blocks(doc, ref, doc_hits, ref_hits).tolist()]
    if not anchors:
        return []
    blocks = _extend_left(doc, ref, anchors[0], config) + _fill(doc, ref, anchors)
    blocks += _extend_right(doc, ref, anchors[-1], config)
    pieces = [Alignment(piece) for piece in split_blocks(_merged(blocks), config.drop)]
    return [piece for piece in pieces if piece.matched_words >= config.min_words]


def _gap(a: Block, b: Block) -> int:
    """Columns between two blocks: the longer of the two stretches, the shorter being aligned inside it."""
    return max(b[0] - a[0], b[1] - a[1]) - a[2]


def _fill(doc: Hashes, ref: Hashes, anchors: list[Block]) -> list[Block]:
    """The anchors with the equal words between them."""
    blocks = anchors[:1]
    for before, after in pairwise(anchors):
        q, r = before[0] + before[2], before[1] + before[2]
        blocks += _equal_words(doc[q : after[0]], ref[r : after[1]], q, r)
        blocks.append(after)
    return blocks


def _equal_words(doc: Hashes, ref: Hashes, q: int, r: int) -> list[Block]:
    """Equal runs of the best alignment of two stretches that begin at q and r."""
    if not doc.size or not ref.size or (doc.size == 1 and ref.size == 1):
        return []
    found = Levenshtein.editops(doc.tolist(), ref.tolist()).as_matching_blocks()
    return [(q + block.a, r + block.b, block.size) for block in found if block.size]


def _extend_right(doc: Hashes, ref: Hashes, last: Block, config: MatchConfig) -> list[Block]:
    """Equal runs after the last block, as far as the score still rises."""
    q, r = last[0] + last[2], last[1] + last[2]
    blocks: list[Block] = []
    while q < doc.size and r < ref.size:
        found = _equal_words(doc[q : q + config.reach], ref[r : r + config.reach], q, r)
        kept = _rising(found, (q, r), config.drop)
        if not kept:
            break
        blocks += kept
        q, r = kept[-1][0] + kept[-1][2], kept[-1][1] + kept[-1][2]
    return blocks


def _extend_left(doc: Hashes, ref: Hashes, first: Block, config: MatchConfig) -> list[Block]:
    """The same before the first block: the sides reversed, extended right, and reversed back."""
    q, r = first[0], first[1]
    mirrored = _extend_right(doc[:q][::-1], ref[:r][::-1], (0, 0, 0), config)
    return [(q - b[0] - b[2], r - b[1] - b[2], b[2]) for b in reversed(mirrored)]


def _rising(blocks: list[Block], origin: tuple[int, int], drop: int) -> list[Block]:
    """Blocks up to the highest score, counted from `origin`; none where no score is above zero."""
    score, best, kept = 0, 0, 0
    before: Block = (*origin, 0)
    for number, block in enumerate(blocks, 1):
        score -= _gap(before, block)
        if best - score > drop:
            break
        score += block[2]
        if score > best:
            best, kept = score, number
        before = block
    return blocks[:kept]


def _merged(blocks: list[Block]) -> list[Block]:
    """Blocks that touch on both sides joined into one."""
    out: list[Block] = []
    for block in blocks:
        if out and out[-1][0] + out[-1][2] == block[0] and out[-1][1] + out[-1][2] == block[1]:
            out[-1] = (out[-1][0], out[-1][1], out[-1][2] + block[2])
        else:
            out.append(block)
    return out


def split_blocks(blocks: list[Block], drop: int) -> list[list[Block]]:
    """Cut blocks into maximal scoring segments: ended at the peak once the score fell by `drop` or to zero."""
    segments: list[list[Block]] = []
    start = 0
    while start < len(blocks):
        score = best = blocks[start][2]
        peak = start
        for here in range(start + 1, len(blocks)):
            score -= _gap(blocks[here - 1], blocks[here])
            if score <= 0 or best - score > drop:
                break
            score += blocks[here][2]
            if score > best:
                best, peak = score, here
        segments.append(blocks[start : peak + 1])
        start = peak + 1
    return segments
