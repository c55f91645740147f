"""Every number of a report is the answer to the question that the docs give for it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from lxml import html

from provenance.display.text import safe
from provenance.report.cells import raw
from provenance.report.facts import ReportOptions
from provenance.report.queries import QUERIES
from provenance.report.render import report
from provenance.store.database import RunReader

DOCS = Path(__file__).parents[2] / "docs" / "report.md"
RESTRICTED = {"origins": "kind"}  # by which column `data-where` chooses; of others by the work
REWRITTEN = {"outcome", "grade", "title"}  # cells that say more than the value, or another word for it

Row = dict[str, Any]


def documented() -> dict[str, str]:
    """The questions as the docs have them."""
    return dict(re.findall(r"^### (\w+)\n.*?```sql\n(.*?)\n```", DOCS.read_text("utf-8"), re.M | re.S))


def test_the_docs_have_the_questions_that_are_asked():
    assert documented() == {name: query.whole for name, query in QUERIES.items()}


def answers(run: RunReader, asked: Any, known: dict[str, list[Row]]) -> list[Row]:
    """The answers that an element with `data-query` shows, by the question in the docs."""
    name = asked.get("data-query")
    if name not in known:
        known[name] = run.query(documented()[name])
    rows = known[name]
    if (where := asked.get("data-where")) is not None:
        column = "match_id" if asked.tag == "article" else RESTRICTED.get(name, "work_id")
        rows = [row for row in rows if safe(str(row[column])) == safe(where)]
    return rows[int(asked.get("data-skip", 0)) :]


def row_of(node: Any, asked: Any, rows: list[Row]) -> Row:
    """Which of the answers a value is in."""
    if asked.tag != "table":
        return rows[0]
    line = next(parent for parent in node.iterancestors() if parent.tag == "tr")
    lines = [other for other in line.getparent() if other.get("class") != "reason"]
    return rows[lines.index(line)]


def compare(run: RunReader, page: Any) -> int:
    """Compare every value of a page; returns how many there were."""
    known: dict[str, list[Row]] = {}
    compared = 0
    for node in page.xpath("//*[@data-c]"):
        asked = next(n for n in [node, *node.iterancestors()] if n.get("data-query"))
        row, column = row_of(node, asked, answers(run, asked, known)), node.get("data-c")
        exact = node.get("data-v", node.get("value"))
        if exact is not None:
            assert exact == raw(row[column]), (asked.get("data-query"), column)
        elif column not in REWRITTEN:
            shown = "" if row[column] is None else safe(str(row[column]))
            assert node.text_content().split() == shown.split(), (asked.get("data-query"), column)
        compared += 1
    return compared


@pytest.mark.parametrize("redact", [False, True])
def test_every_number_is_the_answer_to_its_question(rich, redact):
    with RunReader(rich, redact) as run:
        page = html.fromstring(report(run, ReportOptions(redacted=redact)).decode())
        assert compare(run, page) > 500
        shown = {node.get("data-query") for node in page.xpath("//*[@data-query]")}
        assert shown == QUERIES.keys() - {"custody"}, "all questions have a place"


def test_the_same_for_one_work_and_for_a_hostile_run(rich, hostile):
    with RunReader(rich) as run:
        page = html.fromstring(report(run, ReportOptions(work="book3", max_matches=12)).decode())
        assert compare(run, page) > 50
        assert [node.get("data-where") for node in page.xpath("//table[@id='table-works']")] == ["book3"]
    with RunReader(hostile) as run:
        assert compare(run, html.fromstring(report(run).decode())) > 100


def test_no_number_of_a_result_stands_outside_its_value(rich):
    """Text with digits in a sentence or a cell that answers a question is within an element that says which."""
    with RunReader(rich) as run:
        page = html.fromstring(report(run).decode())
    loose = []
    for asked in page.xpath("//p[@data-query] | //dl[@class='grades'] | //li//*[@data-query]"):
        for text in asked.xpath(".//text()[not(ancestor::*[@data-c]) and not(ancestor::code)]"):
            parent = text.getparent()
            if asked.get("data-c") or "means" in (parent.get("class") or ""):
                continue
            loose += [text.strip()] if re.search(r"\d", text) else []
    known = re.compile(r".*(95 %|90 % or more|20 % or more|300 words|UTF-8)")
    assert [text for text in loose if not known.match(text)] == []


def test_what_is_left_out_is_counted(rich, monkeypatch):
    for name in ("MOST_WORKS", "MOST_SHARDS", "MOST_ABSENT", "MOST_PLACES", "MOST_PAGES", "MOST_EXCEPTIONS"):
        monkeypatch.setattr(f"provenance.report.facts.{name}", 1)
    with RunReader(rich) as run:
        page = html.fromstring(report(run, ReportOptions(max_matches=3)).decode())
        for node in page.xpath("//*[@data-count]"):
            name = node.get("data-count")
            asked = documented()[name]
            section = next(parent for parent in node.iterancestors() if parent.tag == "section")
            if section.get("class") == "work":
                work = section.xpath(".//p[@data-query='works']/@data-where")[0]
                asked = f"SELECT * FROM ({asked}) WHERE work_id = '{work}'"
            if name == "origins":
                kind = node.getparent().getprevious().xpath(".//table/@data-where")[0]
                asked = f"SELECT * FROM ({asked}) WHERE kind = '{kind}'"
            assert int(node.get("value")) == len(run.query(asked))
        counted = {node.get("data-count") for node in page.xpath("//*[@data-count]")}
        assert {"works", "shards", "each_exception"} <= counted
        assert compare(run, page) > 50
        assert len(page.xpath("//section[@class='work']")) == 1
        assert "have no page here" in page.text_content()
