"""Intervals hold what they promise, on simulated copies; variances are those of the papers."""

from __future__ import annotations

import numpy as np
import pytest

from provenance.statistics.containment import changed_variance, identity_interval

SHINGLE = 5


def closed_form(shingles: int, shingle: int, rate: float) -> float:
    """Theorem 2 of Blanca et al. (2022)."""
    q = 1 - (1 - rate) ** shingle
    return (
        shingles * (1 - q) * (q * (2 * shingle + 2 / rate - 1) - 2 * shingle)
        + shingle * (shingle - 1) * (1 - q) ** 2
        + 2 * (1 - q) / rate**2 * ((1 + (shingle - 1) * (1 - q)) * rate - q)
    )


@pytest.mark.parametrize("shingle", [1, 3, 5, 21])
@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5])
def test_the_variance_is_that_of_the_closed_form(shingle, rate):
    ours = changed_variance(np.array([400.0]), shingle, np.array([1 - rate]))
    assert ours[0] == pytest.approx(closed_form(400, shingle, rate), rel=1e-6)


def simulated(shingles: int, rate: float, scale: int, runs: int) -> np.ndarray:
    """Containments that sketches of changed copies show."""
    rng, seen = np.random.default_rng(5), []
    while len(seen) < runs:
        same = rng.random(shingles + SHINGLE - 1) >= rate
        unchanged = np.lib.stride_tricks.sliding_window_view(same, SHINGLE).all(axis=1)
        kept = rng.random(shingles) < 1 / scale
        if kept.any():
            seen.append(unchanged[kept].mean())
    return np.array(seen)


@pytest.mark.parametrize(
    ("shingles", "rate", "scale"), [(100, 0.1, 4), (300, 0.02, 8), (300, 0.2, 8), (2000, 0.1, 32), (1000, 0.05, 1)]
)
def test_nineteen_of_twenty_intervals_hold_the_identity(shingles, rate, scale):
    seen = simulated(shingles, rate, scale, 2000)
    low, high = identity_interval(seen, np.full(seen.size, shingles), SHINGLE, scale)
    assert ((low <= 1 - rate) & (1 - rate <= high)).mean() == pytest.approx(0.95, abs=0.02)


def test_intervals_lie_around_the_estimate_and_shrink_with_length_and_density():
    def width(shingles: int, scale: int) -> float:
        low, high = identity_interval(np.array([0.6]), np.array([shingles]), SHINGLE, scale)
        assert low[0] < 0.6 ** (1 / SHINGLE) < high[0]
        return float(high[0] - low[0])

    assert width(100, 8) > width(1000, 8) > width(1000, 1) > 0


def test_whole_and_empty_containment_reach_the_ends():
    low, high = identity_interval(np.array([1.0, 0.0]), np.array([200, 200]), SHINGLE, 4)
    assert high[0] == 1 and 0.9 < low[0] < 1
    assert low[1] == 0 and 0 < high[1] < 0.8
