"""What a bundle holds besides its digests: all is made of a run database, so it can be made again and compared."""

import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import pyarrow.parquet as pq

from provenance.evidence.annex import annex
from provenance.evidence.croissant import croissant
from provenance.report.certificate import certificate
from provenance.report.facts import ReportOptions
from provenance.report.render import report
from provenance.store.database import RunReader
from provenance.store.export import EXPORTS, export
from provenance.store.sarif import MOST_RESULTS

RUN, TABLES = "run", "tables"  # folders: the tables of the database, from which it is made again; and all views

BASE = {
    "run": "ALL", "attempt": "attempt", "unit": "unit", "shard": "shard", "edition": "edition_id", "work": "work_id",
    "match": 'shard, "row", text_column, doc_begin, doc_end, edition_id, ref_word', "exception": "ALL",
    "origin": "ALL", "journal": "seq",
}  # fmt: skip
"""The tables of a run database, each with its order."""


@dataclass(frozen=True)
class Choice:
    """What a bundle is to hold."""

    redacted: bool = False
    max_matches: int = 1000  # in the report; the tables have all


def write_contents(run: RunReader, folder: Path, choice: Choice) -> None:
    """Write all files of a bundle but its digests; `run` is opened with `redact` where the choice says so."""
    for name in (RUN, TABLES, "annex"):
        (folder / name).mkdir()
    for table, order in BASE.items():
        rows = run.arrow(f"SELECT * FROM {table} ORDER BY {order}")
        pq.write_table(rows, folder / RUN / f"{table}.parquet", compression="zstd")
    for what in EXPORTS:
        export(run, what, "parquet", folder / TABLES / f"{what}.parquet")
    if run.query("SELECT count(*) AS n FROM match")[0]["n"] <= MOST_RESULTS:
        export(run, "matches", "sarif", folder / "matches.sarif")
    small = {
        "README.md": (files("provenance.evidence") / "texts" / "bundle.md").read_bytes(),
        "report.html": report(run, ReportOptions(redacted=choice.redacted, max_matches=choice.max_matches)),
        "certificate.md": certificate(run).encode(),
        "croissant.json": json.dumps(croissant(run), indent=1).encode() + b"\n",
        **annex(run),
    }
    for name, data in small.items():
        (folder / name).write_bytes(data)
