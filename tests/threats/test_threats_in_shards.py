"""Shards made to harm who scans them: each ends as it should, a good one beside it is found, and the run goes on."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import struct
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from provenance.store.database import RunReader
from tests.shards import formats
from tests.threats.running import matched, outcomes, run_measured, scan

FIXTURES = Path(__file__).parents[3] / "shared" / "fixtures"
ROWS_100, ROWS_1000, ROWS_8000 = b"\xc8\x01", b"\xd0\x0f", b"\x80\x7d"  # as footers write them
CONTROLS = " ".join(map(chr, range(32)))
FILE, GROUP = 0, 3  # places of these counts in a footer: rows of the file, rows of its row group


def as_parquet(table: pa.Table, **how: object) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, **how)
    return out.getvalue()


def strings(values: list[bytes]) -> pa.Array:
    """A column that says it is UTF-8, whatever the bytes are."""
    stored = pa.array(values, pa.binary())
    return pa.Array.from_buffers(pa.string(), len(values), stored.buffers())


def dictionary_bomb() -> bytes:
    """One string of 1 MiB, named by 100,000 rows: 100 GB in some hundred bytes."""
    rows = pa.DictionaryArray.from_arrays(pa.array(np.zeros(100_000, dtype=np.int32)), pa.array(["a " * (1 << 19)]))
    bomb = as_parquet(pa.table({"text": rows}), compression="zstd", write_statistics=False, store_schema=False)
    assert len(bomb) < 1000
    return bomb


def lying(count: bytes, *places: int) -> bytes:
    """A Parquet file of 1,000 rows whose footer gives another count in some of its places."""
    data = bytearray(as_parquet(pa.table({"text": ["some words"] * 1000}), write_statistics=False, store_schema=False))
    at = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    for place in range(max(places) + 1):
        at = data.index(ROWS_1000, at + 1)
        if place in places:
            data[at : at + 2] = count
    return bytes(data)


def nested(levels: int) -> bytes:
    kind, value = pa.string(), "some words"
    for _ in range(levels):
        kind, value = pa.list_(kind), [value]
    return as_parquet(pa.table({"text": pa.array([value], kind)}))


class Harm:
    """What runs when it is unpickled, and leaves a file behind."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self):
        return os.system, (f"touch '{self.file}'",)


def extension_stream(harm: bytes) -> bytes:
    """An Arrow stream whose column is of the extension type that pyarrow once unpickled."""
    told = {b"ARROW:extension:name": b"arrow.py_extension_type", b"ARROW:extension:metadata": harm}
    table = pa.table([pa.array(["some words"])], schema=pa.schema([pa.field("text", pa.string(), metadata=told)]))
    out = io.BytesIO()
    with pa.ipc.new_stream(out, table.schema) as writer:
        writer.write_table(table)
    return out.getvalue()


def object_array(harm: Harm) -> bytes:
    out = io.BytesIO()
    np.save(out, np.array([harm], dtype=object), allow_pickle=True)
    return out.getvalue()


@pytest.fixture(scope="module")
def scanned(rows, books, index, tmp_path_factory) -> Path:
    """One scan of all of it, in bounded time and memory; the directory has its run database."""
    folder = tmp_path_factory.mktemp("threats")
    shards = folder / "shards"
    shards.mkdir()
    harm = Harm(folder / "harm")
    passage = books["book0"][500:1500]
    front, back = passage[:500], passage[500:]
    texts = {
        "invalid.parquet": strings(
            [f"{front}~{back}".encode().replace(b"~", b"\xff\xfe"), b"\x80 \xc0\xaf \xf5", b"plain"]
        ),
        "surrogates.parquet": strings([front.encode() + b" \xed\xa0\x80 " + back.encode(), b"\xed\xbf\xbf"]),
        "controls.parquet": pa.array([front + CONTROLS + back, "\0", "\ufffe"]),
    }
    hostile = {
        **{name: as_parquet(pa.table({"text": column})) for name, column in texts.items()},
        "surrogates.jsonl": json.dumps({"text": front + "\ud800 " + back, "id": "\udfff"}).encode(),
        "bomb.parquet": dictionary_bomb(),
        "more rows.parquet": lying(ROWS_8000, FILE, GROUP),
        "fewer rows.parquet": lying(ROWS_100, FILE, GROUP),
        "two counts.parquet": lying(ROWS_8000, FILE),
        "footer.parquet": formats.parquet(folder, rows).read_bytes()[:-8] + struct.pack("<I", 2**31 - 1) + b"PAR1",
        "nested.parquet": nested(400),
        "deep.jsonl": b'{"text": ' + b"[" * 1_000_000 + b"\n",
        "pickle.npy": object_array(harm),
        "pickle.arrow": extension_stream(pickle.dumps(harm)),
        "pickle.parquet": pickle.dumps(harm),
    }
    (folder / "shard.parquet").rename(shards / "good.parquet")
    for name, data in hostile.items():
        (shards / name).write_bytes(data)
    begun = time.monotonic()
    done, memory = run_measured("scan", shards, "--index", index, "--db", folder / "r.duckdb", "--workers", 1)
    assert time.monotonic() - begun < 60
    assert memory < 1 << 30  # of the largest of its processes
    assert done.returncode == 3
    assert set(outcomes(folder / "r.duckdb")) == {*hostile, "good.parquet"}
    # no side effect of a pickle either
    assert {path.name for path in folder.iterdir()} == {
        "shards",
        "r.duckdb",
        "r.duckdb.units",
    }  # no side effect of a pickle either
    return folder / "r.duckdb"


