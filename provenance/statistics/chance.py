"""How many matches this good chance would make: the expectation value of a match.

By chance, two texts share turns of speech. As in all local alignment, the number of shared passages that score at
least s falls exponentially with s and grows with both lengths, E = K m n exp(-lambda s) (Karlin and Altschul 1990), m
words of documents against n words of editions. Their theory of letters drawn at random gives far too small an E for
language, in which words come in phrases; so lambda and K are fitted to scores of texts that are known to be unrelated,
as Pearson (1998, Empirical statistical estimates for sequence similarity searches) does. Chosen is a line above what is
seen from 8 points on: novels of one century against one another, where phrases are shared ten times as often as between
novels and news. `python -m benchmarks.chance` fits anew, and shows what was seen beside what is expected.

It says nothing of quotations and boilerplate that two texts have from a third: those are no chance.
"""

import math

LAMBDA = 1.0  # a point of score
LOG_K = -17.0  # a pair of words
SMALLEST = 1e-300  # expectation that is told apart from none


def upper_bound(count: int, of: int, confidence: float = 0.95) -> float:
    """The largest rate at which as few as `count` of `of` would be seen with more than 1 - `confidence`.

    The one-sided bound of Clopper and Pearson (1934); nothing of n gives 1 - 0.05^(1/n), about 3 / n.
    """
    low, high = count / of if of else 0.0, 1.0
    for _ in range(60 if count < of else 0):
        rate = (low + high) / 2
        terms = (
            math.exp(math.lgamma(of + 1) - math.lgamma(k + 1) - math.lgamma(of - k + 1)
                     + k * math.log(rate) + (of - k) * math.log1p(-rate))
            for k in range(count + 1)
        )  # fmt: skip
        low, high = (rate, high) if sum(terms) > 1 - confidence else (low, rate)
    return high


def interval(count: int, of: int, confidence: float = 0.95) -> tuple[float, float]:
    """The interval of a proportion of Clopper and Pearson (1934), which never covers less often than it says.

    Both ends are one-sided bounds that each take half of what is left of the confidence; nothing of nothing is 0 to 1.
    """
    one_sided = (1 + confidence) / 2
    return lower_bound(count, of, one_sided), upper_bound(count, of, one_sided)


def lower_bound(count: int, of: int, confidence: float = 0.95) -> float:
    """The smallest rate at which as many as `count` of `of` would be seen with more than 1 - `confidence`."""
    return 1 - upper_bound(of - count, of, confidence)


def log_expectation(score: float, document_words: int, edition_words: int) -> float:
    """Natural logarithm of the number of matches of at least `score` that chance makes of so many words."""
    return LOG_K + math.log(max(1, document_words)) + math.log(max(1, edition_words)) - LAMBDA * score
