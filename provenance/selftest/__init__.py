"""How many passages of the known books a scan of these very shards would find: some are planted, and counted.

`disturb` changes passages, `plants` puts them into rows, `passages` takes them from the books, `judge` matches and
counts, `settings` is what a run was given, `certify` does it all. The only thing that is kept is an entry in the
journal of a run, and it has no text in it.
"""

from provenance.selftest.certify import Certified, Watch, certify
from provenance.selftest.settings import Asked
from provenance.selftest.wanted import Wanted, parse_lengths, parse_noises

__all__ = ["Asked", "Certified", "Wanted", "Watch", "certify", "parse_lengths", "parse_noises"]
