"""How far containment and identity can be told from a FracMinHash sketch: intervals for what is only estimated.

Of L shingles of k words, each word of which was left alone with probability 1 - p, N are changed. A sketch keeps one
shingle in `scale`; the share C of those kept that is unchanged estimates the containment 1 - N/L, and C^(1/k) the
identity 1 - p (Ondov et al. 2016, Mash). Mean and variance of N are those of Blanca et al. (2022, The statistics of
k-mers from a sequence undergoing a simple mutation process), the variance of C that of Hera, Pierce-Ward and Koslicki
(2023, Deriving confidence intervals for mutation rates across a wide range of evolutionary distances using FracMinHash,
theorem 6). An interval has the identities at which the C that was seen is no outlier.
"""

import numpy as np

from provenance.arrays import Floats, Integers

Z = 1.959964  # of the normal distribution, for 95 %
STEPS = 40  # of bisection, each of which halves what is left of 0 to 1


def changed_variance(shingles: Floats, shingle: int, identity: Floats) -> Floats:
    """Variance of the number of changed shingles among `shingles`, when each word is left alone with `identity`.

    Two shingles that begin d < k words apart are both unchanged when k + d words are: so much they vary together. (The
    closed form of Blanca et al., theorem 2, loses all digits where identity is near 1.)
    """
    unchanged = identity**shingle
    variance = shingles * unchanged * (1 - unchanged)
    for apart in range(1, shingle):
        both = identity ** (shingle + apart) - unchanged**2
        variance = variance + 2 * np.maximum(shingles - apart, 0) * both
    return np.asarray(variance, dtype=np.float64)


def containment_deviation(shingles: Floats, shingle: int, scale: int, identity: Floats) -> Floats:
    """Standard deviation of the containment that a sketch shows: by which words changed, and by which it kept."""
    unchanged, spread = identity**shingle, changed_variance(shingles, shingle, identity)
    changed = shingles * (1 - unchanged)
    none_kept = (1 - 1 / scale) ** shingles if scale > 1 else np.zeros_like(shingles)
    sampling = (
        (scale - 1) * np.maximum(shingles * changed - changed**2 - spread, 0) / shingles**3 / (1 - none_kept) ** 2
    )
    return np.asarray(np.sqrt(sampling + spread / shingles**2), dtype=np.float64)


def identity_interval(containment: Floats, shingles: Integers, shingle: int, scale: int) -> tuple[Floats, Floats]:
    """95 % interval (low, high) of the identity of stretches of so many `shingles`, of whose kept this share hit."""
    seen = np.asarray(containment, dtype=np.float64)
    count = np.maximum(np.asarray(shingles, dtype=np.float64), 1.0)

    def bound(side: float) -> Floats:
        low, high = np.zeros_like(seen), np.ones_like(seen)
        for _ in range(STEPS):
            middle = (low + high) / 2
            reached = middle**shingle + side * Z * containment_deviation(count, shingle, scale, middle)
            above = reached > seen
            low, high = np.where(above, low, middle), np.where(above, middle, high)
        return np.asarray((low + high) / 2, dtype=np.float64)

    return np.where(seen > 0, bound(1.0), 0.0), np.where(seen < 1, bound(-1.0), 1.0)
