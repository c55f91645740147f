"""Groups editions into works: told by metadata, by equal author and title, or by texts that contain one another."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from provenance.arrays import U64s
from provenance.kernels.minhash import signature_of
from provenance.process.extras import datasketch
from provenance.sketch import permutations
from provenance.text.reference import fold

IDENTITY_SCALE, IDENTITY_SHINGLE = 32, 5  # of the sketches compared here
MUTUAL_CONTAINMENT = 0.5  # of each in the other: an anthology contains a story, but not the other way round
LEAST_FINGERPRINTS = 16  # smaller sketches say nothing about identity
NUM_PERM = 128
LSH_THRESHOLD = 0.3  # Jaccard similarity of two sketches that contain one another by half is 1/3


@dataclass(frozen=True)
class EditionIdentity:
    """What is compared to find editions of one work."""

    edition_id: str
    title: str
    author: str
    given_work: str  # work id from metadata, or empty
    sketch: U64s  # distinct fingerprints at IDENTITY_SCALE, ascending


@dataclass(frozen=True)
class WorkOf:
    """The work of an edition and why."""

    work_id: str
    grouped_by: str  # given | title | content | alone


def group_editions(editions: Sequence[EditionIdentity]) -> list[WorkOf]:
    """The work of each edition. A work is named by metadata, or by the first of its edition ids in order."""
    parent = list(range(len(editions)))
    reason: dict[int, str] = {}
    for pairs, why in ((_same_title(editions), "title"), (_same_content(editions), "content")):
        for a, b in pairs:
            if editions[a].given_work or editions[b].given_work:
                continue
            if (root_a := _root(parent, a)) != (root_b := _root(parent, b)):
                parent[root_b] = root_a
            for number in (a, b):
                reason.setdefault(number, why)
    first_ids: dict[int, str] = {}
    for number, edition in enumerate(editions):
        root = _root(parent, number)
        first_ids[root] = min(first_ids.get(root, edition.edition_id), edition.edition_id)
    return [
        WorkOf(edition.given_work, "given")
        if edition.given_work
        else WorkOf(first_ids[_root(parent, number)], reason.get(number, "alone"))
        for number, edition in enumerate(editions)
    ]


def _root(parent: list[int], item: int) -> int:
    while parent[item] != item:
        parent[item] = parent[parent[item]]
        item = parent[item]
    return item


def _same_title(editions: Sequence[EditionIdentity]) -> Iterable[tuple[int, int]]:
    """Pairs with the same folded author and title, both known."""
    first: dict[tuple[str, str], int] = {}
    for number, edition in enumerate(editions):
        author, title = " ".join(fold(edition.author)), " ".join(fold(edition.title))
        if author and title and (other := first.setdefault((author, title), number)) != number:
            yield other, number


def _same_content(editions: Sequence[EditionIdentity]) -> Iterable[tuple[int, int]]:
    """Pairs whose sketches contain one another: candidates from datasketch's LSH, then counted exactly."""
    a, b = permutations(NUM_PERM)
    lsh = datasketch.MinHashLSH(threshold=LSH_THRESHOLD, num_perm=NUM_PERM)
    for number, edition in enumerate(editions):
        if edition.sketch.size < LEAST_FINGERPRINTS:
            continue
        values = signature_of((edition.sketch & np.uint64(0xFFFFFFFF)).astype(np.uint32), a, b)
        signature = datasketch.MinHash(num_perm=NUM_PERM, hashvalues=values, scheme="affine32")
        for other in sorted(lsh.query(signature)):
            if mutual_containment(edition.sketch, editions[other].sketch) >= MUTUAL_CONTAINMENT:
                yield other, number
        lsh.insert(number, signature)


def mutual_containment(a: U64s, b: U64s) -> float:
    """The smaller of the two containments: shared fingerprints over the larger sketch."""
    shared = np.intersect1d(a, b, assume_unique=True).size
    return float(shared / max(a.size, b.size, 1))
