"""Places of words are those of the reference tokenizer, whatever part of a text was cut to find them."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from test_words import texts

from provenance.kernels.cutting import text_rules
from provenance.kernels.places import EDGE, LONG, UNKNOWN, find_places, places_of, spans_of
from provenance.text.reference import tokenize

many = settings(max_examples=500, deadline=None)

PROSE = (
    b"It was the best of times, it was the worst of times; it was the age of wis-\ndom and foolish\xc2\xadness. " * 8
)
edges = st.one_of(
    texts, st.integers(0, len(PROSE)).map(lambda n: PROSE[:n]), st.integers(1, len(PROSE)).map(lambda n: PROSE[-n:])
)
documents = st.lists(st.lists(edges, max_size=4).map(b"".join), min_size=1, max_size=4)


@many
@given(documents, st.data())
def test_words_asked_for_are_found_in_their_documents(documents, data):
    data_bytes = np.frombuffer(b"".join(documents), dtype=np.uint8)
    offsets = np.cumsum([0, *map(len, documents)]).astype(np.int64)
    words = [tokenize(document).words for document in documents]
    asked = []
    for number, found in enumerate(words):
        if found and data.draw(st.booleans()):
            asked.append((number, 0, len(found) - 1))
        for _ in range(data.draw(st.integers(0, 2)) if found else 0):
            first = data.draw(st.integers(0, len(found) - 1))
            asked.append((number, first, data.draw(st.integers(first, len(found) - 1))))
    columns = [np.array([row[side] for row in asked], dtype=np.int64) for side in range(3)]
    counts = np.array([len(found) for found in words], dtype=np.int64)
    begins, ends = find_places(data_bytes, offsets, counts, text_rules(), *columns)
    assert begins.tolist() == [words[number][first].begin for number, first, _ in asked]
    assert ends.tolist() == [words[number][last].end for number, _, last in asked]


def test_a_copy_is_placed_by_its_ends_alone():
    text = PROSE * 4
    broken = text[: 2 * EDGE] + b"\xff" * EDGE + text[-2 * EDGE :]  # the words of its middle are not those counted
    words = tokenize(text).words
    for document in (text, broken):
        count = np.array([len(words)])
        asked = (np.array([0]), np.array([0]), np.array([len(words) - 1]))
        offsets = np.array([0, len(document)])
        begins, ends = find_places(np.frombuffer(document, dtype=np.uint8), offsets, count, text_rules(), *asked)
        assert (begins[0], ends[0]) == (words[0].begin, len(document) - len(text) + words[-1].end)


def test_a_word_that_is_not_there_has_no_place():
    nothing = find_places(
        np.frombuffer(b"one two", dtype=np.uint8), np.array([0, 7]), np.array([9]), text_rules(),
        np.array([0]), np.array([1]), np.array([8]),
    )  # fmt: skip
    assert [side.tolist() for side in nothing] == [[4], [-1]]


@many
@given(st.lists(st.lists(st.tuples(st.integers(0, 300), st.integers(1, 300)), min_size=1), max_size=4), st.data())
def test_spans_give_every_place_back_or_say_that_they_cannot(editions, data):
    """Texts as gaps and sizes of words; the words of each are cut into blocks anywhere, the first with its text."""
    parts, block_words, block_begins, begins, ends, blocks, known = [], [], [], [], [], [], []
    total = 0
    for words in editions:
        first, last = [], []
        at = 0
        for gap, size in words:
            first.append(at + gap)
            last.append(at + gap + size)
            at += gap + size
        parts.append(spans_of(np.array(first, dtype=np.uint32), np.array(last, dtype=np.uint32)))
        clear = True
        for k, (gap, size) in enumerate(words):
            begins_block = k == 0 or data.draw(st.booleans())
            if begins_block:
                block_words.append(total + k)
                block_begins.append(0 if k == 0 else first[k])
                clear = k > 0 or gap < LONG
            else:
                clear = clear and gap < LONG
            blocks.append(len(block_words) - 1)
            known.append(clear and size < LONG)
            clear = clear and size < LONG
        begins, ends, total = begins + first, ends + last, total + len(words)
    chosen = data.draw(st.lists(st.integers(0, total - 1)).map(sorted)) if total else []
    found = places_of(
        np.array(chosen, dtype=np.int64), np.array([blocks[k] for k in chosen], dtype=np.int64),
        np.array(block_words, dtype=np.int64), np.array(block_begins, dtype=np.int64),
        np.concatenate([np.empty(0, dtype=np.uint8), *parts]),
    )  # fmt: skip
    expected = [[places[k] if known[k] else UNKNOWN for k in chosen] for places in (begins, ends)]
    assert [side.tolist() for side in found] == expected
