"""`provenance diff`: what a later run has more, less or otherwise than an earlier one, and why."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from provenance.compare.runs import Comparison

FILE = click.Path(path_type=Path)
MOST_WORKS_SHOWN = 40
EXAMPLES = 20


@click.command("diff", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("earlier", type=FILE, metavar="A.duckdb")
@click.argument("later", type=FILE, metavar="B.duckdb")
@click.option("--exit-code", is_flag=True, help="Exit with 1 if anything differs, as `git diff --exit-code` does.")
@click.option("--works", "all_works", is_flag=True, help=f"Show all works that differ, not only {MOST_WORKS_SHOWN}.")
@click.option(
    "--documents",
    "most",
    type=click.IntRange(min=0),
    default=EXAMPLES,
    show_default=True,
    help="Documents and shards shown of each kind.",
)
@click.option("--out", type=FILE, metavar="DOCUMENTS.parquet", help="Write all documents that differ, sorted.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: counts, all works, examples.")
def command(
    earlier: Path, later: Path, exit_code: bool, all_works: bool, most: int, out: Path | None, as_json: bool
) -> None:
    """Compare two runs: works and documents gained, lost and changed from A to B, with the reason of each.

    Reasons: not scanned (in the other run), data, index, parameters, software. docs/gate.md says what each means. What
    people allowed or reviewed is mentioned, but is no difference.

    \b
    provenance diff last.duckdb run.duckdb
    provenance diff last.duckdb run.duckdb --exit-code --out documents.parquet
    """
    from provenance.cli.options import refuse_same
    from provenance.compare.runs import compare

    if out is not None:
        for db in (earlier, later):
            refuse_same(out, db)
    found = compare(earlier, later, most, out)
    if as_json:
        click.echo(json.dumps(found.to_json(), default=str))
    else:
        print_made_with(found)
        print_data(found)
        print_works(found, all_works)
        print_documents(found)
        print_end(found)
    if found.unexplained:
        click.echo(
            f"provenance: {found.unexplained:,} differences have no reason, and results should be deterministic: "
            "`provenance verify RUN.duckdb --shards` checks each run",
            err=True,
        )
    if exit_code and found.different:
        sys.exit(1)


def print_made_with(found: Comparison) -> None:
    """Index, parameters and software, as far as they differ."""
    from provenance.cli.printing import safe

    for one in found.made_with:
        click.echo(f"{one.kind}: {safe(str(one))}")
    for what in ("works", "editions"):
        if found.index[what]:
            click.echo(f"index: {_counted(found.index[what])} {what}")
    for example in found.index["examples"]:
        named = f"edition {example['edition_id']}" if "edition_id" in example else f"work {example['work_id']}"
        click.echo(f"  {example['change']}: {safe(named)}")


def print_data(found: Comparison) -> None:
    """Shards gained, lost, changed and renamed; and what one run scanned and the other did not."""
    from provenance.cli.printing import number, safe

    click.echo(f"data: shards: {_counted(found.shards) or 'none'}")
    for change, examples in found.shard_examples.items():
        for example in examples:
            names = [example[side] for side in ("earlier", "later") if example[side]]
            click.echo(f"  {change}: {safe(' -> '.join(dict.fromkeys(names)))}")
        if found.shards[change] > len(examples):
            click.echo(f"  {change}: {found.shards[change] - len(examples):,} more")
    for name, outcome in zip((found.earlier, found.later), found.outcomes, strict=True):
        if outcome != "complete":
            click.echo(f"completeness: {safe(name)} is incomplete: nobody knows what is in what it did not scan")
    if found.scanned_once:
        click.echo(f"completeness: {number(found.scanned_once, 'shard')} had another outcome")
        for example in found.scanned_once_examples:
            told = f"{example['later']}: {example['earlier_outcome']} -> {example['later_outcome']}"
            click.echo(f"  {safe(told)}")


def print_works(found: Comparison, everything: bool) -> None:
    """A row for each work that differs."""
    from provenance.cli.printing import percent, table

    if not found.works:
        click.echo("works: none differ")
        return
    counts = {change: sum(work["change"] == change for work in found.works) for change in ("gained", "lost", "changed")}
    click.echo(f"works: {_counted(counts)}")
    shown = found.works if everything else found.works[:MOST_WORKS_SHOWN]
    rows = [
        [
            work["change"], work["title"] or work["work_id"], _arrow(work["earlier_grade"], work["later_grade"]),
            _arrow(percent(work["earlier_coverage"]), percent(work["later_coverage"])),
            _arrow(f"{work['earlier_words']:,}", f"{work['later_words']:,}"), _reasons(work["reasons"]),
        ]
        for work in shown
    ]  # fmt: skip
    headings = (("", "fixed"), ("work", "left"), ("grade", "fixed"), ("coverage", "right"), ("words", "right"))
    table([*headings, ("documents that differ", "left")], rows)
    if len(found.works) > len(shown):
        click.echo(f"... and {len(found.works) - len(shown):,} more: --works shows all")


def print_documents(found: Comparison) -> None:
    """How many documents differ, for which reasons, and some of them."""
    from provenance.cli.printing import safe

    if not any(found.documents.values()):
        click.echo("documents: none differ")
    for change, reasons in found.documents.items():
        if not reasons:
            continue
        total = sum(reasons.values())
        click.echo(f"documents {change}: {total:,} ({_reasons(reasons)})")
        for example in found.examples[change]:
            click.echo(f"  {safe(_document(example))}")
        if total > len(found.examples[change]):
            click.echo(f"  ... and {total - len(found.examples[change]):,} more: --out FILE has all")


def print_end(found: Comparison) -> None:
    """What people said, and whether anything differs."""
    before, after = found.said
    if before != after:
        told = [
            f"{name.replace('_', ' ')}: {before[name]:,} -> {after[name]:,}"
            for name in before
            if before[name] != after[name]
        ]
        click.echo(f"said by people, no difference of results: {', '.join(told)}")
    if not found.different:
        click.echo("The runs do not differ.")


def _document(row: dict[str, Any]) -> str:
    side = "later" if row["later_shard"] is not None else "earlier"
    words = [row[name] for name in ("earlier_words", "later_words") if row[name] is not None]
    works = dict.fromkeys([*(row["earlier_works"] or ()), *(row["later_works"] or ())])
    named = ", ".join(list(works)[:3]) + (f" and {len(works) - 3} more" if len(works) > 3 else "")
    id_told = "" if row["doc_id"] is None else f", {str(row['doc_id'])[:100]}"
    told = " -> ".join(f"{count:,}" for count in words)
    return f"{row[f'{side}_shard']} row {row[f'{side}_row']}{id_told}: {told} words of {named} ({row['reason']})"


def _reasons(reasons: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" if count else name for name, count in reasons.items())


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)


def _arrow(before: str, after: str) -> str:
    return before if before == after else f"{before} -> {after}"
