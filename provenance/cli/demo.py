"""`provenance demo`: the main job on real text, from nothing, in a minute."""

import sys
from collections import Counter
from functools import partial
from pathlib import Path

import click
import pyarrow.parquet as pq

from provenance.cli.compiling import tell_compiling
from provenance.cli.definitions.machine import Demo
from provenance.cli.summary import complain, print_summary
from provenance.cli.tables import table
from provenance.cli.texts import say
from provenance.demo.corpus import books_expected, write_books, write_shards
from provenance.display.text import number, safe, size
from provenance.errors import OutputError, UsageError
from provenance.files.writing import atomic_write
from provenance.index.building import build_index
from provenance.kernels.compiling import on_first_compile
from provenance.report.render import report as report_of
from provenance.runs.engine import Watch
from provenance.runs.record import ScanSummary
from provenance.runs.scan import scan
from provenance.store.database import RunReader

MARKER = ".provenance-demo"
CLEAN_ROWS_SHOWN = 5
COMPILING = "   First time on this machine: compiling for its processor, which takes a minute"
KINDS = {  # of rows, by the prefix of their ids
    "asv": "chapters of the American Standard Version",
    "kjv": "chapters of the King James Version, word for word",
    "excerpt": "excerpts inside other text",
    "doc": "unrelated English",
}


def run(options: Demo) -> None:
    """Make books and shards, index, scan and report."""
    folder = options.folder
    _prepare(folder)
    click.echo("1. Known books and training shards", err=True)
    books, shards = write_books(folder), write_shards(folder)
    click.echo(f"2. Index of the books: provenance index build {books} --out {folder / 'index'}", err=True)
    say_compiling = partial(tell_compiling, COMPILING)
    on_first_compile(say_compiling)
    report = build_index([books], folder / "index", overwrite=True)
    counts = f"{number(report.editions, 'book')}, {report.words:,} words, {size(report.index_bytes)} on disk"
    click.echo(f"   {counts}", err=True)
    db = folder / "run.duckdb"
    click.echo(f"3. Scan: provenance scan {shards} --index {folder / 'index'} --db {db}", err=True)
    summary = scan([shards], folder / "index", db, overwrite=True, watch=Watch(on_compiling=say_compiling))
    page = folder / "report.html"
    click.echo(f"4. Report: provenance report {db} --out {page}", err=True)
    with RunReader(db) as run, atomic_write(page) as file:
        file.write(report_of(run))
    click.echo(err=True)
    print_summary(summary)
    complain(summary)
    _print_kinds(db)
    say("demo_next", {"folder": folder, "db": db})
    if not _as_expected(summary):
        click.echo("provenance: the demo did not find what it planted; please report this", err=True)
        sys.exit(3)


def _prepare(folder: Path) -> None:
    """Make the directory, or take one that an earlier demo made; never write into another."""
    try:
        if folder.exists() and not (folder / MARKER).exists() and any(folder.iterdir()):
            raise UsageError(f"{folder} is there already and no demo made it: pass another --dir")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MARKER).touch()
    except OSError as error:
        raise OutputError(f"cannot write the demo to {folder}: {error.strerror}") from error


def _print_kinds(db: Path) -> None:
    """What became of each kind of row."""
    with RunReader(db) as run:
        flagged = {(row["shard"], row["row"]) for row in run.query('SELECT shard, "row" FROM v_documents')}
        shards = [row["shard"] for row in run.query("SELECT shard FROM shard WHERE outcome = 'scanned' ORDER BY shard")]
    rows, matched = Counter[str](), Counter[str]()
    clean: list[str] = []
    for shard in shards:
        for row, name in enumerate(pq.read_table(shard, columns=["id"])["id"].to_pylist()):
            kind = name.split("/")[0]
            rows[kind] += 1
            matched[kind] += (shard, row) in flagged
            if kind == "doc" and (shard, row) not in flagged:
                clean.append(name)
    click.echo()
    headings = [("rows", "right"), ("with matches", "right"), ("what they are", "left")]
    table(headings, [(f"{rows[kind]:,}", f"{matched[kind]:,}", KINDS.get(kind, kind)) for kind in sorted(rows)])
    shown = ", ".join(map(safe, clean[:CLEAN_ROWS_SHOWN]))
    click.echo(f"Clean rows: {number(len(clean), 'row')} of unrelated English, such as {shown}.")


def _as_expected(summary: ScanSummary) -> bool:
    """Whether each book planted was found, and each book left out was not found whole."""
    grades = {work["work_id"]: work["grade"] for work in summary.works}
    return summary.complete and all(
        grades.get(edition, "none") not in ("complete", "substantial") if kind == "absent" else edition in grades
        for edition, kind in books_expected().items()
    )
