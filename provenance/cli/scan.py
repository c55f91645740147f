"""`provenance scan`: shards against an index."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from provenance.runs.record import ScanSummary

FILE = click.Path(path_type=Path)
EARLY = 2  # worker processes started before it is known how many there is work for
MOST_WORKS_SHOWN = 40
MOST_EXCEPTIONS_SHOWN = 20
WIDE = 110  # columns of a terminal that shows every column of the table


@click.command("scan", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("shards", nargs=-1, required=True, metavar="SHARD...")
@click.option("--index", required=True, type=FILE, help="Index of the known books.")
@click.option("--db", required=True, type=FILE, help="Run database to write (DuckDB).")
@click.option(
    "--text-column",
    "text_columns",
    multiple=True,
    metavar="NAME",
    help="Column to scan, once or several times; by default the first of text, content, raw_content, body, document, "
    "messages, input_ids.",
)
@click.option("--id-column", help="Column that names a document; by default the first of id, doc_id, url and the like.")
@click.option("--tokenizer", type=FILE, metavar="JSON", help="tokenizer.json that token ids are decoded with.")
@click.option("--end-of-text", type=int, metavar="ID", help="Token id that ends a document; by default as it is named.")
@click.option("--scale", type=int, help="Look up one fingerprint in SCALE, fewer than the index has: faster, coarser.")
@click.option("--min-words", default=25, show_default=True, help="Shortest match that is reported, in matched words.")
@click.option(
    "--max-row-bytes",
    type=click.IntRange(min=1),
    default=64 << 20,
    show_default=True,
    help="Longer rows are not scanned, and named.",
)
@click.option(
    "--max-ratio",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    help="Compressed files that grow more are not scanned.",
)
@click.option(
    "--background",
    multiple=True,
    metavar="SHARD",
    help="Ordinary text, to learn from which phrases are common; they then count for nothing.",
)
@click.option(
    "--decoys",
    multiple=True,
    type=FILE,
    metavar="BOOKS",
    help="Books that cannot be in the shards: how many match is reported, with the rate of errors it allows.",
)
@click.option("--anonymous", is_flag=True, help="Read objects without credentials.")
@click.option(
    "--scratch", type=FILE, metavar="DIR", help="Where objects are fetched to; by default beside the database."
)
@click.option("--workers", type=int, help="Worker processes; by default one a core.")
@click.option("--key-file", type=FILE, help="Key that the index was built with.")
@click.option("--overwrite", is_flag=True, help="Replace the run database that is there.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object.")
def command(
    shards: tuple[str, ...],
    index: Path,
    db: Path,
    text_columns: tuple[str, ...],
    id_column: str | None,
    tokenizer: Path | None,
    end_of_text: int | None,
    scale: int | None,
    min_words: int,
    max_row_bytes: int,
    max_ratio: int,
    background: tuple[str, ...],
    decoys: tuple[Path, ...],
    anonymous: bool,
    scratch: Path | None,
    workers: int | None,
    key_file: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Scan training shards for the books of an index: files, directories, globs, objects, @list.txt, or - for a list.

    Parquet, Arrow, JSON lines, CSV, WebDataset, WARC, and token ids (--tokenizer); docs/formats.md has them all.

    \b
    provenance scan shards/ --index indexes/books --db run.duckdb
    provenance scan 'data/train-*.parquet' --index indexes/books --db run.duckdb --text-column body
    provenance scan shards/ --index indexes/books --db run.duckdb --background news.parquet --decoys unpublished/
    """
    from provenance.runs.local import Children

    early = min(EARLY, workers or os.cpu_count() or 1)  # they import what they need while this process does
    children = click.get_current_context().with_resource(Children(max(0, early)))

    from tqdm import tqdm

    from provenance.cli.options import read_key
    from provenance.matching import MatchConfig
    from provenance.runs.config import ScanConfig
    from provenance.runs.scan import scan

    config = ScanConfig(
        text_columns=text_columns,
        id_column=id_column,
        tokenizer=None if tokenizer is None else str(tokenizer),
        end_of_text=end_of_text,
        scale=scale,
        max_row_bytes=max_row_bytes,
        max_ratio=max_ratio,
        match=MatchConfig(min_words=min_words),
    )
    with tqdm(unit="B", unit_scale=True, desc="scanning", file=sys.stderr, disable=None) as bar:
        matches = 0

        def on_progress(text_bytes: int, new_matches: int) -> None:
            nonlocal matches
            matches += new_matches
            bar.set_description_str("scanning", refresh=False)
            bar.set_postfix_str(f"{matches} matches", refresh=False)
            bar.update(text_bytes)

        def on_planned(text_bytes: int) -> None:
            bar.total = (bar.total or 0) + text_bytes

        def on_compiling() -> None:
            bar.set_description_str("compiling for this processor, once")

        summary = scan(
            shards, index, db,
            config=config, workers=workers, key=read_key(key_file), overwrite=overwrite, background=background,
            decoys=decoys, anonymous=anonymous, scratch=scratch, children=children,
            on_planned=on_planned, on_progress=on_progress, on_compiling=on_compiling,
        )  # fmt: skip
    if as_json:
        click.echo(json.dumps(summary.to_json(), default=str))
    else:
        print_summary(summary)
    if not summary.complete:
        sys.exit(3)


