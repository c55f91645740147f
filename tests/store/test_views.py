"""The views of a run say of each work how much of it is there, whose it is, and how sure that is."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import provenance
from provenance.statistics.chance import SMALLEST, log_expectation
from provenance.store.database import RunReader
from provenance.store.grades import GRADES


def words(seed: int, count: int) -> list[str]:
    return random.Random(seed).choices([f"w{number}" for number in range(20_000)], k=count)


STORY, NOVEL, LONG, POEM = words(1, 2000), words(2, 2000), words(3, 20_000), words(4, 60)
ANTHOLOGY = [*words(5, 500), *STORY, *words(6, 4000)]
QUOTED = [*NOVEL[:1000], *POEM, *NOVEL[1000:]]  # a novel that quotes a poem of another book
POEMS = [*words(7, 300), *POEM, *words(8, 300)]
BOOKS = {
    "story": STORY, "story again": [*STORY[:1900], *words(9, 100)], "anthology": ANTHOLOGY, "novel": QUOTED,
    "poems": POEMS, "long": LONG, "absent": words(10, 1000),
}  # fmt: skip
ROWS = {
    "whole story": STORY,
    "two tenths of a long book": LONG[4000:8000],
    "the same again": LONG[4000:8000],
    "the poem, in its book": [*words(20, 50), *POEMS[250:400]],
    "nothing": words(21, 300),
}


def scanned(folder: Path, **options) -> Path:
    books = {
        "id": list(BOOKS),
        "title": ["Story" if name.startswith("story") else name for name in BOOKS],
        "author": ["A. Writer"] * len(BOOKS),
        "text": [" ".join(text) for text in BOOKS.values()],
    }
    pq.write_table(pa.table(books), folder / "books.parquet")
    pq.write_table(
        pa.table({"id": list(ROWS), "text": [" ".join(row) for row in ROWS.values()]}), folder / "shard.parquet"
    )
    provenance.build_index([folder / "books.parquet"], folder / "index", **options)
    provenance.scan([folder / "shard.parquet"], folder / "index", folder / "run.duckdb", workers=1)
    return folder / "run.duckdb"


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    return scanned(tmp_path_factory.mktemp("views"))


@pytest.fixture(scope="module")
def works(run) -> dict[str, dict]:
    with RunReader(run) as reader:
        return {row["work_id"]: row for row in reader.query("SELECT * FROM v_works")}


def test_other_editions_are_listed_apart_from_other_works(run):
    with RunReader(run) as reader:
        (row,) = reader.query(
            "SELECT edition_id, list_transform(also, lambda a: a.edition_id) AS also, "
            "list_transform(shared, lambda a: a.edition_id) AS shared FROM match WHERE doc_id = 'whole story'"
        )
    assert row == {"edition_id": "story", "also": ["story again"], "shared": ["anthology"]}


def test_a_work_that_only_shares_a_line_is_not_graded(works):
    assert works["poems"]["grade"] == "substantial"
    assert works["poems"]["own_words"] >= 150
    novel = works["novel"]
    assert (novel["grade"], novel["own_words"], novel["shared_documents"]) == ("none", 0, 1)
    assert 0 < novel["coverage"] < 0.05
    assert (novel["credited_words"], novel["credited_documents"]) == (0, 0)


def test_a_work_of_which_much_is_there_is_graded_whoever_is_credited(works):
    assert works["story"]["grade"] == "complete"
    anthology = works["anthology"]
    assert (anthology["grade"], anthology["own_words"]) == ("substantial", 0)
    assert anthology["coverage"] == pytest.approx(2000 / 6500, abs=0.001)


def test_a_work_counts_words_documents_copies_and_tenths(works):
    long = works["long"]
    assert (long["covered_words"], long["matched_words"], long["longest_run"]) == (4000, 8000, 4000)
    assert (long["coverage"], long["copies"], long["documents"], long["shards"]) == (0.2, 2, 2, 1)
    assert long["deciles"] == [0, 0, 1, 1, 0, 0, 0, 0, 0, 0]
    assert long["identity"] == 1
    assert long["coverage_low"] is None  # nothing was estimated
    assert works["absent"]["grade"] == "none"
    assert works["absent"]["deciles"] == [0] * 10


def test_credited_words_count_nothing_twice(run):
    with RunReader(run) as reader:
        (total,) = reader.query("SELECT sum(credited_words) AS words FROM v_works")
        (matched,) = reader.query("SELECT sum(matched_words) AS words FROM v_documents")
    assert total == matched


def test_every_match_has_an_expectation_and_the_record_says_how(run):
    with RunReader(run) as reader:
        matches = reader.query("SELECT score, expectation FROM v_matches")
        (record,) = reader.query("SELECT grades, chance, sketch, decoys, background FROM run")
        (sizes,) = reader.query("SELECT (SELECT sum(words) FROM shard) AS m, (SELECT sum(words) FROM edition) AS n")
    for match in matches:
        expected = log_expectation(match["score"], int(sizes["m"]), int(sizes["n"]))
        assert math.log(match["expectation"]) == pytest.approx(max(expected, math.log(SMALLEST)))
        assert match["expectation"] < 1e-9
    assert json.loads(record["grades"]) == [grade._asdict() for grade in GRADES]
    assert json.loads(record["chance"]).keys() == {"lambda", "log_k", "unit"}
    assert json.loads(record["sketch"])["stride"] == 1
    assert json.loads(record["decoys"]) == {"works": 0, "too_short": 0, "matched": 0, "upper95": 1.0}
    assert json.loads(record["background"]) == {}


def test_a_text_free_index_gives_estimates_with_intervals_that_hold_the_truth(tmp_path):
    with RunReader(scanned(tmp_path, keep_texts=False, sketch=provenance.FracMinHash(scale=8))) as reader:
        works = {row["work_id"]: row for row in reader.query("SELECT * FROM v_works")}
        matches = reader.query("SELECT * FROM v_matches")
    long = works["long"]
    assert long["estimated"]
    assert long["grade"] in ("substantial", "excerpts")  # the ends of its passage are not seen
    assert long["coverage_low"] <= long["coverage"] <= long["coverage_high"]
    assert long["coverage"] == pytest.approx(0.2, abs=0.004)
    assert len(matches) >= 3
    for match in matches:
        assert match["estimated"]
        assert match["identity_low"] < match["identity"] <= match["identity_high"] <= 1
        assert match["ref_begin"] is None
        assert SMALLEST <= match["expectation"] < 1e-9
