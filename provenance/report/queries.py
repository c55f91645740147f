"""The questions whose answers a report prints: every number in it is a value of one of these, and `docs/report.md` has
them, so that anybody can ask them again.
"""

import tomllib
from importlib.resources import files
from typing import NamedTuple


class Query(NamedTuple):
    """What is asked, and in which order the answers stand."""

    about: str
    sql: str  # without its order
    order: str = ""

    @property
    def whole(self) -> str:
        """As one types it."""
        return f"{self.sql}\nORDER BY {self.order}" if self.order else self.sql

    def where(self, condition: str) -> str:
        """Only the answers of which a condition holds."""
        return f"SELECT * FROM ({self.sql}) WHERE {condition}" + (f"\nORDER BY {self.order}" if self.order else "")


_TEXT = (files("provenance.report") / "queries.toml").read_text("utf-8")

QUERIES = {name: Query(**query) for name, query in tomllib.loads(_TEXT).items()}
"""By name, as the attributes `data-query` of a report give it."""

WORK_ORDER = QUERIES["works"].order
