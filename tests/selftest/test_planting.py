"""A plant lies where it is said to, in a row that is otherwise as it was; and what is found is counted by bytes."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.kernels.words import words_of
from provenance.selftest.judge import Planted, Span, is_found
from provenance.selftest.plants import ALL_NOISES, Cell, Piece, parts_of, plant
from provenance.sketch import Key
from provenance.statistics.chance import interval, lower_bound
from tests.shards.fixtures import prose

HOSTS = st.one_of(st.binary(max_size=200), st.text(max_size=80).map(lambda text: text.encode("utf-8", "replace")))

PASSAGES = (prose(1, 60).encode(), b"one", "\u4e2d\u6587".encode(), b"caf\xe9 \xff bar", b"1 2 3")


def words(data: bytes) -> list[int]:
    return words_of(np.frombuffer(data, dtype=np.uint8), Key().keys).hashes.tolist()


@settings(deadline=None)  # kernels are loaded
@given(HOSTS, st.integers(0, 1000))
def test_a_plant_stands_between_two_words_of_a_row_that_keeps_all_its_words(host, seed):
    part = b"a passage of five words"
    (piece,) = plant([part], [host], Key(), random.Random(seed))
    assert piece.text[piece.begin : piece.end] == part
    before, behind = piece.text[: piece.begin], piece.text[piece.end :]
    assert before[:-1] + behind[1:] == host, "with a blank on either side"
    found = words(piece.text)
    at = next(n for n in range(len(found)) if found[n : n + 5] == words(part))
    assert found[:at] + found[at + 5 :] == words(host)


@given(HOSTS, HOSTS)
def test_a_passage_that_was_cut_ends_one_row_and_begins_another(first, second):
    head, tail = plant([b"head", b"tail"], [first, second], Key(), random.Random(0))
    assert head.text.endswith(b"head")
    assert tail.text.startswith(b"tail")
    assert head.text.startswith(first)
    assert tail.text.endswith(second)


@pytest.mark.parametrize("noise", ALL_NOISES, ids=str)
@pytest.mark.parametrize(
    "passage", [prose(1, 60).encode(), b"one", "\u4e2d\u6587".encode(), b"caf\xe9 \xff bar", b"1 2 3"]
)
def test_every_noise_makes_something_of_every_passage(noise, passage):
    for seed in range(5):
        cell = Cell(*noise, 50)
        parts = parts_of(passage, cell, random.Random(seed), ["other", "another"])
        assert 1 <= len(parts) <= 2
        assert all(part.decode("utf-8", "replace") for part in parts)
    if noise.kind == "verbatim":
        assert parts == [passage]


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40), st.sampled_from("ab"), st.booleans()), max_size=6),
    st.integers(0, 30),
    st.integers(1, 10),
    st.booleans(),
)
def test_a_plant_is_found_if_half_of_its_bytes_are_said_to_be_of_its_work(said, begin, size, only_credited):
    spans = [Span(min(a, b), max(a, b), work, credited) for a, b, work, credited in said]
    own = [span for span in spans if span.work == "a" and (span.credited or not only_credited)]
    bytes_said = {at for span in own for at in range(span.begin, span.end)} & set(range(begin, begin + size))
    plant_of_a = Planted(0, "a", [Piece(b"", begin, begin + size)])
    assert is_found(plant_of_a, [spans], only_credited) == (2 * len(bytes_said) >= size)


def test_of_a_passage_in_two_rows_both_parts_count():
    cut = Planted(0, "a", [Piece(b"", 10, 20), Piece(b"", 0, 30)])
    assert not is_found(cut, [[Span(0, 20, "a", True)], []], only_credited=True)
    assert is_found(cut, [[], [Span(0, 30, "a", True)]], only_credited=True)
    assert not is_found(cut, [[], [Span(0, 30, "b", True), Span(0, 30, "a", False)]], only_credited=True)
    assert is_found(cut, [[], [Span(0, 30, "b", True), Span(0, 30, "a", False)]], only_credited=False)
    assert not is_found(Planted(0, "a", [Piece(b"", 5, 5)]), [[Span(0, 9, "a", True)]], only_credited=False)


@pytest.mark.parametrize(("found", "of"), [(0, 50), (1, 50), (17, 50), (49, 50), (50, 50), (0, 1), (300, 301)])
def test_intervals_are_those_of_the_beta_distribution(found, of):
    beta = pytest.importorskip("scipy.stats").beta  # comes with datasketch
    low, high = interval(found, of)
    assert low == pytest.approx(beta.ppf(0.025, found, of - found + 1) if found else 0, abs=1e-9)
    assert high == pytest.approx(beta.ppf(0.975, found + 1, of - found) if found < of else 1, abs=1e-9)
    assert lower_bound(found, of) == pytest.approx(beta.ppf(0.05, found, of - found + 1) if found else 0, abs=1e-9)


def test_an_interval_holds_the_truth_as_often_as_it_says():
    rng = random.Random(5)
    held = 0
    for _ in range(400):
        found = sum(rng.random() < 0.8 for _ in range(40))
        low, high = interval(found, 40)
        held += low <= 0.8 <= high
    assert held >= 0.95 * 400


def test_of_nothing_nothing_is_known():
    assert interval(0, 0) == (0, 1)
    assert lower_bound(0, 0) == 0
