"""`provenance inspect`: what is in a shard, before it is scanned."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from provenance.cli.places import PLACE

FILE = click.Path(path_type=Path)


@click.command("inspect", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("shards", nargs=-1, required=True, type=PLACE, metavar="SHARD...")
@click.option("--text-column", "text_columns", multiple=True, metavar="NAME", help="Column to show texts of.")
@click.option("--id-column", help="Column that names a document.")
@click.option("--tokenizer", type=FILE, metavar="JSON", help="tokenizer.json that token ids are decoded with.")
@click.option("--end-of-text", type=int, metavar="ID", help="Token id that ends a document; by default as it is named.")
@click.option("--rows", type=click.IntRange(min=0), default=3, show_default=True, help="First rows to show.")
@click.option("--anonymous", is_flag=True, help="Read objects without credentials.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a shard.")
def command(
    shards: tuple[str, ...],
    text_columns: tuple[str, ...],
    id_column: str | None,
    tokenizer: Path | None,
    end_of_text: int | None,
    rows: int,
    anonymous: bool,
    as_json: bool,
) -> None:
    """Show what is in shards: format, rows, columns, and the first texts.

    \b
    provenance inspect data/train-00000.parquet
    provenance inspect tokens.npy --tokenizer tokenizer.json
    provenance inspect s3://bucket/data/ --anonymous
    """
    from provenance.runs.inspecting import inspect_shards
    from provenance.units.config import ScanConfig

    config = ScanConfig(
        text_columns=text_columns,
        id_column=id_column,
        tokenizer=None if tokenizer is None else str(tokenizer),
        end_of_text=end_of_text,
    )
    unreadable = seen = 0
    for found in inspect_shards(shards, config, rows, anonymous):
        seen += "skipped" not in found
        unreadable += "error" in found or bool(found.get("problem"))
        if as_json:
            click.echo(json.dumps(found))
        else:
            _print(found)
    if unreadable or not seen:
        sys.exit(3)


def _print(found: dict[str, Any]) -> None:
    from provenance.cli.printing import number, safe, size, table

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
