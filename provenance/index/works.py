"""Groups editions into works: told by metadata, by equal author and title, or by texts that contain one another."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

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


def group_editions(
    rows: Sequence[Mapping[str, Any]], given_works: Sequence[str], sketches: Sequence[U64s]
) -> list[tuple[str, str]]:
    """For each edition its work and why: given | title | content | alone.

    A work is named by metadata, or else by the first of its edition ids in order. `given_works` are those that metadata
    name, or empty; `sketches` the distinct fingerprints at IDENTITY_SCALE, ascending.
    """
    parent = list(range(len(rows)))
    reason: dict[int, str] = {}
    for pairs, why in ((_same_title(rows), "title"), (_same_content(sketches), "content")):
        for a, b in pairs:
            if given_works[a] or given_works[b]:
                continue
            if (root_a := _root(parent, a)) != (root_b := _root(parent, b)):
                parent[root_b] = root_a
            for number in (a, b):
                reason.setdefault(number, why)
    first_ids: dict[int, str] = {}
    for number, row in enumerate(rows):
        root = _root(parent, number)
        first_ids[root] = min(first_ids.get(root, row["edition_id"]), row["edition_id"])
    return [
        (given, "given") if given else (first_ids[_root(parent, number)], reason.get(number, "alone"))
        for number, given in enumerate(given_works)
    ]


def _root(parent: list[int], item: int) -> int:
    while parent[item] != item:
        parent[item] = parent[parent[item]]
        item = parent[item]
    return item


def _same_title(rows: Sequence[Mapping[str, Any]]) -> Iterable[tuple[int, int]]:
    """Pairs with the same folded author and title, both known."""
    first: dict[tuple[str, str], int] = {}
    for number, row in enumerate(rows):
        author, title = " ".join(fold(row["author"])), " ".join(fold(row["title"]))
        if author and title and (other := first.setdefault((author, title), number)) != number:
            yield other, number


def _same_content(sketches: Sequence[U64s]) -> Iterable[tuple[int, int]]:
    """Pairs whose sketches contain one another: candidates from datasketch's LSH, then counted exactly."""
    a, b = permutations(NUM_PERM)
    lsh = datasketch.MinHashLSH(threshold=LSH_THRESHOLD, num_perm=NUM_PERM)
    for number, sketch in enumerate(sketches):
        if sketch.size < LEAST_FINGERPRINTS:
            continue
        values = signature_of((sketch & np.uint64(0xFFFFFFFF)).astype(np.uint32), a, b)
        signature = datasketch.MinHash(num_perm=NUM_PERM, hashvalues=values, scheme="affine32")
        for other in sorted(lsh.query(signature)):
            if mutual_containment(sketch, sketches[other]) >= MUTUAL_CONTAINMENT:
                yield other, number
        lsh.insert(number, signature)


def mutual_containment(a: U64s, b: U64s) -> float:
    """The smaller of the two containments: shared fingerprints over the larger sketch."""
    shared = np.intersect1d(a, b, assume_unique=True).size
    return float(shared / max(a.size, b.size, 1))
