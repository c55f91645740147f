"""Aligns chains word by word with the editions' texts, and joins the pieces of one copy."""

import numpy as np

from provenance.index.opening import Index
from provenance.kernels.align import align_chains
from provenance.kernels.chain import Chains
from provenance.kernels.fingerprints import Sketches
from provenance.kernels.join import join_passages
from provenance.matching.config import MatchConfig
from provenance.matching.passages import Passages


def align(index: Index, chains: Chains, sketches: Sketches, config: MatchConfig) -> Passages:
    """The passages that chains grow into."""
    piece_words = min(config.piece_words, config.min_words)
    pieces = align_chains(sketches.texts, index.hashed_texts, chains, index.sketch.span, config.drop, piece_words)
    table, blocks = join_passages(pieces, chains, config.join_gap, config.min_words, config.min_noisy)
    chain, doc_begin, doc_end, ref_begin, ref_end, matched, columns, longest, first, score = table.T
    identity = matched / columns
    return Passages(
        documents=chains.documents[chain],
        editions=chains.editions[chain],
        doc_begins=doc_begin,
        doc_ends=doc_end,
        ref_begins=ref_begin,
        ref_ends=ref_end,
        matched=matched,
        identity=identity,
        matched_low=matched,
        matched_high=matched,
        identity_low=identity,
        identity_high=identity,
        longest=longest,
        score=score / 2,
        block_firsts=first,
        block_counts=np.diff(np.append(first, len(blocks))),
        blocks=blocks,
    )
