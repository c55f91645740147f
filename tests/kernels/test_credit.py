"""Credit is the greedy cover that plain Python finds."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.kernels.credit import DROPPED, find_owners

Row = tuple[int, int, int, int, int]  # document, edition, begin, words spanned, words matched


def owners_of(rows: list[Row], same_span: float = 0.5) -> list[int]:
    columns = [np.array(column, dtype=np.int64) for column in zip(*rows, strict=True)]
    documents, editions, begins, words, matched = columns
    return find_owners(documents, editions, begins, begins + words, matched, editions, same_span).tolist()


def shared(one: Row, other: Row) -> int:
    return min(one[2] + one[3], other[2] + other[3]) - max(one[2], other[2])


def explained(rows: list[Row]) -> int:
    """Words that passages of one edition explain: those of each that none before it, in order of begin, reached."""
    total, reached = 0, -1
    for _, _, begin, words, matched in sorted(rows, key=lambda row: row[2]):
        new = begin + words - max(begin, reached)
        if new > 0:
            total, reached = total + max(1, matched * new // words), begin + words
    return total


def cover(rows: list[Row], same_span: float) -> list[int]:
    """Round after round: the edition that explains most words is credited, and what it explains is settled."""
    owners: dict[int, int] = {}
    for document in {row[0] for row in rows}:
        own = [p for p, row in enumerate(rows) if row[0] == document]
        credited: list[int] = []
        while left := [p for p in own if p not in owners]:
            best = min(
                {rows[p][1] for p in left},
                key=lambda edition: (
                    -explained([rows[p] for p in left if rows[p][1] == edition]),
                    -explained([rows[p] for p in own if rows[p][1] == edition]),
                    edition,
                ),
            )
            for p in [p for p in left if rows[p][1] == best]:
                before = [o for o in credited if o < p and rows[o][1] == best]
                owners[p] = DROPPED if any(shared(rows[p], rows[o]) >= same_span * rows[p][3] for o in before) else p
                credited += [p] if owners[p] == p else []
            for p in [p for p in left if rows[p][1] != best]:
                most = max(shared(rows[p], rows[o]) for o in credited)
                if most > 0 and most >= same_span * rows[p][3]:
                    owner = next(o for o in credited if shared(rows[p], rows[o]) == most)
                    beside = {rows[o][1] for o in owners if owners[o] == owner and o < p and o != owner}
                    owners[p] = DROPPED if rows[p][1] in beside else owner
    return [owners[p] for p in range(len(rows))]


@settings(max_examples=500, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(0, 20), st.integers(1, 10), st.integers(1, 10)),
        min_size=1,
        max_size=20,
    ).map(lambda rows: sorted(rows, key=lambda row: (row[0], -row[4]))),
    st.sampled_from([0.1, 0.5, 1.0]),
)
def test_owners_are_those_of_a_greedy_cover_in_plain_python(rows, same_span):
    assert owners_of(rows, same_span) == cover(rows, same_span)


def test_the_edition_that_explains_most_of_a_document_gets_also_what_another_explains_a_little_better():
    anthology, story = 1, 0
    rows = [(0, story, 0, 101, 101), (0, anthology, 0, 101, 100), (0, anthology, 200, 50, 50)]
    assert owners_of(rows) == [1, 1, 2]


def test_of_equal_editions_the_first_by_rank_is_credited():
    assert owners_of([(0, 5, 0, 50, 50), (0, 3, 0, 50, 50)]) == [1, 1]


def test_passages_of_an_edition_that_overlap_explain_no_word_twice():
    whole, refrain = 0, 1
    rows = [(0, whole, 0, 110, 110), *((0, refrain, at, 33, 33) for at in (0, 22, 44, 66))]
    assert owners_of(rows)[0] == 0
    assert set(owners_of(rows)[1:]) <= {0, DROPPED}
