"""`provenance inspect`: what is in a shard, before it is scanned. The process has its inspector already."""

import json
import sys
from typing import Any

import click

from provenance.cli.definitions.scan import Inspect
from provenance.cli.tables import table
from provenance.display.text import number, safe, size
from provenance.isolation.supervisor import Children
from provenance.runs.inspecting import inspect_shards
from provenance.units.config import ScanConfig


def run(options: Inspect, children: Children) -> None:
    """Show what is in shards."""
    named = ("text_columns", "id_column", "tokenizer", "end_of_text")
    config = ScanConfig(**{name: getattr(options, name) for name in named})
    unreadable = seen = 0
    for report in inspect_shards(options.shards, config, options.rows, options.anonymous, children):
        seen += "skipped" not in report
        unreadable += "error" in report or bool(report.get("problem"))
        if options.as_json:
            click.echo(json.dumps(report))
        else:
            _print(report)
    if unreadable or not seen:
        sys.exit(3)


def _print(report: dict[str, Any]) -> None:
    if reason := report.get("error") or report.get("skipped"):
        click.echo(f"{safe(report['shard'])}: {safe(reason)}", err=True)
        return
    facts = [report["format"], size(report["bytes"])]
    facts += [number(report["rows"], "row")] if report["rows"] is not None else []
    facts += [number(report["row_groups"], "row group")] if report["row_groups"] else []
    click.echo(f"{safe(report['shard'])}: {', '.join(facts)}")
    used = {**dict.fromkeys(report["text"], "scanned"), report["id"]: "id"}
    tops = {name.split("[")[0].split(".")[0]: use for name, use in used.items() if name}
    rows = [
        [*(column[fact] for fact in ("name", "type", "holds")), tops.get(column["name"])]
        for column in report["columns"]
    ]
    table([("column", "left"), ("type", "left"), ("could be", "fixed"), ("is", "fixed")], rows)
    if report["text"]:
        about = f", about {size(report['text_bytes'])}" if report.get("text_bytes") else ""
        click.echo(f"scanned would be {safe(', '.join(report['text']))}{about}")
    for row in report["sample"]:
        tokens = "" if row["tokens"] is None else f", {number(row['tokens'], 'token')}"
        name = "" if row["id"] is None else f" ({safe(row['id'])})"
        click.echo(f"  row {row['row']}{name}, {safe(row['column'])}, {number(row['bytes'], 'byte')}{tokens}")
        click.echo(f"    {safe(row['text'])}")
    for reason in report["bad"][:5]:
        click.echo(f"  {safe(reason)}", err=True)
    if report["problem"]:
        click.echo(f"  {safe(report['problem'])}", err=True)
