"""Finds indexed books in texts: Arrow in, Arrow out; no files, no database.

In the order of the data: `texts` takes Arrow strings apart, `lookup` finds hits and chains them, `align` verifies a
chain word by word, `credit` gives each passage to one edition, `matcher` joins these into one call.
"""

from provenance.matching.config import MatchConfig
from provenance.matching.matcher import MATCH_SCHEMA, Counts, Matcher

__all__ = ["MATCH_SCHEMA", "Counts", "MatchConfig", "Matcher"]
