"""The draft of a certificate for Federal Rules of Evidence 902(13) and (14): facts filled in, judgement left blank."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from provenance.display.text import safe, utc
from provenance.report.cells import shell
from provenance.report.facts import ReportOptions, read_facts
from provenance.report.render import case_of
from provenance.store.database import RunReader

BLANK = "______________________________"
MOST_LISTED = 200  # files and attempts


def certificate(run: RunReader) -> str:
    """Markdown; raises what `read_facts` raises."""
    facts = read_facts(run, ReportOptions(max_matches=0))
    custody = facts.custody[-1]["entry"] if facts.custody else {}
    shown = {"facts": facts, "one": facts.one, "record": facts.record, "case": case_of(facts), "said": custody}
    return _environment().get_template("certificate.md.j2").render(shown, blank=BLANK, most=MOST_LISTED)


def plain(value: object) -> str:
    """Text within Markdown, none of whose marks mean anything."""
    return "".join(f"\\{mark}" if mark in "\\`*_{}[]<>()#+!|~" else mark for mark in safe(str(value)))


def code(value: object) -> str:
    """Text as code in Markdown."""
    return "`" + safe(str(value)).replace("`", "'") + "`"


@cache
def _environment() -> Environment:
    environment = Environment(  # Markdown: escaped by `plain` and `code`, not as HTML
        loader=PackageLoader("provenance.report"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters.update(md=plain, code=code, utc=utc, shell=shell)
    return environment
