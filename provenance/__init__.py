"""Provenance: which known books are inside a training data set, where, and how sure we are.

    provenance.build_index(["books/"], "indexes/books")
    summary = provenance.scan(["shards/"], index="indexes/books", db="run.duckdb")
    works = provenance.open_run("run.duckdb").works()
    provenance.clean("run.duckdb", "clean/", "drop")
    matches = provenance.Matcher(provenance.Index("indexes/books")).match(pa.array(texts))

Names are imported when first used, so that `import provenance` and `provenance --help` stay fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from provenance._version import __version__

if TYPE_CHECKING:
    from provenance.building import build_index
    from provenance.cleaning import CleanSummary, clean
    from provenance.index import Index
    from provenance.matching import MatchConfig, Matcher
    from provenance.results import Match, Run, Work, open_run
    from provenance.runs.config import ScanConfig
    from provenance.runs.inspecting import inspect_shards
    from provenance.runs.record import ScanSummary
    from provenance.runs.scan import scan
    from provenance.sketch import BandedMinHash, FracMinHash, Key

_HOMES = {
    "build_index": "provenance.building",
    "CleanSummary": "provenance.cleaning",
    "clean": "provenance.cleaning",
    "Index": "provenance.index",
    "MatchConfig": "provenance.matching",
    "Matcher": "provenance.matching",
    "Match": "provenance.results",
    "Run": "provenance.results",
    "Work": "provenance.results",
    "open_run": "provenance.results",
    "ScanConfig": "provenance.runs.config",
    "ScanSummary": "provenance.runs.record",
    "inspect_shards": "provenance.runs.inspecting",
    "scan": "provenance.runs.scan",
    "BandedMinHash": "provenance.sketch",
    "FracMinHash": "provenance.sketch",
    "Key": "provenance.sketch",
}

__all__ = [
    "BandedMinHash",
    "CleanSummary",
    "FracMinHash",
    "Index",
    "Key",
    "Match",
    "MatchConfig",
    "Matcher",
    "Run",
    "ScanConfig",
    "ScanSummary",
    "Work",
    "__version__",
    "build_index",
    "clean",
    "inspect_shards",
    "open_run",
    "scan",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'provenance' has no attribute {name!r}")
    found: object = getattr(import_module(_HOMES[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
