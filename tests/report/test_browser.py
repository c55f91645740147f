"""A real browser opens reports: nothing runs, nothing is asked of anybody, and keyboard and screen reader reach all."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import provenance
from provenance.report.facts import ReportOptions
from provenance.report.render import report
from provenance.store.database import RunReader
from tests.shards.fixtures import prose
from tests.tools.command import run

api = pytest.importorskip("playwright.sync_api", reason="the browser's driver is the extra `browser`")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")

DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
SERIOUS = ("serious", "critical")


@pytest.fixture(scope="module")
def browser():
    with api.sync_playwright() as driver:
        launched = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"] if os.geteuid() == 0 else [])
        yield launched
        launched.close()


class Seen:
    """A page, and all that it said or asked for."""

    def __init__(self, browser, path: Path, size: dict[str, int], scripts: bool = True) -> None:
        self.context = browser.new_context(viewport=size, java_script_enabled=scripts)
        self.page = self.context.new_page()
        self.console: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.console.append(message.text))
        self.page.on("pageerror", lambda error: self.console.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("dialog", lambda dialog: self.console.append("dialog"))
        self.page.goto(path.as_uri())

    def __enter__(self) -> Seen:
        return self

    def __exit__(self, *exception: object) -> None:
        self.context.close()


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Path:
    pytest.importorskip("pythonbible", reason="the demo's texts are the extra `demo`")
    folder = tmp_path_factory.mktemp("demo") / "demo"
    done = run("demo", "--dir", folder)
    assert done.returncode == 0, done.stderr
    return folder / "report.html"


@pytest.fixture
def page_of(request):
    """The report of a name: of the demo, of a run that has everything, of one made by somebody who means harm.

    `short` is the demo's with three matches a work: the others have the same elements, of which axe looks at each.
    """

    def find(name: str) -> Path:
        if name not in ("demo", "short"):
            return request.getfixturevalue("pages")[name]
        whole = request.getfixturevalue("demo")
        if name == "demo":
            return whole
        with RunReader(whole.with_name("run.duckdb")) as run:
            whole.with_name("short.html").write_bytes(report(run, ReportOptions(max_matches=3)))
        return whole.with_name("short.html")

    return find


@pytest.fixture(scope="module")
def pages(rich, hostile, tmp_path_factory) -> dict[str, Path]:
    folder, found = tmp_path_factory.mktemp("pages"), {}
    for name, db in (("rich", rich), ("hostile", hostile)):
        found[name] = folder / f"{name}.html"
        with RunReader(db) as run:
            found[name].write_bytes(report(run))
    return found


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("name", [pytest.param("demo", marks=pytest.mark.slow), "rich", "hostile"])
def test_nothing_runs_and_nothing_is_asked_for(browser, page_of, name, size):
    path = page_of(name)
    with Seen(browser, path, size) as seen:
        page = seen.page
        for section in page.query_selector_all("section"):
            section.scroll_into_view_if_needed()
        for closed in page.query_selector_all("details:not([open]) > summary"):
            closed.click()
        for link in page.query_selector_all("nav a, tbody th a"):
            link.click()
        page.mouse.move(200, 300)
        assert page.evaluate("window.pwned === undefined && document.title !== 'pwned'")
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], (
            "the page itself does not scroll sideways"
        )
        assert seen.console == []
        assert {url.split("#")[0] for url in seen.requests} == {path.as_uri()}


def test_the_policy_stops_a_script_that_got_in(browser, pages, tmp_path):
    """The policy is no decoration: the same page with a script of somebody else does not run it."""
    broken = (
        pages["rich"]
        .read_text()
        .replace("<main>", "<main><script>window.pwned=1</script><img src=x onerror='window.pwned=1'>")
    )
    (tmp_path / "broken.html").write_text(broken)
    with Seen(browser, tmp_path / "broken.html", DESKTOP) as seen:
        assert seen.page.evaluate("window.pwned === undefined")
        assert any("Content Security Policy" in text for text in seen.console)


def test_tables_sort_and_search_by_keyboard_alone(browser, pages):
    with Seen(browser, pages["rich"], DESKTOP) as seen:
        page = seen.page
        shown = "#table-works tbody tr:not([hidden]) [data-c=title]"

        def titles() -> list[str]:
            return [cell.inner_text().split(" allowed:")[0].strip() for cell in page.query_selector_all(shown)]

        first = titles()
        assert len(first) > 3
        page.focus("#table-works thead th:nth-child(1) button")
        page.keyboard.press("Enter")
        assert titles() == sorted(first, key=str.lower)
        assert page.get_attribute("#table-works thead th:nth-child(1)", "aria-sort") == "ascending"
        page.keyboard.press("Space")
        assert titles() == sorted(first, key=str.lower, reverse=True)
        page.keyboard.press("Tab")  # to the next heading
        assert page.evaluate("document.activeElement.textContent") == "author"
        page.focus("#table-works-search")
        page.keyboard.type("1th book")
        assert titles() == ["The 1th Book"]
        assert page.inner_text("#table-works-search ~ [role=status]").startswith("1 of")
        page.keyboard.press("Control+A")
        page.keyboard.press("Delete")
        assert sorted(titles()) == sorted(first)
        numbers = "#table-works tbody td:nth-child(4)"
        page.focus("#table-works thead th:nth-child(4) button")
        page.keyboard.press("Enter")
        values = [float(cell.get_attribute("data-v")) for cell in page.query_selector_all(numbers)]
        assert values == sorted(values, reverse=True)


def test_a_file_and_the_reason_why_it_was_not_scanned_stay_together(browser, pages):
    with Seen(browser, pages["rich"], DESKTOP) as seen:
        seen.page.focus("#table-shards thead th:nth-child(1) button")
        seen.page.keyboard.press("Enter")
        rows = seen.page.query_selector_all("#table-shards tbody tr")
        reasons = [n for n, row in enumerate(rows) if row.get_attribute("class") == "reason"]
        assert reasons
        for number in reasons:
            assert "broken" in rows[number - 1].inner_text() or "lines" in rows[number - 1].inner_text()


@pytest.mark.parametrize(
    ("name", "size"),
    [
        pytest.param("short", DESKTOP, id="demo-desktop", marks=pytest.mark.slow),  # what a newcomer opens: 28 pages
        *(pytest.param(name, DESKTOP, id=f"{name}-desktop") for name in ("rich", "hostile")),
        *(pytest.param(name, PHONE, id=f"{name}-phone") for name in ("rich", "hostile")),
    ],
)
def test_accessibility_has_no_serious_finding(browser, page_of, name, size):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is in the extra `browser`")
    # the policy keeps axe's own script out, as it does all others: a copy without it is looked at, whose parts that are
    # not on the screen are laid out all the same, because axe looks at places that would move when it comes to them
    copy = page_of(name).with_suffix(".axe.html")
    page = page_of(name).read_text().replace("Content-Security-Policy", "X-Policy")
    copy.write_text(page.replace("</style>", ".work { content-visibility: visible; }</style>", 1))
    with Seen(browser, copy, size) as seen:
        for closed in seen.page.query_selector_all("details"):
            closed.evaluate("node => node.open = true")
        found = axe.Axe().run(seen.page, options={"resultTypes": ["violations"]}).response["violations"]
        told = [(v["id"], v["impact"], v["nodes"][0]["html"][:200]) for v in found if v["impact"] in SERIOUS]
        assert told == []


def test_without_scripts_all_of_it_is_there(browser, pages):
    with Seen(browser, pages["rich"], DESKTOP, scripts=False) as seen:
        text = seen.page.inner_text("main")
        assert "The 1th Book" in text
        assert "Search works" not in text
        assert seen.console == []


def test_it_prints_with_page_numbers_and_the_label_of_the_case(browser, pages, tmp_path):
    pdfium = pytest.importorskip("pypdfium2")
    with Seen(browser, pages["rich"], DESKTOP) as seen:
        seen.page.pdf(path=tmp_path / "r.pdf", prefer_css_page_size=True)
    document = pdfium.PdfDocument(tmp_path / "r.pdf")
    texts = [page.get_textpage().get_text_range() for page in document]
    assert len(texts) > 5
    assert all("Example v. Example" in text for text in texts)
    assert all(f"page {number} of {len(texts)}" in text for number, text in enumerate(texts, 1))
    whole = " ".join(texts)
    assert "Search works" not in whole
    assert "book4" in whole.replace("\n", ""), "what is folded on the screen is printed"


@pytest.mark.slow
def test_ten_thousand_matches_open_at_once(browser, tmp_path):
    """A limit of seconds belongs to `benchmarks.report`; here the page works at that size."""
    words = prose(1, 30000).split()
    (tmp_path / "book.txt").write_text(" ".join(words))
    rows = [" ".join(words[at : at + 30]) for at in range(0, 29000, 3)] * 2
    pq.write_table(pa.table({"text": rows[:10_500]}), tmp_path / "s.parquet")
    provenance.build_index([tmp_path / "book.txt"], tmp_path / "index")
    provenance.scan([tmp_path / "s.parquet"], tmp_path / "index", tmp_path / "r.duckdb", workers=1)
    with RunReader(tmp_path / "r.duckdb") as run:
        (tmp_path / "r.html").write_bytes(report(run, ReportOptions(max_matches=10_000)))
    assert (tmp_path / "r.html").stat().st_size < 20_000_000
    with Seen(browser, tmp_path / "r.html", DESKTOP) as seen:
        assert seen.page.evaluate("document.querySelectorAll('[data-c=match_id]').length") >= 10_000
        seen.page.fill("#table-work-1-search", "9999")
        assert seen.console == []
