"""An index, a run, a result or a process in hostile hands: what it says is checked before anything is done with it."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from provenance.cli.verify import show
from provenance.errors import IndexDamagedError, IndexFormatError, ProvenanceError, StoreError, UsageError
from provenance.evidence.manifest import with_digest
from provenance.evidence.minimal import verify_minimal
from provenance.index.opening import Index
from provenance.matching.matcher import Matcher
from provenance.runs.engine import Watch
from provenance.runs.scan import scan
from provenance.store.database import RunReader
from provenance.store.schema import TABLES
from tests.fuzz.target import mend
from tests.threats.running import run

SECRET = "this secret stands in a file outside of the run"


def rewritten(folder: Path, name: str, change) -> None:
    """A file of numbers, changed."""
    kind = {"u4": "u32", "u8": "u64"}
    dtype = next((f"<{short}" for short, long in kind.items() if name.endswith(long)), "u1")
    values = np.fromfile(folder / name, dtype=dtype)
    change(values).astype(dtype).tofile(folder / name)


def in_manifest(**changes: object):
    def forge(folder: Path) -> None:
        record = json.loads((folder / "index.json").read_text())
        (folder / "index.json").write_text(json.dumps({**record, **changes}))

    return forge


def in_counts(**changes: object):
    def forge(folder: Path) -> None:
        record = json.loads((folder / "index.json").read_text())
        (folder / "index.json").write_text(json.dumps({**record, "counts": {**record["counts"], **changes}}))

    return forge


def in_editions(name: str, value: object):
    def forge(folder: Path) -> None:
        table = pq.read_table(folder / "editions.parquet")
        at = table.schema.get_field_index(name)
        column = pa.array([value, *table[name].to_pylist()[1:]], table.schema.field(name).type)
        pq.write_table(table.set_column(at, name, column), folder / "editions.parquet")

    return forge


def cut(name: str, size: int):
    def forge(folder: Path) -> None:
        (folder / name).write_bytes((folder / name).read_bytes()[:size])

    return forge


def numbers(name: str, change):
    return lambda folder: rewritten(folder, name, change)


def first_block(column: int, value: int):
    def change(blocks: np.ndarray) -> np.ndarray:
        blocks[column] = value
        return blocks

    return numbers("blocks.u64", change)


FORGED = {
    "postings 2^63": in_counts(postings=2**63),
    "words -1": in_counts(words=-1),
    "editions 2^63": in_counts(editions=2**63),
    "bits of buckets": in_manifest(bucket_bits=60),
    "a shingle of 2^40 words": in_manifest(sketch={"kind": "frac", "shingle": 2**40, "scale": 1}),
    "10^9 permutations": in_manifest(sketch={"kind": "banded", "num_perm": 10**9, "bands": 1, "rows": 1}),
    "files elsewhere": in_manifest(files={"../../secret": {"bytes": 1, "xxh3_128": "0"}}),
    "no fingerprints": cut("fingerprints.u32", 0),
    "half of the postings": cut("postings.u32", 400),
    "half a number": cut("postings.u32", 402),
    "no blocks": cut("blocks.u64", 0),
    "half a block": cut("blocks.u64", 36),
    "a block of a word behind all": first_block(0, 2**63),
    "a block that begins before its text": first_block(1, 2**64 - 1),
    "a block behind the file": first_block(2, 2**40),
    "a block of an edition that is not there": first_block(3, 2**62),
    "buckets that fall": numbers("buckets.bin", lambda values: values[::-1]),
    "an edition of -1 words": in_editions("words", -1),
    "an edition of 2^62 words": in_editions("words", 2**62),
    "an edition without a number of words": in_editions("words", None),
    "an edition at 2^63 - 1": in_editions("first_word", 2**63 - 1),
    "a text of 2^62 bytes": in_editions("text_bytes", 2**62),
    "a text of -1 bytes": in_editions("text_bytes", -1),
    "no id": in_editions("edition_id", None),
    "a pickle of editions": lambda folder: (folder / "editions.parquet").write_bytes(pickle.dumps([1])),
}


def forged(index: Path, folder: Path, forge) -> Path:
    """A copy of an index that was changed by somebody who mended its digests."""
    copy = folder / "index"
    shutil.copytree(index, copy)
    forge(copy)
    mend(copy)
    return copy


@pytest.mark.parametrize("threat", FORGED)
def test_a_forged_index_is_refused_although_its_digests_are_right(threat, index, tmp_path):
    """In this process: a crash would end the tests."""
    copy = forged(index, tmp_path, FORGED[threat])
    with pytest.raises(ProvenanceError) as told:
        opened = Index(copy)
        opened.verify()
        assert opened.edition_ids
        opened.texts.text(0)
    assert isinstance(told.value, IndexDamagedError | IndexFormatError | UsageError)
    assert "agree with its own digest" not in str(told.value)


def everywhere(values: np.ndarray) -> np.ndarray:
    return np.full_like(values, np.iinfo(values.dtype).max)


@pytest.mark.parametrize(
    "name", ["fingerprints.u32", "postings.u32", "words.u32", "spans.u8", "filter.u64", "texts.zst"]
)
@pytest.mark.parametrize("change", [everywhere, np.zeros_like, lambda values: values[::-1]])
def test_tables_that_point_anywhere_give_wrong_matches_or_an_error_and_never_a_bad_read(
    name, change, index, rows, tmp_path
):
    opened = Index(forged(index, tmp_path, numbers(name, change)))
    opened.verify()
    outcome = "wrong matches"
    try:
        Matcher(opened).match(pa.array([text for _, text in rows]))
        opened.texts.text(0)
    except IndexDamagedError as error:
        outcome = str(error)
    assert outcome == "wrong matches" or "index" in outcome


def test_a_forged_index_stops_a_scan_with_one_line(index, good, tmp_path):
    copy = forged(index, tmp_path, in_counts(postings=2**63))
    for command in (["scan", good, "--db", tmp_path / "r.duckdb", "--index"], ["match", __file__, "--index"]):
        done = run(*command, copy)
        assert done.returncode == 3
        assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "r.duckdb").exists()


def test_an_index_that_is_cut_while_it_is_mapped_stops_the_run(index, good, tmp_path):
    """To read what was cut off ends a worker; the next one sees that the index is damaged."""
    copy = shutil.copytree(index, tmp_path / "index")

    def cut_all(text_bytes: int) -> None:
        for path in copy.glob("*.u32"):
            os.truncate(path, 0)

    with pytest.raises(ProvenanceError, match="is damaged"):
        scan([good], copy, tmp_path / "r.duckdb", workers=1, watch=Watch(on_planned=cut_all))
    assert not (tmp_path / "r.duckdb").exists()


def hostile_result(**changes: object) -> bytes:
    """A minimal result whose digest is right."""
    whole = {
        "format": "provenance-minimal-result", "version": 1, "tool_version": "1", "code_sha256": "", "text_rules": 1,
        "ended": "", "outcome": "complete", "index": {"xxh3_128": "", "key_id": ""}, "sketch": {}, "match": {},
        "scale": None, "background_fingerprints": 0, "decoys": {},
        "scanned": {"listed": 1, "scanned": 1, "partial": 0, "failed": 0, "skipped": 0, "documents": 1,
                    "documents_matched": 1, "words": 1},
        "library": {"works": 1, "editions": 1, "found": 1, "only_shared": 0, "without": 0},
        "works": [], "commitment": "",
    }  # fmt: skip
    return with_digest({**whole, **changes})


WORK = {
    "work_id": "\x1b[2J\u202ework", "best_edition": "e", "words": 10, "grade": "complete", "coverage": 1.0,
    "coverage_low": None, "coverage_high": None, "covered_words": 3, "documents": 1, "estimated": True,
}  # fmt: skip
RESULTS = {
    "a name that moves the cursor": hostile_result(works=[WORK]),
    "a number as large as a file": hostile_result(works=[{**WORK, "words": 10**4000}]),
    "fewer than none": hostile_result(works=[{**WORK, "covered_words": -(10**18)}]),
    "truth for a number": hostile_result(works=[{**WORK, "documents": True}]),
    "works that are no list": hostile_result(works={"0": WORK}),
    "a work that is no work": hostile_result(works=["x"]),
    "lists in lists": b'{"works": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "no number": b'{"sha256": "0", "version": NaN}',
    "no JSON": b"{" * 1000,
    "nothing": b"",
    "a list": b"[]",
}


@pytest.mark.parametrize("threat", RESULTS)
def test_a_hostile_result_is_one_check_that_fails_and_is_shown_harmless(threat, tmp_path, capsys):
    """In this process, with what the command prints."""
    path = tmp_path / "result.json"
    path.write_bytes(RESULTS[threat])
    (check,) = verify_minimal(path)
    assert check.state == "different"
    show(check)
    told = capsys.readouterr().out
    assert "\x1b" not in told
    assert "\u202e" not in told
    assert len(told) < 2000


READS = {
    "a view": "CREATE VIEW v_works AS SELECT 'w' AS work_id, content FROM read_text('{secret}')",
    "a view of a file": "CREATE VIEW v_works AS SELECT 'w' AS work_id, * FROM '{secret}'",
    "a macro": "CREATE MACRO v_works() AS TABLE SELECT 'w' AS work_id, content FROM read_text('{secret}')",
    "a view of a list of files": "CREATE VIEW v_works AS SELECT 'w' AS work_id, file FROM glob('{folder}/*')",
}


@pytest.mark.parametrize("threat", READS)
def test_a_run_database_of_others_reads_no_file(threat, tmp_path):
    (tmp_path / "secret.csv").write_text(f"{SECRET}\n{SECRET}\n")
    db = tmp_path / "r.duckdb"
    with duckdb.connect(str(db)) as connection:
        connection.execute(TABLES)
        connection.execute(READS[threat].format(secret=tmp_path / "secret.csv", folder=tmp_path))
    call = "v_works()" if threat == "a macro" else "v_works"
    with duckdb.connect(str(db)) as connection:
        told = str(connection.execute(f"SELECT * FROM {call}").fetchall())
        assert SECRET in told or "secret.csv" in told  # whoever opens it without care is had
    with pytest.raises(StoreError), RunReader(db) as reader:
        reader.query(f"SELECT * FROM {call}")
    if threat == "a view":
        done = run("export", db, "--what", "works", "--format", "csv", "--out", tmp_path / "out.csv")
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1
        assert not (tmp_path / "out.csv").exists()


QUESTIONS = [
    "SELECT * FROM read_text('{secret}')",
    "SELECT * FROM '{secret}'",
    "COPY (SELECT 1) TO '{folder}/out.csv'",
    "ATTACH '{folder}/other.duckdb'",
    "SET enable_external_access = true",
    "SET lock_configuration = false",
    "INSTALL httpfs",
    "LOAD '{secret}'",
    "DROP TABLE match",
    "DELETE FROM match",
    "EXPORT DATABASE '{folder}/out'",
]


def test_a_question_reads_and_writes_nothing_outside_of_the_run(tmp_path):
    (tmp_path / "secret.csv").write_text(f"{SECRET}\n{SECRET}\n")
    db = tmp_path / "r.duckdb"
    with duckdb.connect(str(db)) as connection:
        connection.execute(TABLES)
    before = db.read_bytes()
    with RunReader(db) as reader:
        for question in QUESTIONS:
            with pytest.raises(StoreError) as told:
                reader.arrow(question.format(secret=tmp_path / "secret.csv", folder=tmp_path))
            assert SECRET not in str(told.value)
    assert db.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"secret.csv", "r.duckdb"}


TAMPER = """
import sys
from provenance.isolation.child import confine
confine(1 << 30, writes_files=False)
with open(sys.argv[1], "r+b") as file:
    file.write(b"forged" * 1000)
"""


def test_a_parser_in_hostile_hands_cannot_write_into_past_results(tmp_path):
    """The one of books. A worker that scans shards may write files, because kernels are compiled into one."""
    db = tmp_path / "r.duckdb"
    with duckdb.connect(str(db)) as connection:
        connection.execute(TABLES)
    before = db.read_bytes()
    done = subprocess.run([sys.executable, "-c", TAMPER, db], capture_output=True, text=True, timeout=60)
    assert "File too large" in done.stderr
    assert db.read_bytes() == before
