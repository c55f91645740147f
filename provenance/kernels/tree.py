"""A segment tree over numbers: the largest of all, and the next that is above a floor, each in logarithmic time.

With the ends of intervals as numbers, in order of their begins, it finds all intervals that reach into another.
"""

from provenance.arrays import Integers
from provenance.kernels.compiling import as_int, inlined

ROOT = 1  # its item is the largest number; the items of node n are those of 2n and 2n + 1
# The leaves are a power of two, not below the count of numbers; they come last, behind as many other items.
NOTHING = -1  # value of a leaf that is not used


@inlined
def build_tree(tree: Integers, leaves: int, count: int) -> None:
    """Complete a tree whose first `count` leaves, `tree[leaves:]`, are filled in."""
    for leaf in range(leaves + count, 2 * leaves):
        tree[leaf] = NOTHING
    for node in range(leaves - 1, 0, -1):
        tree[node] = max(tree[2 * node], tree[2 * node + 1])


@inlined
def set_leaf(tree: Integers, leaves: int, leaf: int, value: int) -> None:
    """Change one number."""
    node = leaves + leaf
    tree[node] = value
    while node > ROOT:
        node >>= 1
        tree[node] = max(tree[2 * node], tree[2 * node + 1])


@inlined
def next_above(tree: Integers, leaves: int, start: int, floor: int) -> int:
    """The first leaf from `start` on whose number is above `floor`; `leaves` if there is none."""
    if start >= leaves:
        return leaves
    node = leaves + start
    while tree[node] <= floor:
        while node & 1:  # the last of its parent: what follows is farther up
            node >>= 1
        if node == 0:
            return leaves
        node += 1
    while node < leaves:
        node *= 2
        if tree[node] <= floor:
            node += 1
    return as_int(node - leaves)