def query(db: Path, sql: str) -> list[dict]:
    with RunReader(db) as reader:
        return reader.query(sql)


def test_a_good_shard_beside_all_of_them_is_found(scanned):
    assert outcomes(scanned)["good.parquet"] == ("scanned", "")
    assert len([name for name, _ in matched(scanned) if name == "good.parquet"]) == 15


def test_a_dictionary_of_100_gb_is_scanned_without_being_made(scanned):
    assert outcomes(scanned)["bomb.parquet"] == ("scanned", "")
    [shard] = query(scanned, "SELECT documents, text_bytes FROM shard WHERE shard LIKE '%bomb.parquet'")
    assert shard == {"documents": 100_000, "text_bytes": 100_000 << 20}


def test_invalid_utf8_is_scanned_and_counted_and_the_copied_bytes_keep_their_digest(scanned):
    assert ("invalid.parquet", 0) in matched(scanned)
    [shard] = query(scanned, "SELECT outcome, invalid_documents FROM shard WHERE shard LIKE '%invalid.parquet'")
    assert shard == {"outcome": "scanned", "invalid_documents": 2}
    [match] = query(scanned, "SELECT doc_begin, doc_end, excerpt_sha256 FROM match WHERE shard LIKE '%invalid.parquet'")
    place = scanned.parent / "shards" / "invalid.parquet"
    text = pq.read_table(place)["text"].cast(pa.binary())[0].as_py()[match["doc_begin"] : match["doc_end"]]
    assert b"\xff\xfe" in text
    assert hashlib.sha256(text).hexdigest() == match["excerpt_sha256"]


def test_nul_controls_and_lone_surrogates_are_scanned_and_stored(scanned):
    names = {"controls.parquet", "surrogates.parquet", "surrogates.jsonl"}
    assert {outcomes(scanned)[name] for name in names} == {("scanned", "")}
    assert {(name, 0) for name in names} <= matched(scanned)
    [match] = query(scanned, "SELECT excerpt FROM match WHERE shard LIKE '%controls.parquet'")
    assert CONTROLS in match["excerpt"]


REASONS = {
    "more rows.parquet": ("partial", "1000 rows read, its footer says 8000"),
    "fewer rows.parquet": ("partial", "100 rows read, as its footer says, but column text has 1000 values"),
    "two counts.parquet": ("failed", "hold 1000 rows, its footer says 8000"),
    "footer.parquet": ("failed", "cannot be opened as Parquet"),
}


@pytest.mark.parametrize("name", REASONS)
def test_a_footer_that_lies_never_reads_as_clean(name, scanned):
    outcome, reason = outcomes(scanned)[name]
    assert outcome == REASONS[name][0]
    assert REASONS[name][1] in reason


def test_deep_nesting_is_refused(scanned):
    assert [outcomes(scanned)[name][0] for name in ("nested.parquet", "deep.jsonl")] == ["failed", "failed"]


def test_pickles_are_never_loaded(scanned):
    assert "Python objects" in outcomes(scanned)["pickle.npy"][1]
    assert outcomes(scanned)["pickle.parquet"][0] == "failed"
    assert outcomes(scanned)["pickle.arrow"] == ("scanned", "")  # as the strings that are stored
    harm = Harm(scanned.parent / "harm")
    pickle.loads(pickle.dumps(harm))  # the same bytes do harm where they are loaded
    assert harm.file.exists()
    harm.file.unlink()


@pytest.mark.slow
def test_a_row_of_300_mb_and_a_column_of_more_than_2_gib_cost_no_other_row(index, good, tmp_path):
    long = pa.array(["x", "many words " * 27_300_000, "y"], pa.large_string())
    pq.write_table(pa.table({"text": long}), tmp_path / "row.parquet", compression="zstd", use_dictionary=False)
    column = pa.array(["many words " * 10_000] * 20_000, pa.large_string())
    pq.write_table(pa.table({"text": column}), tmp_path / "column.parquet", compression="zstd", use_dictionary=False)
    del long, column
    shards = [tmp_path / "row.parquet", tmp_path / "column.parquet", good]
    done, memory = run_measured("scan", *shards, "--index", index, "--db", tmp_path / "r.duckdb", "--workers", 1)
    assert memory < 2 << 30
    assert done.returncode == 3
    assert {name: outcome for name, (outcome, _) in outcomes(tmp_path / "r.duckdb").items()} == {
        "row.parquet": "partial",
        "column.parquet": "scanned",
        "good.parquet": "scanned",
    }
    [shard] = query(tmp_path / "r.duckdb", "SELECT documents, text_bytes FROM shard WHERE shard LIKE '%column.parquet'")
    assert shard == {"documents": 20_000, "text_bytes": 2_200_000_000}
    assert ("good.parquet", 1) in matched(tmp_path / "r.duckdb")


@pytest.mark.slow
@pytest.mark.skipif(not FIXTURES.is_dir(), reason="no ../shared/fixtures here")
def test_a_good_shard_is_found_among_all_broken_files_of_the_fixtures(index, good, tmp_path):
    broken = [path for path in FIXTURES.rglob("*") if path.is_file() and path.suffix != ".md"]
    code, summary = scan(*broken, good, index=index, db=tmp_path / "r.duckdb")
    assert code == 3
    assert sum(summary["shards"].values()) == len(broken) + 1
    assert ("good.parquet", 1) in matched(tmp_path / "r.duckdb")
