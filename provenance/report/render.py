"""Renders a report, one HTML file that asks nothing of anybody, and the draft of a certificate for Federal Rules of
Evidence 902(13) and (14), facts filled in, judgement left blank: the same bytes each time for the same database.
"""

import base64
import hashlib
import itertools
import re
import tomllib
from functools import cache
from importlib.resources import files

from jinja2 import Environment
from markupsafe import Markup

from provenance.display.text import number, percent, safe, short, size, utc
from provenance.process import templates
from provenance.report.cells import Row, cell, counted, expectation, shell, value
from provenance.report.facts import MOST_HEAT_WORKS, Facts, ReportOptions
from provenance.report.passages import Pair, cut_at_word, pair_of, shown_text
from provenance.report.rates import LENGTHS, differences, error_rates, recall_rows
from provenance.report.strips import BINS, LOOKS, Cells, bins, cells_of_deciles, cells_of_spans
from provenance.selftest.disturb import VERBATIM
from provenance.store.database import RunReader

SIDE_BY_SIDE, MOST_SIDE_BY_SIDE = 5, 1500  # matches of a work, and in all, that are shown as two texts

BLANK = "______________________________"  # in a certificate
MOST_LISTED = 200  # files and attempts in it

ABOUT = (
    ("author", "author"), ("publisher", "publisher"), ("language", "language"), ("rights_holder", "rights holder"),
    ("registration", "registration"), ("licence", "licence"), ("format", "read as"), ("grouped_by", "work told by"),
    ("notes", "notes"),
)  # fmt: skip
"""What else is shown of an edition, where it is known, and what it is called."""


def report(run: RunReader, options: ReportOptions | None = None) -> bytes:
    """The report of a run as HTML in UTF-8; raises what `Facts` raises."""
    facts, rates = Facts(run, options or ReportOptions()), error_rates()
    case = case_of(facts)
    style, script = (
        (files("provenance.report") / "templates" / name).read_text("utf-8") for name in ("report.css", "report.js")
    )
    style = style.replace("CASE_LABEL", css_string(case or "Known works in training data"))
    recall_lengths = sorted({cell["words"] for cell in facts.selftest_cells})
    page = environment().get_template("report.html.j2").render(
        facts=facts, one=facts.one, record=facts.record, case=case, style=Markup(style), script=Markup(script),
        policy=policy(style, script), rates=rates, lengths=LENGTHS,
        rate_rows=recall_rows(rates["cells"], "kind", LENGTHS) if rates else [],
        differs=differences(rates, facts.record) if rates else [], recall_lengths=recall_lengths,
        recall=recall_rows(facts.selftest_cells, "noise", recall_lengths), pairs=_pairs(facts), strips=_strips(facts),
        anchors={page.work["work_id"]: f"work-{n}" for n, page in enumerate(facts.pages, 1)},  # ids may hold anything
        texts=tomllib.loads((files("provenance.report") / "texts.toml").read_text("utf-8")),
    )  # fmt: skip
    return page.encode("utf-8", "replace")


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


def _strips(facts: Facts) -> dict[str, list[tuple[int, int, str, int]]]:
    """A strip for each work: fine for those that have a page, by tenths for the others."""
    works = [*facts.works.rows, *(page.work for page in facts.pages)]
    return {work["work_id"]: bins(_cells(work, facts)) for work in works}


def _cells(work: Row, facts: Facts) -> Cells:
    edition = work["best_edition"]
    if edition in facts.spans:
        return cells_of_spans(facts.spans[edition], facts.own_spans[edition], work["best_words"])
    own = min(1.0, work["own_words"] / max(1, work["covered_words"]))
    return cells_of_deciles(work["deciles"], own, work["identity"] or 0.0)


def _pairs(facts: Facts) -> dict[str, Pair]:
    """The matches that are shown side by side, by their ids: the longest of each work."""
    longest = (match for page in facts.pages for match in page.lists["matches"].rows[:SIDE_BY_SIDE])
    pairs = ((match["match_id"], pair) for match in longest if (pair := pair_of(match)) is not None)
    return dict(itertools.islice(pairs, MOST_SIDE_BY_SIDE))


@cache
def environment() -> Environment:
    """What templates are rendered in, as HTML unless one says otherwise."""
    environment = templates.environment("provenance.report", autoescape=True, lstrip_blocks=True)
    environment.globals.update(
        cell=cell, value=value, counted=counted, number=number, side_by_side=SIDE_BY_SIDE, about=ABOUT, looks=LOOKS,
        bins=BINS, most_heat_works=MOST_HEAT_WORKS, verbatim=VERBATIM,
    )  # fmt: skip
    environment.filters.update(
        percent=percent, size=size, safe_text=safe, short=short, utc=utc, lines=shown_text, expectation=expectation,
        shell=shell, before=lambda text: cut_at_word(text, True), after=lambda text: cut_at_word(text, False),
    )  # fmt: skip
    return environment


def certificate(run: RunReader) -> str:
    """Markdown; raises what `Facts` raises."""
    facts = Facts(run, ReportOptions(max_matches=0))
    custody = facts.custody[-1]["entry"] if facts.custody else {}
    markdown = environment().overlay(autoescape=False, keep_trailing_newline=True)  # escaped by `plain` and `code`
    markdown.filters = {**markdown.filters, "md": plain, "code": code}
    return markdown.get_template("certificate.md.j2").render(
        facts=facts, one=facts.one, record=facts.record, case=case_of(facts), said=custody, blank=BLANK,
        most=MOST_LISTED,
    )  # fmt: skip


def plain(value: object) -> str:
    """Text within Markdown, none of whose marks mean anything."""
    return "".join(f"\\{mark}" if mark in "\\`*_{}[]<>()#+!|~" else mark for mark in safe(str(value)))


def code(value: object) -> str:
    """Text as code in Markdown."""
    return "`" + safe(str(value)).replace("`", "'") + "`"