def print_summary(summary: ScanSummary) -> None:
    """The works found, what was clean, and what was not scanned."""
    from provenance.cli.printing import number, percent, safe, size

    if summary.works:
        shown = summary.works[:MOST_WORKS_SHOWN]
        print_works(shown)
        if len(summary.works) > len(shown):
            rest = number(len(summary.works) - len(shown), "more work")
            click.echo(
                f"... and {rest} with matches: provenance export {summary.db} --what works --format csv --out works.csv"
            )
        click.echo()
    clean = summary.documents_scanned - summary.nulls - summary.documents_matched
    rate = summary.bytes_scanned / max(summary.seconds - summary.compile_seconds, 0.001)
    click.echo(
        f"{number(len(summary.works), 'work')} found, {summary.works_shared:,} only by lines they share with others, "
        f"{summary.works_without_match:,} without a match. "
        f"{number(summary.documents_scanned, 'document')} scanned: {summary.documents_matched:,} with matches, "
        f"{clean:,} clean. {size(summary.bytes_scanned)} of text in {summary.seconds:.1f} s ({size(rate)}/s)."
    )
    if summary.compile_seconds >= 1:
        click.echo(
            f"Of that time {summary.compile_seconds:.0f} s went into compiling for this processor, which is done once."
        )
    if summary.decoys["works"]:
        matched, most = summary.decoys["matched"], percent(summary.decoys["upper95"])
        click.echo(
            f"{matched:,} of {number(summary.decoys['works'], 'decoy')} matched, which cannot be in the data: "
            f"of such works at most {most} would (95 %)."
        )
        if too_short := summary.decoys["too_short"]:
            click.echo(f"{number(too_short, 'decoy')} besides cannot match, being too short: not counted.")
        if matched:
            click.echo(
                f"Which: provenance query {safe(str(summary.db))} "
                '"SELECT title, grade, documents, longest_run FROM v_works WHERE decoy AND documents > 0"'
            )
    outcomes = ", ".join(f"{count:,} {kind}" for kind, count in summary.shards.items() if count)
    click.echo(f"Files: {outcomes or 'none'}. Run database: {safe(str(summary.db))}")
    if summary.nulls or summary.invalid_documents:
        click.echo(
            f"{number(summary.nulls, 'row')} without text (null); "
            f"{number(summary.invalid_documents, 'row')} with invalid UTF-8 (scanned, bad bytes separate words)."
        )
    for problem in summary.exceptions[:MOST_EXCEPTIONS_SHOWN]:
        click.echo(f"not scanned: {safe(problem['reason'])}", err=True)
    if len(summary.exceptions) > MOST_EXCEPTIONS_SHOWN:
        more = len(summary.exceptions) - MOST_EXCEPTIONS_SHOWN
        click.echo(f"not scanned: {more} more, in the table exception of {safe(str(summary.db))}", err=True)
    if not summary.shards["scanned"] + summary.shards["partial"]:
        click.echo("provenance: nothing was scanned: this is no statement about any work", err=True)
    elif summary.exceptions:
        click.echo("provenance: incomplete: what was not scanned is not known to be clean", err=True)


def _coverage(work: dict[str, Any]) -> str:
    from provenance.cli.printing import percent

    if not work["estimated"]:
        return percent(work["coverage"])
    return f"{percent(work['coverage'])} ({100 * work['coverage_low']:.1f}-{100 * work['coverage_high']:.1f})"


def print_works(works: list[dict[str, Any]]) -> None:
    """A row for each work; a narrow terminal gets the columns that matter most."""
    from provenance.cli.printing import percent, table, width

    columns: list[tuple[str, str, Callable[[dict[str, Any]], object]]] = [
        ("work", "left", lambda w: w["title"] or w["work_id"]),
        ("author", "left", lambda w: w["author"]),
        ("grade", "fixed", lambda w: w["grade"] + (" (estimate)" if w["estimated"] else "")),
        ("coverage", "right", _coverage),
        ("identity", "right", lambda w: percent(w["identity"])),
        ("words", "right", lambda w: f"{w['matched_words']:,}"),
        ("longest run", "right", lambda w: f"{w['longest_run']:,}"),
        ("rows", "right", lambda w: f"{w['documents']:,}"),
        ("shards", "right", lambda w: f"{w['shards']:,}"),
        ("copies", "right", lambda w: f"{w['copies']:.2f}"),
    ]
    if width() < WIDE:
        columns = [column for column in columns if column[0] not in ("author", "longest run", "shards")]
    table([column[:2] for column in columns], [[cell(work) for _, _, cell in columns] for work in works])
