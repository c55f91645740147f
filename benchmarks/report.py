"""What a report of many matches costs: to make, in bytes, and to open in a browser, beside the smallest one.

A book and 10,500 rows that are pieces of it; `--short` has a tenth of them.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

import provenance
from benchmarks.common import header, table, write_json
from provenance.report.facts import ReportOptions
from provenance.report.render import report
from provenance.store.database import RunReader

ROWS, WORDS, ROUNDS = 10_500, 30, 5
OPENED = "performance.getEntriesByType('navigation')[0].loadEventEnd"  # ms from the click to a page one can use


def make_run(folder: Path, rows: int) -> Path:
    vocabulary = [a + b + c for a in ("bra", "ke", "sto", "mi", "du", "la") for b in ("n", "rr", "lt") for c in "aeiou"]
    words = [vocabulary[(n * n * 31 + n * 17 + n // 89) % len(vocabulary)] + str(n % 97) for n in range(3 * rows)]
    (folder / "book.txt").write_text(" ".join(words))
    texts = [" ".join(words[at : at + WORDS]) for at in range(0, len(words) - WORDS, len(words) // rows)][:rows]
    pq.write_table(pa.table({"text": texts}), folder / "shard.parquet")
    provenance.build_index([folder / "book.txt"], folder / "index")
    provenance.scan([folder / "shard.parquet"], folder / "index", folder / "run.duckdb")
    return folder / "run.duckdb"


def seconds_to_open(page: Path) -> float | None:
    """The median of several openings; None without a browser."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    if chromium is None:
        return None
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"] if os.geteuid() == 0 else [])
        times = []
        for _ in range(ROUNDS):
            tab = browser.new_page()
            tab.goto(page.as_uri(), wait_until="load")
            times.append(tab.evaluate(OPENED) / 1000)
            tab.close()
        browser.close()
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--short", action="store_true")
    rows = ROWS // 10 if parser.parse_args().short else ROWS
    header()
    results = []
    with tempfile.TemporaryDirectory() as folder:
        db = make_run(Path(folder), rows)
        with RunReader(db) as run:
            matches = run.query("SELECT count(*) AS n FROM match")[0]["n"]
            for most in (0, 1000, matches):
                began = time.perf_counter()
                data = report(run, ReportOptions(max_matches=most))
                took = time.perf_counter() - began
                page = Path(folder) / "report.html"
                page.write_bytes(data)
                results.append(
                    {
                        "shown": min(most, matches),
                        "matches": matches,
                        "seconds_to_make": round(took, 2),
                        "megabytes": round(len(data) / 1e6, 2),
                        "seconds_to_open": seconds_to_open(page),
                    }
                )
    print(
        table(
            ["matches shown", "of", "made in s", "MB", "opens in s"],
            [
                [f"{r['shown']:,}", f"{r['matches']:,}", r["seconds_to_make"], r["megabytes"],
                 "no browser" if r["seconds_to_open"] is None else f"{r['seconds_to_open']:.2f}"]
                for r in results
            ],
        )
    )  # fmt: skip
    write_json("report_short" if rows < ROWS else "report", {"pages": results})


if __name__ == "__main__":
    main()
