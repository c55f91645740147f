"""Runs worth reporting: one with all that a run can have, one made by somebody who means harm, and small odd ones."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import provenance
from provenance.selftest.certify import certify
from provenance.selftest.plants import Wanted, parse_noises
from provenance.selftest.settings import Asked
from provenance.store.database import RunReader
from provenance.store.journal import Author, append
from tests.shards.fixtures import prose
from tests.tools.shared import made_once

PAYLOADS = (
    "<script>window.pwned=1</script>",
    "]]><img src=x onerror=window.pwned=1>",
    "javascript:window.pwned=1",
    "\u202eevil\u2066 bidi\u2069 \u200bzero",
    '=HYPERLINK("http://example.com")',
    "\x1b[31mred\x1b[0m \x07bell",
    "{{ 7 * 7 }}{% raw %}",
    "\"' onmouseover=window.pwned=1 x='\"",
    "</style></title></textarea><svg onload=window.pwned=1>",
)


def reworded(text: str) -> str:
    return " ".join("other" if n % 9 == 4 else word for n, word in enumerate(text.split()))


def write_books(folder: Path, texts: dict[str, tuple[str, str, str]]) -> None:
    """Text files and their titles and authors."""
    folder.mkdir(parents=True)
    with (folder / "works.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "title", "author", "year"])
        for name, (title, author, text) in texts.items():
            (folder / f"{name}.txt").write_text(text, encoding="utf-8")
            rows.writerow([name, title, author, "1899"])


def make_rich(folder: Path) -> Path:
    """Whole books, excerpts, shared passages, copies, URLs, collections, a broken shard, decoys, people's part."""
    books = {f"book{n}": prose(n, 2500) for n in range(5)}
    anthology = prose(50, 4000) + " " + books["book3"]
    titles = {name: (f"The {n}th Book", f"Author {n}", text) for n, (name, text) in enumerate(books.items())}
    write_books(folder / "books", {**titles, "anthology": ("An Anthology", "Several", anthology)})
    words = {name: text.split() for name, text in books.items()}
    rows = [
        books["book0"],
        books["book0"],
        reworded(" ".join(words["book1"][200:1400])),
        prose(100, 80) + "\n" + " ".join(words["book2"][300:400]) + "\n" + prose(101, 80),
        *(prose(200 + n, 150) for n in range(6)),
        *(" ".join(words["book3"][at : at + 120]) for at in range(0, 2400, 130)),
        None,
    ]
    sites = [f"https://www.site{n % 4}.example/page{n}?q=<b>" for n in range(len(rows))]
    table = {"id": [f"d{n}" for n in range(len(rows))], "text": rows, "url": sites,
             "source": ["web" if n % 2 else "books" for n in range(len(rows))]}  # fmt: skip
    shards = folder / "shards"
    shards.mkdir()
    half = len(rows) // 2
    for number, part in enumerate((slice(0, half), slice(half, None))):
        piece = pa.table({name: pa.array(column[part]) for name, column in table.items()})
        pq.write_table(piece, shards / f"part{number}.parquet", row_group_size=6)
    (shards / "broken.parquet").write_bytes(b"PAR1 is not enough")
    (shards / "lines.jsonl").write_text(
        '{"text": "' + prose(300, 40).replace("\n", " ").replace('"', "") + '"}\nno json\n'
    )
    (folder / "decoys").mkdir()
    (folder / "decoys" / "unpublished.txt").write_text(prose(999, 2000))
    provenance.build_index([folder / "books"], folder / "index", metadata=folder / "books" / "works.csv")
    db = folder / "run.duckdb"
    provenance.scan([shards], folder / "index", db, workers=1, decoys=[folder / "decoys"])
    with RunReader(db) as run:
        found = [
            row["match_id"] for row in run.query("SELECT match_id FROM v_matches ORDER BY matched_words DESC, match_id")
        ]
    append(
        db,
        Author("R. Viewer", "rv"),
        [
            ("review", {"match_id": found[0], "decision": "accepted", "note": "as in the printed book"}),
            ("review", {"match_id": found[1], "decision": "rejected", "note": ""}),
            ("review", {"match_id": found[0], "decision": "undecided", "note": "again"}),
            ("allow", {"work_id": "book1", "status": "licensed", "reason": "contract", "expires": "2999-01-01"}),
            ("allow", {"work_id": "book2", "status": "licensed", "reason": "old contract", "expires": "1999-01-01"}),
            ("custody", {"case": "Example v. Example", "operator": "O. Perator", "acquired": [
                {"what": "shards", "from": "the defendant", "by": "B. Person", "at": "2026-11-02", "sha256": "0" * 64}
            ]}),
        ],
    )  # fmt: skip
    noises = parse_noises("verbatim,homoglyphs,substitution:0.1")
    test = certify(Asked(db), Wanted(plants=4, lengths=(25, 100), noises=noises, rows=10))
    append(db, Author("S. Tester", "st"), [("selftest", test.entry)])
    return db


