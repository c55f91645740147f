"""`provenance inspect`: what is in a shard, before it is scanned."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from provenance.cli.definitions.scan import Inspect
from provenance.cli.tables import table
from provenance.display.text import number, safe, size
from provenance.runs.inspecting import inspect_shards
from provenance.units.config import ScanConfig


def run(options: Inspect) -> None:
    """Show what is in shards."""
    config = ScanConfig(
        text_columns=options.text_columns,
        id_column=options.id_column,
        tokenizer=options.tokenizer,
        end_of_text=options.end_of_text,
    )
    unreadable = seen = 0
    for found in inspect_shards(options.shards, config, options.rows, options.anonymous):
        seen += "skipped" not in found
        unreadable += "error" in found or bool(found.get("problem"))
        if options.as_json:
            click.echo(json.dumps(found))
        else:
            _print(found)
    if unreadable or not seen:
        sys.exit(3)


def _print(found: dict[str, Any]) -> None:

    if reason := found.get("error") or found.get("skipped"):
        click.echo(f"{safe(found['shard'])}: {safe(reason)}", err=True)
        return
    facts = [found["format"], size(found["bytes"])]
    facts += [number(found["rows"], "row")] if found["rows"] is not None else []
    facts += [number(found["row_groups"], "row group")] if found["row_groups"] else []
    click.echo(f"{safe(found['shard'])}: {', '.join(facts)}")
    used = {**dict.fromkeys(found["text"], "scanned"), found["id"]: "id"}
    tops = {name.split("[")[0].split(".")[0]: use for name, use in used.items() if name}
    rows = [
        [column["name"], column["type"], column["holds"], tops.get(column["name"], "")] for column in found["columns"]
    ]
    table([("column", "left"), ("type", "left"), ("could be", "fixed"), ("is", "fixed")], rows)
    if found["text"]:
        about = f", about {size(found['text_bytes'])}" if found.get("text_bytes") else ""
        click.echo(f"scanned would be {safe(', '.join(found['text']))}{about}")
    for row in found["sample"]:
        tokens = "" if row["tokens"] is None else f", {number(row['tokens'], 'token')}"
        name = "" if row["id"] is None else f" ({safe(row['id'])})"
        click.echo(f"  row {row['row']}{name}, {safe(row['column'])}, {number(row['bytes'], 'byte')}{tokens}")
        click.echo(f"    {safe(row['text'])}")
    for reason in found["bad"][:5]:
        click.echo(f"  {safe(reason)}", err=True)
    if found["problem"]:
        click.echo(f"  {safe(found['problem'])}", err=True)
