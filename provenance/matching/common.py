"""Common text: what is learned of it from ordinary documents, and which passages are little else."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from provenance.arrays import Bools, Integers, U64s
from provenance.documents import Documents
from provenance.index.opening import Index
from provenance.matching.passages import Passages
from provenance.matching.seeds import Lookup

MOST_COMMON = 0.5  # share of a passage's fingerprints; with more it is common text with some words of its own


class CommonText(NamedTuple):
    """Fingerprints of an index that stand in ordinary text, rising, and in how many documents each of them does."""

    fingerprints: U64s
    documents: Integers


def common_text_of(index: Index, documents: Documents) -> CommonText:
    """What documents have of an index. One counts as often as it stands there, however the documents are stored."""
    values, times, _ = documents.distinct()
    sketches = index.sketch.sketch(values.data, values.offsets, index.key.keys)
    queries = index.find(sketches.fingerprints).queries
    owners, fingerprints = sketches.documents[queries], sketches.fingerprints[queries]
    order = np.lexsort((owners, fingerprints))
    owners, fingerprints = owners[order], fingerprints[order]
    fresh = np.ones(owners.size, dtype=np.bool_)  # a fingerprint counts once in a document
    fresh[1:] = (fingerprints[1:] != fingerprints[:-1]) | (owners[1:] != owners[:-1])
    return joined([CommonText(fingerprints[fresh], times[owners[fresh]])])


def joined(parts: Sequence[CommonText]) -> CommonText:
    """The same of several batches together."""
    nothing = np.empty(0, dtype=np.uint64)
    fingerprints, places = np.unique(np.concatenate([nothing, *(p.fingerprints for p in parts)]), return_inverse=True)
    documents = np.zeros(fingerprints.size, dtype=np.int64)
    np.add.at(documents, places, np.concatenate([np.empty(0, dtype=np.int64), *(p.documents for p in parts)]))
    return CommonText(fingerprints, documents)


def is_distinctive(lookup: Lookup, passages: Passages, least: int) -> Bools:
    """Whether passages say something: not most of one is common text, or `least` words of it besides are not.

    Judged by the fingerprints found in the index from the first word of each in its document to the last.
    """
    first = np.searchsorted(lookup.places, passages.documents << 32 | passages.doc_begins, side="left")
    last = np.searchsorted(lookup.places, passages.documents << 32 | passages.doc_ends, side="left")
    before = np.concatenate([[0], np.cumsum(lookup.common)])
    share = (before[last] - before[first]) / np.maximum(last - first, 1)
    return np.asarray((share <= MOST_COMMON) | (passages.matched * (1 - share) >= least), dtype=np.bool_)
