"""Writes a bundle, as a folder or a zip file, whole or not at all.

All that it holds is made of a run database, so it can be made again and compared.
"""

import json
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from provenance._version import __version__
from provenance.evidence.annex import annex
from provenance.evidence.archive import write_archive
from provenance.evidence.companions import croissant, statement
from provenance.evidence.manifest import MANIFEST, STATEMENT, SUMS, files_of, make_manifest, read_manifest
from provenance.files.digests import file_sha256
from provenance.files.writing import atomic_write, check_free, check_parent, output_errors, rename_folder
from provenance.process.software import code_sha256
from provenance.report.facts import ReportOptions
from provenance.report.render import certificate, report
from provenance.store.database import RunReader
from provenance.store.export import EXPORTS, export
from provenance.store.sarif import MOST_RESULTS

ZIP = ".zip"
RUN, TABLES = "run", "tables"  # folders: the tables of the database, from which it is made again; and all views

BASE = {
    "run": "ALL", "attempt": "attempt", "unit": "unit", "shard": "shard", "edition": "edition_id", "work": "work_id",
    "match": 'shard, "row", text_column, doc_begin, doc_end, edition_id, ref_word', "exception": "ALL",
    "origin": "ALL", "journal": "seq",
}  # fmt: skip
"""The tables of a run database, each with its order."""


def write_bundle(db: str | Path, out: str | Path, choice: ReportOptions | None = None, overwrite: bool = False) -> str:
    """Write the bundle of a run database to a new folder, or to a file where `out` ends in `.zip`.

    Returns the digest of its manifest. `choice` is of its report; tables have all matches. With `overwrite` a bundle
    that is there is replaced, and nothing else ever. Raises UsageError where something is in the way, StoreError for
    what is no run, OutputError where it cannot be written.
    """
    db, out, choice = Path(db), Path(out), choice or ReportOptions()
    check_parent(out)
    check_free(out, "--out", "bundle", overwrite, lambda: _is_bundle(out))
    with (
        output_errors(out),
        tempfile.TemporaryDirectory(prefix=f".{out.name}.", suffix=".tmp", dir=out.parent) as scratch,
    ):
        folder = Path(scratch) / "bundle"
        folder.mkdir()
        with RunReader(db, choice.redacted) as run:
            write_contents(run, folder, choice)
            digest = write_manifest(run, folder, choice)
        if out.suffix.lower() == ZIP:
            with atomic_write(out) as file:
                write_archive(folder, file)
        else:
            rename_folder(folder, out)
    return digest


def write_contents(run: RunReader, folder: Path, choice: ReportOptions) -> None:
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
        "report.html": report(run, choice),
        "certificate.md": certificate(run).encode(),
        "croissant.json": json.dumps(croissant(run), indent=1).encode() + b"\n",
        **annex(run),
    }
    for name, data in small.items():
        (folder / name).write_bytes(data)


def write_manifest(run: RunReader, folder: Path, choice: ReportOptions) -> str:
    """Write statement, sums and manifest beside the files that are there; returns the digest of the manifest."""
    digests = {name: file_sha256(folder / name) for name in files_of(folder)}
    content = json.dumps(statement(run, digests), indent=1).encode() + b"\n"
    (folder / STATEMENT).write_bytes(content)
    digests[STATEMENT] = file_sha256(folder / STATEMENT)
    (folder / SUMS).write_text("".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items())))
    (folder / MANIFEST).write_bytes(make_manifest(folder, made_by(choice)))
    return str(read_manifest(folder)["sha256"])


def made_by(choice: ReportOptions) -> dict[str, Any]:
    """How a bundle was made, for its manifest."""
    return {
        "tool": "provenance", "tool_version": __version__, "code_sha256": code_sha256(), "redacted": choice.redacted,
        "max_matches": choice.max_matches,
    }  # fmt: skip


def _is_bundle(out: Path) -> bool:
    if out.suffix.lower() == ZIP and out.is_file():
        with out.open("rb") as file:
            return file.read(2) == b"PK"
    return (out / MANIFEST).is_file()
