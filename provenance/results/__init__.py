"""What a run found, for Python and notebooks: `open_run` opens a run database, and gives works, matches and tables.

`run` reads, `rows` has what it gives, `notebook` shows that as HTML. Nothing here writes.
"""

from provenance.results.rows import Match, Matches, Work, Works
from provenance.results.run import Run, open_run

__all__ = ["Match", "Matches", "Run", "Work", "Works", "open_run"]
