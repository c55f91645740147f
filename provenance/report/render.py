"""Renders a report: one HTML file that asks nothing of anybody, with the same bytes each time for the same database."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from provenance.display.text import number, percent, safe, short, size, utc
from provenance.report.cells import Row, cell, counted, expectation, raw, shell, shown, value
from provenance.report.facts import Facts, ReportOptions, read_facts
from provenance.report.passages import cut_at_word, pair_of, shown_text
from provenance.report.rates import LENGTHS, differences, error_rates, rows_of, study_digest
from provenance.report.strips import LOOKS, Cells, cells_of_deciles, cells_of_spans, heat_map, strip
from provenance.report.wording import (
    ALTERNATIVES,
    GLOSSARY,
    GRADE_MEANS,
    LIMITS,
    NO_SELFTEST,
    RECALL_SAYS,
    certified,
    how_sure,
    recall_rows,
    strip_label,
    verdict,
)  # fmt: skip
from provenance.store.database import RunReader

SIDE_BY_SIDE, MOST_SIDE_BY_SIDE = 5, 1500  # matches of a work, and in all, that are shown as two texts

ABOUT = (
    ("author", "author"), ("publisher", "publisher"), ("language", "language"), ("rights_holder", "rights holder"),
    ("registration", "registration"), ("licence", "licence"), ("format", "read as"), ("grouped_by", "work told by"),
    ("notes", "notes"),
)  # fmt: skip
"""What else is shown of an edition, where it is known, and what it is called."""


def report(run: RunReader, options: ReportOptions | None = None) -> bytes:
    """The report of a run as HTML in UTF-8; raises what `read_facts` raises."""
    return render(read_facts(run, options or ReportOptions())).encode("utf-8", "replace")


def render(facts: Facts) -> str:
    """The report of facts."""
    case = case_of(facts)
    style = _source("report.css").replace("CASE_LABEL", css_string(case or "Known works in training data"))
    script = _source("report.js")
    rates = error_rates()
    pairs = _pairs(facts)
    recall_lengths, recall = recall_rows(facts)
    return _environment().get_template("report.html.j2").render(
        facts=facts, one=facts.one, record=facts.record, case=case, style=Markup(style), script=Markup(script),
        policy=policy(style, script), rates=rates, rate_rows=rows_of(rates) if rates else [], lengths=LENGTHS,
        differs=differences(rates, facts.record) if rates else [],
        pairs=pairs, anchors=anchors(facts), strips=_strips(facts), heat=_heat(facts), verdict=verdict(facts),
        sure=how_sure(facts, rates), looks=LOOKS, grade_means=GRADE_MEANS, limits=LIMITS, glossary=GLOSSARY,
        alternatives=ALTERNATIVES, about=ABOUT, study=study_digest(), recall=recall, recall_lengths=recall_lengths,
        certified=certified(facts), recall_says=RECALL_SAYS, no_selftest=NO_SELFTEST,
    )  # fmt: skip


def case_of(facts: Facts) -> str:
    """The label of the case, as the last entry of custody has it."""
    return safe(str(facts.custody[-1]["entry"].get("case") or "")) if facts.custody else ""


def policy(style: str, script: str) -> str:
    """The Content-Security-Policy: nothing but this style and this script, told by their digests."""
    style_hash, script_hash = (
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)
    )
    return (
        f"default-src 'none'; style-src 'sha256-{style_hash}'; script-src 'sha256-{script_hash}'; "
        "base-uri 'none'; form-action 'none'"
    )


def css_string(text: str) -> str:
    """A string of CSS, in which nothing but letters, digits and blanks stands as itself."""
    escaped = re.sub(r"[^A-Za-z0-9 .,()-]", lambda match: f"\\{ord(match.group()):06x} ", text[:120])
    return f'"{escaped}"'


def anchors(facts: Facts) -> dict[str, str]:
    """The anchor of each page: a number, since ids of works may hold anything."""
    return {page.work["work_id"]: f"work-{number}" for number, page in enumerate(facts.pages, 1)}


def _strips(facts: Facts) -> dict[str, Markup]:
    """A strip for each work: fine for those that have a page, by tenths for the others."""
    works = {work["work_id"]: work for work in [*facts.works.rows, *(page.work for page in facts.pages)]}
    return {name: strip(_cells(work, facts), strip_label(work)) for name, work in works.items()}


def _cells(work: Row, facts: Facts) -> Cells:
    spans = facts.spans.get(work["best_edition"])
    if spans is not None:
        return cells_of_spans(spans, work["best_words"])
    own = min(1.0, work["own_words"] / max(1, work["covered_words"]))
    return cells_of_deciles(work["deciles"], own, work["identity"] or 0.0)


def _heat(facts: Facts) -> Markup | None:
    return heat_map(facts.heat, [page.work for page in facts.pages], facts.heat_columns)


def _pairs(facts: Facts) -> dict[str, Any]:
    """The matches that are shown side by side, by their ids: the longest of each work."""
    context: dict[str, Any] = {}
    for page in facts.pages:
        for match in page.matches.rows[:SIDE_BY_SIDE]:
            if len(context) < MOST_SIDE_BY_SIDE and (pair := pair_of(match)) is not None:
                context[match["match_id"]] = pair
    return context


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("provenance.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.globals.update(
        cell=cell, value=value, counted=counted, shown=shown, raw=raw, number=number, side_by_side=SIDE_BY_SIDE
    )
    environment.filters.update(
        percent=percent, size=size, safe_text=safe, short=short, utc=utc, lines=shown_text, expectation=expectation,
        shell=shell, before=lambda text: cut_at_word(text, True), after=lambda text: cut_at_word(text, False),
    )  # fmt: skip
    return environment


@cache
def _source(name: str) -> str:
    loader = PackageLoader("provenance.report")
    return loader.get_source(_environment(), name)[0]
