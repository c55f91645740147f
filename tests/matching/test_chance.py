"""Expectation values grow and fall as they should; the bound of Clopper and Pearson is the textbook's."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.statistics.chance import LAMBDA, log_expectation, upper_bound


@given(st.floats(0, 100), st.integers(1, 10**12), st.integers(1, 10**12))
def test_expectation_grows_with_both_lengths_and_falls_with_the_score(score, document_words, edition_words):
    expected = log_expectation(score, document_words, edition_words)
    assert log_expectation(score, 10 * document_words, edition_words) == pytest.approx(expected + math.log(10))
    assert log_expectation(score, document_words, 10 * edition_words) == pytest.approx(expected + math.log(10))
    assert log_expectation(score + 1, document_words, edition_words) == pytest.approx(expected - LAMBDA)


@pytest.mark.parametrize("of", [1, 20, 59, 300])
def test_the_bound_for_nothing_found_is_that_of_the_rule_of_three(of):
    assert upper_bound(0, of) == pytest.approx(1 - 0.05 ** (1 / of))


@pytest.mark.parametrize(("found", "of"), [(1, 10), (3, 40), (17, 200), (39, 40)])
def test_the_bound_is_the_quantile_of_the_beta_distribution(found, of):
    beta = pytest.importorskip("scipy.stats").beta  # comes with datasketch
    assert upper_bound(found, of) == pytest.approx(beta.ppf(0.95, found + 1, of - found), rel=1e-9)


def test_the_bound_is_one_where_everything_was_found_or_nothing_tried():
    assert upper_bound(7, 7) == 1
    assert upper_bound(0, 0) == 1
