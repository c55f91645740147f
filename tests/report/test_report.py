"""The report is one harmless file with the same bytes each time, and says what it must whatever the run."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import html

import provenance
from provenance.display.text import UNSAFE, safe
from provenance.errors import UsageError
from provenance.report.facts import ReportOptions
from provenance.report.passages import pair_of
from provenance.report.render import certificate, report
from provenance.report.strips import BINS, Spans, bins, cells_of_deciles, cells_of_spans
from provenance.store.database import RunReader
from tests.report.runs_to_report import PAYLOADS
from tests.shards.fixtures import prose
from tests.tools.command import run

ALLOWED = set(
    "a article b blockquote body br caption code data dd del details div dl dt h1 h2 h3 h4 h5 head header html i ins "
    "li main mark meta nav ol p rect script section small span strong style summary svg table tbody td text th thead "
    "title tr ul".split()
)
ATTRIBUTES = set(
    "aria-hidden aria-label aria-labelledby charset class colspan content data-c data-count data-noun data-query "
    "data-skip data-study data-v data-where dir fill-opacity height href http-equiv id lang name preserveaspectratio "
    "role scope tabindex text-anchor value viewbox width x y".split()
)


def made(db, redact=False, **options) -> str:
    with RunReader(db, redact) as run:
        return report(run, ReportOptions(redacted=redact, **options)).decode()


def test_the_same_database_gives_the_same_bytes_in_any_process(rich, tmp_path):
    pages = [made(rich).encode()]
    for seed in ("1", "2"):
        out = tmp_path / f"{seed}.html"
        command = [sys.executable, "-m", "provenance", "report", str(rich), "--out", str(out)]
        environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": "Asia/Tokyo", "LC_ALL": "C"}
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stdout == ""
        pages.append(out.read_bytes())
    assert pages[0] == pages[1] == pages[2]
    assert str(rich) not in pages[0].decode()


@pytest.mark.parametrize("name", ["rich", "hostile"])
def test_it_holds_nothing_but_what_the_templates_have(name, request):
    text = made(request.getfixturevalue(name))
    page = html.fromstring(text)
    assert {node.tag for node in page.iter() if isinstance(node.tag, str)} <= ALLOWED
    assert {attribute for node in page.iter() for attribute in node.attrib} <= ATTRIBUTES
    assert {link for link in page.xpath("//@href") if not re.fullmatch(r"#[\w-]+", link)} == set()
    assert len(page.xpath("//script")) == len(page.xpath("//style")) == 1
    assert not page.xpath("//@style | //@src")


def test_only_its_own_style_and_script_may_be_used(rich):
    page = html.fromstring(made(rich))
    (policy,) = page.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    for tag in ("style", "script"):
        digest = base64.b64encode(hashlib.sha256(page.xpath(f"//{tag}")[0].text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy


def test_what_is_hostile_is_text_and_nothing_else(hostile):
    text = made(hostile)
    assert not UNSAFE.search(text.replace("\n", ""))
    shown = html.fromstring(text).text_content()
    for payload in PAYLOADS:
        assert safe(payload) in shown
    assert "49" not in re.findall(r"\{\{ 7 \* 7 \}\}|\b49\b(?=\{%)", text)
    assert len(text) < 2_000_000, "a line of ten megabytes is not in it"


def test_a_redacted_report_has_no_word_of_a_text(rich, tmp_path):
    books = (rich.parent / "books").glob("*.txt")
    words = {word for book in books for word in re.findall(r"[a-z]{7,}", book.read_text())}
    open_text, redacted = made(rich), made(rich, redact=True)
    found = set(re.findall(r"[a-z]{7,}", html.fromstring(redacted).text_content()))
    ours = set(re.findall(r"[a-z]{7,}", html.fromstring(made_of_nothing(tmp_path)).text_content()))
    leaked = (words & found) - ours
    assert leaked == set()
    assert len(words & set(re.findall(r"[a-z]{7,}", open_text))) > 100, "the test would see it"
    assert "as in the printed book" in open_text
    assert "as in the printed book" not in redacted
    assert "?q=" not in redacted
    assert "site1.example" in redacted
    assert "Redacted" in redacted


def made_of_nothing(folder) -> str:
    """The report of a run in which nothing was scanned: its words are those of the templates."""
    (folder / "book.txt").write_text(prose(1, 500))
    (folder / "broken.parquet").write_bytes(b"PAR1")
    provenance.build_index([folder / "book.txt"], folder / "index")
    provenance.scan([folder / "broken.parquet"], folder / "index", folder / "none.duckdb", workers=1)
    return made(folder / "none.duckdb")


def test_nothing_scanned_is_no_statement(tmp_path):
    page = html.fromstring(made_of_nothing(tmp_path))
    told = page.get_element_by_id("summary").text_content()
    assert "Nothing was scanned. This report makes no statement about any work." in told
    assert "were found in the scanned data" not in told
    assert "not known to be clean" in told


def test_a_run_that_lacks_something_says_so_before_anything_else(rich):
    page = html.fromstring(made(rich))
    verdict = page.xpath("//section[@id='summary']/p")[0]
    assert "bad" in verdict.get("class")
    assert "in the part of the data that was scanned" in verdict.text_content()
    assert "not known to be clean" in page.get_element_by_id("summary").text_content()
    assert "broken.parquet" in page.get_element_by_id("shards").text_content()


def test_people_stand_beside_the_machine(rich):
    page = html.fromstring(made(rich))
    text = page.text_content()
    assert "undecided by R. Viewer" in text
    assert "Machine:" in text
    assert "allowed: licensed" in page.get_element_by_id("works").text_content()
    allowed = page.xpath("//table[@data-query='allowed']//tr")
    assert [row.xpath("string(./td[@data-c='holds'])") for row in allowed[1:]] == ["yes", "no"]
    assert "Example v. Example" in page.xpath("string(//header)")
    assert "O. Perator" in page.get_element_by_id("custody").text_content()
    assert "the chain is whole" in text


def test_both_sides_of_a_match_are_there_with_their_differences(rich):
    with RunReader(rich) as run:
        page = html.fromstring(report(run).decode())
        reworded = run.query(
            "SELECT match_id FROM v_matches WHERE work_id = 'book1' ORDER BY matched_words DESC LIMIT 1"
        )
    article = page.get_element_by_id(f"m-{reworded[0]['match_id']}")
    document, edition = article.xpath(".//blockquote")
    assert "other" in {mark.text_content().strip() for mark in document.xpath(".//mark")}
    assert "other" not in {mark.text_content().strip() for mark in edition.xpath(".//mark")}
    assert len(document.xpath(".//mark")) == len(edition.xpath(".//mark")) > 10
    assert f"--match {reworded[0]['match_id']}" in article.text_content()


def test_a_pair_gives_its_excerpts_again_as_far_as_they_go(rich):
    with RunReader(rich) as run:
        rows = run.query("SELECT * FROM v_matches")
        assert rows
        for row in rows:
            pair = pair_of(row)
            for pieces, excerpt, left in (
                (pair.document, row["excerpt"], pair.document_left),
                (pair.edition, row["ref_excerpt"], pair.edition_left),
            ):  # fmt: skip
                told = "".join(piece.text for piece in pieces)
                assert excerpt.replace("\r\n", "\n").replace("\t", " ").startswith(told.rstrip())
                assert left > 0 or len(told) > 0.95 * len(excerpt)


def spans_of(spans):
    return Spans(*(np.array([span[n] for span in spans], dtype=float) for n in range(3)))


@given(data=st.data(), words=st.integers(1, 2000))
def test_the_bins_of_a_strip_hold_what_a_count_of_each_word_gives(data, words):
    """Word by word, each of which fills `BINS / words` of a strip, in as many bins as it touches."""
    edges = sorted(data.draw(st.sets(st.integers(0, words), max_size=20)))
    spans = [(begin, end, 0.5 + begin / words / 2) for begin, end in zip(edges[::2], edges[1::2], strict=False)]
    covered, weighted = [0.0] * BINS, [0.0] * BINS
    for begin, end, identity in spans:
        for word in range(begin, end):
            low, high = word * BINS / words, (word + 1) * BINS / words
            for number in range(int(low), min(BINS, int(high) + 1)):
                part = min(high, number + 1) - max(low, number)
                covered[number] += part
                weighted[number] += part * identity
    cells = cells_of_spans(spans_of(spans), spans_of([]), words)
    assert cells.covered == pytest.approx(covered, abs=1e-9)
    assert cells.own == [0.0] * BINS
    products = [share * identity for share, identity in zip(cells.covered, cells.identity, strict=True)]
    assert products == pytest.approx(weighted, abs=1e-9)


def test_a_strip_shows_where_and_how_much():
    def looks(spans, own, words=1000):
        return bins(cells_of_spans(spans_of(spans), spans_of(own), words))

    assert looks([], []) == []
    assert looks([(0, 1000, 1.0)], [(0, 1000, 1.0)]) == [(0, BINS, "verbatim", 4)]
    assert looks([(500, 1000, 0.9)], [(500, 1000, 0.9)]) == [(BINS // 2, BINS // 2, "close", 4)]
    assert looks([(0, 1000, 0.5)], []) == [(0, BINS, "shared", 4)]
    assert looks([(0, 1000, 0.5)], [(0, 1000, 0.5)])[0][2] == "reworded"
    dotted = [(n, n + 1, 1.0) for n in range(0, 10_000, 4)]
    assert {shade for _, _, _, shade in looks(dotted, dotted, 10_000)} == {1}
    tenths = bins(cells_of_deciles([1.0, *[0.0] * 8, 0.5], 1.0, 1.0))
    assert tenths == [(0, BINS // 10, "verbatim", 4), (BINS - BINS // 10, BINS // 10, "verbatim", 2)]
    assert bins(cells_of_deciles([1.0] * 10, 0.1, 1.0)) == [(0, BINS, "shared", 4)]


def test_templates_are_compiled_once_and_anew_where_what_was_kept_is_damaged(rich, tmp_path):
    def written(name, **variables) -> bytes:
        command = [sys.executable, "-m", "provenance", "report", str(rich), "--out", str(tmp_path / name)]
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, **variables})
        return (tmp_path / name).read_bytes()

    folder = tmp_path / "cache"
    first = written("1.html", PROVENANCE_CACHE=str(folder))
    compiled = list(folder.rglob("*.cache"))
    assert len(compiled) > 5
    stamps = [file.stat().st_mtime_ns for file in compiled]
    assert written("2.html", PROVENANCE_CACHE=str(folder)) == first
    assert [file.stat().st_mtime_ns for file in compiled] == stamps
    for file in compiled:
        file.write_bytes(file.read_bytes()[:100])
    assert written("3.html", PROVENANCE_CACHE=str(folder)) == first
    folder.rename(tmp_path / "elsewhere")
    folder.write_text("no folder can be made here")
    assert written("4.html", PROVENANCE_CACHE=str(folder), TMPDIR=str(folder)) == first


def test_one_work_only_and_one_that_is_not_there(rich):
    page = html.fromstring(made(rich, work="book0"))
    assert len(page.xpath("//section[@class='work']")) == 1
    absent = html.fromstring(made(rich, work="book4"))
    assert "Only the work book4" in absent.text_content()
    with pytest.raises(UsageError, match="the closest are book1"):
        made(rich, work="book11")
    with pytest.raises(UsageError, match="max-matches"):
        made(rich, max_matches=-1)


def test_estimates_say_that_they_are(rich, tmp_path):
    provenance.build_index([rich.parent / "books"], tmp_path / "sealed", keep_texts=False)
    provenance.scan([rich.parent / "shards" / "part0.parquet"], tmp_path / "sealed", tmp_path / "r.duckdb", workers=1)
    page = html.fromstring(made(tmp_path / "r.duckdb"))
    assert "are estimates" in page.get_element_by_id("summary").text_content()
    assert page.xpath("//span[@class='tag' and text()='estimate']")
    assert "95 %" in page.xpath("//section[@class='work']")[0].text_content()


def test_a_certificate_has_the_facts_and_leaves_the_rest_blank(rich, hostile):
    with RunReader(rich) as run:
        text = certificate(run)
        record = run.query("SELECT * FROM run")[0]
    assert "does not certify anything" in text
    for fact in (
        record["units_digest"],
        record["code_sha256"],
        record["index_digest"],
        "Example v. Example",
        "O. Perator",
    ):
        assert fact in text
    assert text.count("______________________________") >= 15
    assert "not known to be clean" in text
    assert "compliant" not in text
    with RunReader(hostile) as run:
        dangerous = certificate(run)
    assert not UNSAFE.search(dangerous.replace("\n", ""))
    assert "<script>" not in re.sub(r"`[^`\n]*`", "", dangerous).replace("\\<script\\>", "")


def test_the_command_tells_what_it_wrote_and_refuses_what_makes_no_sense(rich, tmp_path):
    before = rich.read_bytes()
    assert (
        run("report", rich, "--out", tmp_path / "r.html", "--certificate", tmp_path / "c.md", "--redact").returncode
        == 0
    )
    assert (tmp_path / "c.md").exists()
    for wrong in ([], ["--out", rich], ["--out", tmp_path / "x.html", "--work", "nobody"], ["--certificate", rich]):
        done = run("report", rich, *wrong)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
    assert run("report", rich, "--out", tmp_path / "nowhere" / "x.html").returncode == 3
    assert rich.read_bytes() == before
    assert json.dumps(sorted(path.name for path in tmp_path.iterdir())) == '["c.md", "r.html"]'
