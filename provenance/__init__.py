"""Provenance: which known books are inside a training data set, where, and how sure we are.

    provenance.build_index(["books/"], "indexes/books")
    summary = provenance.scan(["shards/"], index="indexes/books", db="run.duckdb")
    works = provenance.open_run("run.duckdb").works()
    provenance.clean("run.duckdb", "clean/", "drop")
    matches = provenance.Matcher(provenance.Index("indexes/books")).match(pa.array(texts))

Names are imported when first used, so that `import provenance` and `provenance --help` stay fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from provenance._version import __version__ as __version__

if TYPE_CHECKING:
    from provenance.cleaning.parts import CleanSummary as CleanSummary
    from provenance.cleaning.shards import clean as clean
    from provenance.index.building import build_index as build_index
    from provenance.index.opening import Index as Index
    from provenance.matching.annotations import PROV_SCHEMA as PROV_SCHEMA
    from provenance.matching.config import MatchConfig as MatchConfig
    from provenance.matching.matcher import Matcher as Matcher
    from provenance.results.rows import Match as Match
    from provenance.results.rows import Work as Work
    from provenance.results.run import Run as Run
    from provenance.results.run import open_run as open_run
    from provenance.runs.inspecting import inspect_shards as inspect_shards
    from provenance.runs.record import ScanSummary as ScanSummary
    from provenance.runs.scan import scan as scan
    from provenance.sketch import BandedMinHash as BandedMinHash
    from provenance.sketch import FracMinHash as FracMinHash
    from provenance.sketch import Key as Key
    from provenance.units.config import ScanConfig as ScanConfig

_HOMES = {
    "build_index": "provenance.index.building",
    "CleanSummary": "provenance.cleaning.parts",
    "clean": "provenance.cleaning.shards",
    "Index": "provenance.index.opening",
    "MatchConfig": "provenance.matching.config",
    "Matcher": "provenance.matching.matcher",
    "PROV_SCHEMA": "provenance.matching.annotations",
    "Match": "provenance.results.rows",
    "Run": "provenance.results.run",
    "Work": "provenance.results.rows",
    "open_run": "provenance.results.run",
    "ScanConfig": "provenance.units.config",
    "ScanSummary": "provenance.runs.record",
    "inspect_shards": "provenance.runs.inspecting",
    "scan": "provenance.runs.scan",
    "BandedMinHash": "provenance.sketch",
    "FracMinHash": "provenance.sketch",
    "Key": "provenance.sketch",
}

__all__ = sorted((*_HOMES, "__version__"))


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'provenance' has no attribute {name!r}")
    public: object = getattr(import_module(_HOMES[name]), name)
    return public


def __dir__() -> list[str]:
    return __all__
