"""Common text: what is learned of it from ordinary documents, and which passages are little else."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from provenance.documents import documents_of
from provenance.index.opening import Index
from provenance.matching.lookup import Lookup
from provenance.matching.passages import Integers, Passages

MOST_COMMON = 0.5  # share of a passage's fingerprints; with more it is common text with some words of its own


class Known(NamedTuple):
    """Fingerprints of an index that stand in ordinary text, rising, and in how many documents each of them does."""

    fingerprints: npt.NDArray[np.uint64]
    documents: Integers


def known_fingerprints(index: Index, texts: pa.Array) -> Known:
    """What documents have of an index. A document counts as often as it stands in `texts`, however those are stored."""
    if pa.types.is_dictionary(texts.type):
        codes, rows = np.unique(texts.indices.drop_null().to_numpy(), return_counts=True)
        texts = texts.dictionary.take(pa.array(codes))
    else:
        rows = np.ones(len(texts), dtype=np.int64)
    documents = documents_of(texts)
    sketches = index.sketch.sketch(documents.data, documents.offsets, index.key.keys)
    found = index.find(sketches.fingerprints).queries
    owners, fingerprints = sketches.documents[found], sketches.fingerprints[found]
    order = np.lexsort((owners, fingerprints))
    owners, fingerprints = owners[order], fingerprints[order]
    fresh = np.ones(owners.size, dtype=np.bool_)  # a fingerprint counts once in a document
    fresh[1:] = (fingerprints[1:] != fingerprints[:-1]) | (owners[1:] != owners[:-1])
    return joined([Known(fingerprints[fresh], rows[owners[fresh]])])


def joined(parts: list[Known]) -> Known:
    """The same of several batches together."""
    nothing = np.empty(0, dtype=np.uint64)
    fingerprints, places = np.unique(np.concatenate([nothing, *(p.fingerprints for p in parts)]), return_inverse=True)
    documents = np.zeros(fingerprints.size, dtype=np.int64)
    np.add.at(documents, places, np.concatenate([np.empty(0, dtype=np.int64), *(p.documents for p in parts)]))
    return Known(fingerprints, documents)


def distinctive(lookup: Lookup, passages: Passages, least: int) -> npt.NDArray[np.bool_]:
    """Whether passages say something: not most of one is common text, or `least` words of it besides are not.

    Judged by the fingerprints found in the index from the first word of each in its document to the last.
    """
    first = np.searchsorted(lookup.places, passages.documents << 32 | passages.doc_begins, side="left")
    last = np.searchsorted(lookup.places, passages.documents << 32 | passages.doc_ends, side="left")
    before = np.concatenate([[0], np.cumsum(lookup.common)])
    share = (before[last] - before[first]) / np.maximum(last - first, 1)
    return np.asarray((share <= MOST_COMMON) | (passages.matched * (1 - share) >= least), dtype=np.bool_)