def make_hostile(folder: Path) -> Path:
    """Titles, ids, URLs, texts and names that try to get out of wherever they are shown; one line of ten megabytes."""
    books = {f"book{n}": prose(n, 1500) for n in range(len(PAYLOADS))}
    texts = {name: f"{text} {PAYLOADS[n]} {prose(700 + n, 300)}" for n, (name, text) in enumerate(books.items())}
    write_books(
        folder / "books",
        {name: (PAYLOADS[n], f"Author {PAYLOADS[n]}", text) for n, (name, text) in enumerate(texts.items())},
    )
    rows = [f"{PAYLOADS[-n - 1]} {text} {PAYLOADS[n]}" for n, text in enumerate(texts.values())]
    rows.append(prose(5000, 30000) * 70 + " " + books["book0"])
    assert len(rows[-1]) > 10_000_000
    shards = folder / "shards"
    shards.mkdir()
    columns = {"id": [*PAYLOADS, "long"], "text": rows, "url": [f"https://a.example/{p}" for p in (*PAYLOADS, "long")],
               "source": [*PAYLOADS, "long"]}  # fmt: skip
    pq.write_table(pa.table(columns), shards / "<img src=x onerror=window.pwned=1> \x1b[31m.parquet")
    (shards / "bad \u202e<script>.jsonl").write_text("not json\n" + json.dumps({"text": PAYLOADS[0]}) + "\n")
    provenance.build_index([folder / "books"], folder / "index", metadata=folder / "books" / "works.csv")
    db = folder / "run.duckdb"
    provenance.scan([shards], folder / "index", db, workers=1)
    with RunReader(db) as run:
        found = run.query("SELECT match_id FROM v_matches ORDER BY match_id LIMIT 1")[0]["match_id"]
    said = [("review", {"match_id": found, "decision": "accepted", "note": PAYLOADS[0]})]
    said += [("allow", {"work_id": "book1", "status": PAYLOADS[1], "reason": PAYLOADS[2], "expires": None})]
    said += [
        (
            "custody",
            {"case": 'A"; } </style>' + PAYLOADS[0], "operator": PAYLOADS[8], "acquired": [{"what": PAYLOADS[0]}]},
        )
    ]
    cell = {
        "noise": PAYLOADS[0],
        "rate": 0.5,
        "words": 25,
        "planted": 1,
        "found": 1,
        "recall": 1.0,
        "low": 0,
        "high": 1,
    }
    one = {"noise": PAYLOADS[1], "rate": 0.1, "words": 25, "planted": 1, "found": 1, "low": 0.05}
    said += [("selftest", {"cells": [cell], "one": one, "index": PAYLOADS[8], "settings": PAYLOADS[3]})]
    append(db, Author(PAYLOADS[0], PAYLOADS[5]), said)
    return db


@pytest.fixture(scope="session")
def rich(tmp_path_factory) -> Path:
    """The run that has everything; nobody changes it, who wants to takes a copy."""
    return made_once(tmp_path_factory, "rich", make_rich) / "run.duckdb"


@pytest.fixture(scope="session")
def hostile(tmp_path_factory) -> Path:
    """The run made by somebody who means harm; nobody changes it."""
    return made_once(tmp_path_factory, "hostile", make_hostile) / "run.duckdb"
