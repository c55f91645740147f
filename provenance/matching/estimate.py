"""A match from seeds alone, for an index without texts: what can be said of a chain that cannot be verified."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from provenance.index import Index
from provenance.matching.config import MatchConfig
from provenance.matching.credit import Candidate
from provenance.matching.lookup import Chain


def estimate(index: Index, chain: Chain, kept: npt.NDArray[np.uint32], config: MatchConfig) -> Candidate | None:
    """The passage that a chain stands for, or None where it is too short or has too few hits to say anything.

    `kept` are the word positions of all fingerprints kept from the document. The share of them that hit, between the
    outer hits, estimates the containment of the shingles; its n-th root the identity of the words, because a shingle
    of n words survives with p^n when each word does with p (Ondov et al. 2016, Mash; Hera et al. 2023, FracMinHash).
    """
    span, shingle = index.sketch.span, index.sketch.shingle
    first, last = int(chain.doc_hits[0]), int(chain.doc_hits[-1])
    between = int(np.count_nonzero((kept >= first) & (kept <= last)))
    words = last + span - first
    identity = min(1.0, (chain.doc_hits.size / max(between, 1)) ** (1 / shingle))
    matched = round(identity * words)
    if matched < config.min_words or chain.doc_hits.size <= config.min_hits:
        return None
    return Candidate(
        document=chain.document,
        edition=chain.edition,
        edition_id=index.edition_ids[chain.edition],
        work_id=index.work_ids[chain.edition],
        doc_words=(first, first + words),
        ref_words=(int(chain.ref_hits[0]), int(chain.ref_hits[-1]) + span),
        ref_bytes=None,
        matched_words=matched,
        identity=identity,
        longest_run=span,
        blocks=[(first, int(chain.ref_hits[0]), words)],
    )
