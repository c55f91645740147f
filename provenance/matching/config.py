"""The options of matching, in one place: read by the command line, the run record and the matcher."""

from dataclasses import dataclass

from provenance.errors import UsageError
from provenance.options.field import option


@dataclass(frozen=True)
class MatchConfig:
    """All thresholds of matching; lengths are in words."""

    min_words: int = option(  # equal words in a row, which are reported ...
        "--min-words", "Shortest match that is reported, in matched words.", 25
    )
    noisy: float = 1.12  # ... or this many times as many matched words in a passage with differences
    seed_distance: int = 8  # of the fingerprints found in so many words the rarest starts chains
    rare: int = 8  # places of a fingerprint that starts chains though no other was found around it
    near_words: int = 5  # of the words around a hit that must be equal too, for it to start an alignment
    min_hits: int = 2  # hits on a chain that counts where there is no text to confirm or align them with
    max_postings: int = 128  # a fingerprint at more places starts no chain
    max_works: int = 20  # one in more works is common text: it starts no chain, and says little where a passage has it
    max_repeats: int = 32  # so many times in one document a fingerprint starts chains; a row of refrains costs no more
    max_gap: int = 64  # words between two hits of a chain ...
    far_hits: int = 16  # ... or, without texts, as many as have so many fingerprints on average
    max_drift: int = 16  # between the diagonals of two hits of a chain: more words than that no alignment bridges
    drop: int = 25  # a match ends where it loses this many points: +1 a matched word, -0.5 a replaced, -1 an extra one
    piece_words: int = 10  # matched words of a piece that may be joined to others of the same copy
    join_gap: int = 64  # words between two pieces that are joined
    same_span: float = 0.5  # a match that shares this part of its words with a better one is listed under `also`

    @property
    def min_noisy(self) -> int:
        """Matched words from which on a passage with differences is reported."""
        return round(self.noisy * self.min_words)

    def __post_init__(self) -> None:
        if self.min_words < 1:
            raise UsageError(f"--min-words is {self.min_words}; it must be at least 1")
