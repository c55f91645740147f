"""`provenance diff`: what a later run has more, less or otherwise than an earlier one, and why."""

import json
import sys
from collections import Counter
from typing import Any

import click

from provenance.cli.definitions.act import MOST_WORKS_SHOWN, Diff
from provenance.cli.tables import table
from provenance.cli.texts import counted, say
from provenance.compare.runs import Comparison, compare
from provenance.display.text import percent
from provenance.store.database import refuse_same


def run(options: Diff) -> None:
    """Compare two runs."""
    if options.out is not None:
        for db in (options.earlier, options.later):
            refuse_same(options.out, db)
    comparison = compare(options.earlier, options.later, options.most, options.out)
    if options.as_json:
        click.echo(json.dumps(comparison.to_json(), default=str))
    else:
        say("diff_inputs", vars(comparison))
        _print_works(comparison, options.all_works)
        functions = {"document": _document, "of_reasons": _reasons}
        say("diff_documents", {**vars(comparison), **functions, "different": comparison.different})
    if comparison.unexplained:
        click.echo(
            f"provenance: {comparison.unexplained:,} differences have no reason, and results should be deterministic: "
            "`provenance verify RUN.duckdb --shards` checks each run",
            err=True,
        )
    if options.exit_code and comparison.different:
        sys.exit(1)


def _print_works(comparison: Comparison, everything: bool) -> None:
    if not comparison.works:
        click.echo("works: none differ")
        return
    changes = Counter(work["change"] for work in comparison.works)
    click.echo(f"works: {counted({change: changes[change] for change in ('gained', 'lost', 'changed')})}")
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


def _document(row: dict[str, Any]) -> str:
    side = "later" if row["later_shard"] is not None else "earlier"
    counts = " -> ".join(f"{row[name]:,}" for name in ("earlier_words", "later_words") if row[name] is not None)
    works = dict.fromkeys([*(row["earlier_works"] or ()), *(row["later_works"] or ())])
    named = ", ".join(list(works)[:3]) + (f" and {len(works) - 3} more" if len(works) > 3 else "")
    id_told = "" if row["doc_id"] is None else f", {str(row['doc_id'])[:100]}"
    return f"{row[f'{side}_shard']} row {row[f'{side}_row']}{id_told}: {counts} words of {named} ({row['reason']})"


def _reasons(reasons: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" if count else name for name, count in reasons.items())


def _arrow(before: str, after: str) -> str:
    return before if before == after else f"{before} -> {after}"
