"""`provenance collect`: the units that tasks have scanned become a run database."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from provenance.cli.gating import Gating, gated
from provenance.cli.places import PLACE


@click.command("collect", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("out", type=PLACE, metavar="DIR")
@click.option("--db", required=True, type=click.Path(path_type=Path), help="Run database to write (DuckDB).")
@click.option("--overwrite", is_flag=True, help="Replace the run database of another run.")
@gated
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object.")
def command(out: str, db: Path, overwrite: bool, as_json: bool, gating: Gating | None) -> None:
    """Load the units in DIR, which `provenance scan --out DIR` wrote, into a run database.

    Units that are missing or damaged are named, and the exit code is 3; run their tasks again and collect again.
    With --fail-on it is a gate (docs/gate.md).

    \b
    provenance collect units/ --db run.duckdb
    provenance collect s3://bucket/units --db run.duckdb
    """
    from tqdm import tqdm

    from provenance.cli.gating import tell
    from provenance.runs.collect import collect, works_in

    if gating is not None:
        gating.check(db, lambda: works_in(out), f"the run in {out}")
    with tqdm(unit=" units", desc="collecting", file=sys.stderr, disable=None) as bar:

        def on_unit(units: int) -> None:
            bar.total = units
            bar.update()

        summary = collect(out, db, overwrite=overwrite, on_unit=on_unit)
    if code := tell(summary, gating, as_json):
        sys.exit(code)
