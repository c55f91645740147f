"""The draft of a certificate for Federal Rules of Evidence 902(13) and (14): facts filled in, judgement left blank."""

from provenance.display.text import safe
from provenance.report.facts import Facts, ReportOptions
from provenance.report.render import case_of, environment
from provenance.store.database import RunReader

BLANK = "______________________________"
MOST_LISTED = 200  # files and attempts


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
