"""A self-test says how much a scan of these very rows finds, and says so of a scan that finds little too."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from lxml import html

import provenance
from provenance.errors import OtherRunError, ShardError, UsageError
from provenance.index.opening import Index
from provenance.matching.matcher import Matcher
from provenance.report.render import report
from provenance.runs.sampling import SampledRow
from provenance.selftest.certify import certify, planted
from provenance.selftest.judge import judge
from provenance.selftest.passages import indexed_library
from provenance.selftest.plants import Wanted, parse_lengths, parse_noises
from provenance.selftest.settings import Asked
from provenance.store.database import RunReader
from provenance.store.journal import broken_link, entries
from provenance.units.sampler import ROW_BYTES
from tests.shards.fixtures import prose
from tests.tools.command import run as run_command

VERBATIM = parse_noises("verbatim")
FEW = Wanted(plants=10, lengths=(100,), noises=parse_noises("verbatim,homoglyphs,cut"), rows=30)
HUGE = prose(77, 20_000).encode()  # more than a row that is taken whole


@pytest.fixture(scope="module")
def shards(books, tmp_path_factory) -> Path:
    """Clean rows, rows with a passage, and rows that somebody might not think of."""
    folder = tmp_path_factory.mktemp("selftest") / "shards"
    folder.mkdir()
    odd = [
        None,
        b"",
        b" \n\t ",
        HUGE,
        b"caf\xe9 \xff\xfe " + prose(78, 50).encode(),
        "\u4e2d\u6587\u5b57".encode() * 40,
    ]
    for number in range(2):
        rows = [prose(500 + 40 * number + n, 60).encode() for n in range(40)]
        rows += [books["book0"][100:1500].encode(), *odd]
        pq.write_table(pa.table({"text": pa.array(rows, pa.binary())}), folder / f"{number}.parquet", row_group_size=9)
    return folder


def test_passages_of_100_words_are_all_found_whatever_the_rows_are(shards, index):
    asked = Asked(shards=(str(shards),), index=str(index))
    entry = certify(asked, Wanted(plants=30, lengths=(100,), noises=FEW.noises, rows=100)).entry
    assert [(cell["noise"], cell["planted"], cell["found"]) for cell in entry["cells"]] == [
        ("verbatim", 30, 30), ("homoglyphs", 30, 30), ("cut at a chunk border", 30, 30),
    ]  # fmt: skip
    assert all(cell["credited"] == 30 and cell["high"] == 1 for cell in entry["cells"])
    assert entry["cells"][0]["low"] == pytest.approx(0.025 ** (1 / 30), abs=1e-6)
    assert (entry["one"]["planted"], entry["one"]["low"]) == (30, 0.904), "0.05^(1/30), rounded down"
    assert entry["rows_sampled"] == 2 * 44
    assert entry["rows_matched"] == 2, "the rows with a passage, in which nothing is planted"
    assert entry["rows_used"] == 2 * 43
    assert entry["rows_cut"] == 2
    assert entry["rows_without_words"] == 2 * 3
    assert entry["row_bytes"] == ROW_BYTES < len(HUGE)
    assert entry["texts"] == 3
    assert [Path(name).name for name in entry["shards_sampled"]] == ["0.parquet", "1.parquet"]
    assert "prose" not in json.dumps(entry)


def test_equal_inputs_and_seeds_give_equal_bytes_and_another_seed_does_not(shards, index):
    asked = {"shards": (str(shards),), "index": str(index)}
    noises = parse_noises("ocr:0.2,cut")
    first, again, other = (
        certify(Asked(**asked, workers=workers), Wanted(40, (30, 33, 36, 50), noises, 30, seed)).entry
        for workers, seed in ((1, 1), (2, 1), (1, 2))
    )
    assert json.dumps(first, sort_keys=True) == json.dumps(again, sort_keys=True)
    assert first["cells"] != other["cells"]


@pytest.mark.parametrize("broken", [{"min_words": 400}, {"scale": 4096}], ids=str)
def test_a_scan_that_finds_little_gets_a_certificate_that_says_so(shards, index, broken):
    entry = certify(Asked(shards=(str(shards),), index=str(index), **broken), Wanted(10, (100,), VERBATIM, 30)).entry
    (cell,) = entry["cells"]
    assert cell["found"] <= 2
    assert cell["low"] < cell["high"] < 0.6
    assert entry["one"]["low"] < 0.05


def test_a_length_that_no_text_has_is_no_recall_of_anything(shards, index):
    entry = certify(Asked(shards=(str(shards),), index=str(index)), Wanted(2, (50, 5000), VERBATIM, 5)).entry
    assert [(cell["planted"], cell["recall"]) for cell in entry["cells"]] == [(2, 1.0), (0, None)]
    assert (entry["cells"][1]["low"], entry["cells"][1]["high"]) == (0, 1)
    assert (entry["one"]["planted"], entry["one"]["low"]) == (0, 0)


def test_an_index_without_texts_is_tested_with_its_owner_s_copies(shards, books, tmp_path):
    copies = tmp_path / "books"
    copies.mkdir()
    for name, text in books.items():
        (copies / f"{name}.txt").write_text(text, encoding="utf-8")
    provenance.build_index([copies], tmp_path / "sealed", keep_texts=False)
    asked = {"shards": (str(shards),), "index": str(tmp_path / "sealed")}
    with pytest.raises(UsageError, match="no texts to take passages from: give --books"):
        certify(Asked(**asked), FEW)
    (copies / "stranger.txt").write_text(prose(4711, 1000))
    (copies / "book2.txt").unlink()
    certified = certify(Asked(**asked, books=(copies,)), Wanted(10, (200,), VERBATIM, 30))
    assert [(cell["planted"], cell["found"]) for cell in certified.entry["cells"]] == [(10, 10)]
    assert (certified.entry["texts"], certified.entry["owner_copies"]) == (2, True)
    assert [Path(book.path).name for book in certified.unknown] == ["stranger.txt"]
    (copies / "book0.txt").unlink()
    (copies / "book1.txt").unlink()
    with pytest.raises(UsageError, match="none of the books of --books is in the index"):
        certify(Asked(**asked, books=(copies,)), FEW)


def test_where_nothing_can_be_planted_is_said(index, books, tmp_path):
    full = tmp_path / "full.parquet"
    pq.write_table(pa.table({"text": [books["book0"][:3000], books["book1"][:3000]]}), full)
    with pytest.raises(ShardError, match="all 2 that were sampled have matches"):
        certify(Asked(shards=(str(full),), index=str(index)), FEW)
    with pytest.raises(UsageError, match="--index is missing"):
        certify(Asked(shards=(str(full),)), FEW)
    with pytest.raises(UsageError, match="leave out --books"):
        certify(Asked(shards=(str(full),), index=str(index), books=(tmp_path,)), FEW)


@pytest.fixture(scope="module")
def run(shards, index, tmp_path_factory) -> Path:
    """A run of the shards, which nobody changes."""
    db = tmp_path_factory.mktemp("certified") / "run.duckdb"
    provenance.scan([shards], index, db, workers=1)
    return db


selftest = partial(run_command, "selftest")


def test_a_run_records_its_certificate_and_the_report_shows_it(run, tmp_path):
    db = shutil.copy(run, tmp_path / "run.duckdb")
    few = ("--plants", 5, "--lengths", "25,100", "--noise", "verbatim,ocr:0.2", "--rows", 20)
    done = selftest("--db", db, *few, "--json", "--name", "T. Ester")
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    (entry,) = entries(db)
    assert (entry["kind"], entry["name"], json.loads(entry["entry"])) == ("selftest", "T. Ester", printed)
    assert broken_link([entry]) is None
    with RunReader(db) as reader:
        cells = reader.query("SELECT * EXCLUDE (seq, place) FROM v_selftest ORDER BY place")
        assert cells == printed["cells"]
        page = html.fromstring(report(reader).decode())
    sentence = "Of passages of 100 words or more, word for word, planted in copies of the rows of these shards, 5 of 5"
    assert sentence in " ".join(page.xpath("//section[@id='recall']")[0].text_content().split())
    shown = selftest("--db", db, "--plants", 5, "--lengths", "100", "--noise", "verbatim", "--rows", 20)
    assert sentence in shown.stdout
    with RunReader(db) as reader:
        assert len(reader.query("SELECT * FROM v_selftest")) == 1, "the last one counts"
    assert len(entries(db)) == 2


def test_a_run_without_a_certificate_says_how_to_get_one(run):
    with RunReader(run) as reader:
        page = html.fromstring(report(reader).decode())
    assert page.xpath("//section[@id='recall']//code/text()") == ["provenance selftest --db RUN.duckdb"]


def test_a_run_is_certified_as_it_was_made_or_not_at_all(run, shards, books, tmp_path):
    with RunReader(run) as reader:
        digest = reader.query("SELECT index_digest FROM run")[0]["index_digest"]
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "book0.txt").write_text(books["book0"])
    other = provenance.build_index([tmp_path / "books"], tmp_path / "other")
    with pytest.raises(OtherRunError) as refused:
        certify(Asked(run, index=str(other.folder)), FEW)
    assert digest in str(refused.value)
    assert provenance.Index(other.folder).digest in str(refused.value)
    with pytest.raises(OtherRunError, match="--scale was not given, now 8"):
        certify(Asked(run, scale=8), FEW)
    with pytest.raises(OtherRunError, match="--min-words was 25, now 12"):
        certify(Asked(run, min_words=12), FEW)
    with pytest.raises(OtherRunError, match="--text-column was not given, now body"):
        certify(Asked(run, text_columns=("body",)), FEW)
    pq.write_table(pa.table({"text": ["other text"]}), tmp_path / "other.parquet")
    with pytest.raises(OtherRunError, match="did not scan shard"):
        certify(Asked(run, shards=(str(tmp_path / "other.parquet"),)), FEW)
    part = certify(Asked(run, shards=(str(shards / "1.parquet"),)), FEW).entry
    assert part["shards"] == 1


def test_a_shard_that_cannot_be_read_is_named_and_the_rest_is_tested(shards, index, tmp_path):
    folder = shutil.copytree(shards, tmp_path / "shards")
    (folder / "broken.parquet").write_bytes(b"PAR1 is not enough")
    done = selftest("--shards", *sorted(folder.iterdir()), "--index", index, "--plants", 3, "--lengths", 100, "--noise",
                    "verbatim", "--rows", 9)  # fmt: skip
    assert done.returncode == 3
    assert "broken.parquet" in done.stderr
    assert "3 of 3 were found" in done.stdout


def test_shards_that_changed_since_the_run_are_refused(index, shards, tmp_path):
    shard = shutil.copy(shards / "0.parquet", tmp_path / "0.parquet")
    provenance.scan([shard], index, tmp_path / "run.duckdb", workers=1)
    pq.write_table(pa.table({"text": ["other text"]}), shard)
    with pytest.raises(OtherRunError, match=r"has [\d,]+ bytes, and had"):
        certify(Asked(tmp_path / "run.duckdb"), FEW)


@pytest.mark.slow
def test_a_scan_of_the_same_rows_written_to_a_file_finds_the_same(shards, index, books, tmp_path):
    """The oracle: the public command, a real shard, and bytes compared one by one."""
    opened = Index(index)
    wanted = Wanted(20, (30, 100), parse_noises("verbatim,ocr:0.2,cut,shuffled"), 30)
    hosts = [SampledRow("", n, "text", prose(800 + n, 60).encode(), 0) for n in range(20)]
    plants = list(planted(indexed_library(opened), hosts, wanted, opened.key))
    texts = [piece.text for plant in plants for piece in plant.pieces]
    pq.write_table(pa.table({"text": pa.array(texts, pa.binary())}), tmp_path / "planted.parquet")
    provenance.scan([tmp_path / "planted.parquet"], index, tmp_path / "run.duckdb", workers=1)
    with RunReader(tmp_path / "run.duckdb") as reader:
        sql = 'SELECT "row", doc_begin, doc_end, list_append([s.work_id for s in shared], work_id) AS works FROM match'
        rows = reader.query(sql)
    found, row = [0] * len(wanted.cells), 0
    for plant in plants:
        size = covered = 0
        for piece in plant.pieces:
            own = [(m["doc_begin"], m["doc_end"]) for m in rows if m["row"] == row and plant.work in m["works"]]
            covered += sum(any(a <= at < b for a, b in own) for at in range(piece.begin, piece.end))
            size, row = size + piece.end - piece.begin, row + 1
        found[plant.cell] += 2 * covered >= size
    assert [tally.found for tally in judge(Matcher(opened), plants, len(wanted.cells), lambda plants: None)] == found
    assert len(set(found)) > 2, "cells differ"


@pytest.mark.slow
def test_rows_of_token_ids_and_chats_are_rows_too(tokenizer, index, tmp_path):
    trained, path = tokenizer
    ids = [trained.encode(prose(100 + n, 80)).ids for n in range(20)]
    pq.write_table(pa.table({"input_ids": ids}), tmp_path / "ids.parquet")
    chats = [[{"role": "user", "content": prose(300 + n, 30)}] * 2 for n in range(20)]
    pq.write_table(pa.table({"messages": chats}), tmp_path / "chats.parquet")
    for name, options, rows in (("ids", {"tokenizer": path}, 20), ("chats", {}, 40)):
        asked = Asked(shards=(str(tmp_path / f"{name}.parquet"),), index=str(index), **options)
        entry = certify(asked, FEW).entry
        assert all(cell["found"] == FEW.plants for cell in entry["cells"])
        assert entry["rows_sampled"] == min(rows, FEW.rows)


@pytest.mark.slow
def test_background_and_decoys_are_those_of_the_run(books, index, tmp_path):
    """What the background made common is found no more, and nothing is taken from a decoy."""
    (tmp_path / "decoys").mkdir()
    (tmp_path / "decoys" / "unpublished.txt").write_text(prose(999, 3000))
    lines = "".join(json.dumps({"text": prose(600 + n, 50)}) + "\n" for n in range(30))
    (tmp_path / "shard.jsonl").write_text(lines)
    ordinary = [text for text in books.values() for _ in range(3)]
    pq.write_table(pa.table({"text": ordinary}), tmp_path / "background.parquet")
    db = tmp_path / "run.duckdb"
    background, decoys = [tmp_path / "background.parquet"], [tmp_path / "decoys"]
    provenance.scan([tmp_path / "shard.jsonl"], index, db, workers=1, background=background, decoys=decoys)
    entry = certify(Asked(db), FEW).entry
    assert entry["texts"] == 3
    assert sum(cell["found"] for cell in entry["cells"]) == 0, "all of the books is common text now"
    shutil.move(f"{db}.units", tmp_path / "elsewhere")
    with pytest.raises(OtherRunError, match="learned a background"):
        certify(Asked(db), FEW)


@pytest.mark.parametrize("text", ["", "a", "25,-1", "25;50", "1.5"])
def test_lengths_that_are_none_are_refused(text):
    with pytest.raises(UsageError, match="--lengths"):
        parse_lengths(text)


@pytest.mark.parametrize("text", ["", "loud", "verbatim:0.1", "ocr:2", "ocr:", "ocr:x", "ocr:nan"])
def test_noises_that_there_are_not_are_refused(text):
    with pytest.raises(UsageError, match="--noise"):
        parse_noises(text)


@pytest.mark.parametrize("wrong", [{"plants": 0}, {"rows": 0}, {"lengths": (0,)}, {"lengths": (10**6,)}], ids=str)
def test_numbers_that_make_no_sense_are_refused(wrong):
    with pytest.raises(UsageError):
        Wanted(**wrong)
    with pytest.raises(UsageError, match="leave nothing to plant"):
        Wanted(lengths=(25,), noises=parse_noises("cut"))
