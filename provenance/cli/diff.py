"""`provenance diff`: what a later run has more, less or otherwise than an earlier one, and why."""

import json
import sys
from collections import Counter
from typing import Any

import click

from provenance.cli.definitions.act import MOST_WORKS_SHOWN, Diff
from provenance.cli.places import refuse_same
from provenance.cli.tables import table
from provenance.compare.runs import Comparison, compare
from provenance.display.text import number, percent, safe


def run(options: Diff) -> None:
    """Compare two runs."""
    if options.out is not None:
        for db in (options.earlier, options.later):
            refuse_same(options.out, db)
    comparison = compare(options.earlier, options.later, options.most, options.out)
    if options.as_json:
        click.echo(json.dumps(comparison.to_json(), default=str))
    else:
        _print_made_with(comparison)
        _print_data(comparison)
        _print_works(comparison, options.all_works)
        _print_documents(comparison)
        _print_end(comparison)
    if comparison.unexplained:
        click.echo(
            f"provenance: {comparison.unexplained:,} differences have no reason, and results should be deterministic: "
            "`provenance verify RUN.duckdb --shards` checks each run",
            err=True,
        )
    if options.exit_code and comparison.different:
        sys.exit(1)


def _print_made_with(comparison: Comparison) -> None:
    for one in comparison.made_with:
        click.echo(f"{one.kind}: {safe(str(one))}")
    for what in ("works", "editions"):
        if comparison.index[what]:
            click.echo(f"index: {_counted(comparison.index[what])} {what}")
    for example in comparison.index["examples"]:
        named = f"edition {example['edition_id']}" if "edition_id" in example else f"work {example['work_id']}"
        click.echo(f"  {example['change']}: {safe(named)}")


def _print_data(comparison: Comparison) -> None:
    click.echo(f"data: shards: {_counted(comparison.shards) or 'none'}")
    for change, examples in comparison.shard_examples.items():
        for example in examples:
            names = [example[side] for side in ("earlier", "later") if example[side]]
            click.echo(f"  {change}: {safe(' -> '.join(dict.fromkeys(names)))}")
        if comparison.shards[change] > len(examples):
            click.echo(f"  {change}: {comparison.shards[change] - len(examples):,} more")
    for name, outcome in zip((comparison.earlier, comparison.later), comparison.outcomes, strict=True):
        if outcome != "complete":
            click.echo(f"completeness: {safe(name)} is incomplete: nobody knows what is in what it did not scan")
    if comparison.scanned_once:
        click.echo(f"completeness: {number(comparison.scanned_once, 'shard')} had another outcome")
        for example in comparison.scanned_once_examples:
            click.echo(safe(f"  {example['later']}: {example['earlier_outcome']} -> {example['later_outcome']}"))


def _print_works(comparison: Comparison, everything: bool) -> None:
    if not comparison.works:
        click.echo("works: none differ")
        return
    changes = Counter(work["change"] for work in comparison.works)
    click.echo(f"works: {_counted({change: changes[change] for change in ('gained', 'lost', 'changed')})}")
    shown = comparison.works if everything else comparison.works[:MOST_WORKS_SHOWN]
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
    if len(comparison.works) > len(shown):
        click.echo(f"... and {len(comparison.works) - len(shown):,} more: --works shows all")


def _print_documents(comparison: Comparison) -> None:
    if not any(comparison.documents.values()):
        click.echo("documents: none differ")
    for change, reasons in comparison.documents.items():
        total = sum(reasons.values())
        if reasons:
            click.echo(f"documents {change}: {total:,} ({_reasons(reasons)})")
        for example in comparison.examples[change]:
            click.echo(f"  {safe(_document(example))}")
        if total > len(comparison.examples[change]):
            click.echo(f"  ... and {total - len(comparison.examples[change]):,} more: --out FILE has all")


def _print_end(comparison: Comparison) -> None:
    before, after = comparison.said
    if before != after:
        changed = [name for name in before if before[name] != after[name]]
        reasons = [f"{name.replace('_', ' ')}: {before[name]:,} -> {after[name]:,}" for name in changed]
        click.echo(f"said by people, no difference of results: {', '.join(reasons)}")
    if not comparison.different:
        click.echo("The runs do not differ.")


def _document(row: dict[str, Any]) -> str:
    side = "later" if row["later_shard"] is not None else "earlier"
    counts = " -> ".join(f"{row[name]:,}" for name in ("earlier_words", "later_words") if row[name] is not None)
    works = dict.fromkeys([*(row["earlier_works"] or ()), *(row["later_works"] or ())])
    named = ", ".join(list(works)[:3]) + (f" and {len(works) - 3} more" if len(works) > 3 else "")
    id_told = "" if row["doc_id"] is None else f", {str(row['doc_id'])[:100]}"
    return f"{row[f'{side}_shard']} row {row[f'{side}_row']}{id_told}: {counts} words of {named} ({row['reason']})"


def _reasons(reasons: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" if count else name for name, count in reasons.items())


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)


def _arrow(before: str, after: str) -> str:
    return before if before == after else f"{before} -> {after}"
