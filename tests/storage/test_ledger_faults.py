"""A run whose ledger lies behind a network that fails: it goes on, or ends with one line and goes on later."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import provenance
from provenance.errors import OutputError, StorageError
from provenance.runs.collect import collect
from provenance.runs.request import Request
from provenance.runs.scan import scan_share
from provenance.storage import stores
from provenance.storage.folders import open_folder
from provenance.store.database import RunReader
from tests.runs.exports import exports
from tests.shards.fixtures import prose
from tests.storage.proxy import Proxy
from tests.tools.command import run

CONFIG = provenance.ScanConfig(unit_bytes=8000)
FOR_EVER = 1 << 30


def some(faults: dict[str, dict[str, int]], *chosen: str, without: str = "") -> list[object]:
    """Parameters of a test, of which only the chosen ones run by default: a scan costs seconds."""
    return [
        pytest.param(fault, id=name, marks=() if name in chosen else pytest.mark.slow)
        for name, fault in faults.items()
        if name != without
    ]


SOME = {
    "busy": {"busy": 3},
    "drops": {"drop": 3},
    "halves": {"half": 2},
    "cuts at once": {"cut": 3},
    "cuts in the middle": {"cut": 3, "after": 120},
    "stalls": {"stall": 2, "after": 40},
}


@pytest.fixture(scope="module")
def shards(tmp_path_factory, books) -> Path:
    folder = tmp_path_factory.mktemp("behind") / "shards"
    folder.mkdir()
    for number in range(2):
        rows = [
            f"{prose(70 * number + row, 40)} {books[f'book{row % 3}'][60 * row :][:900] if row % 3 == 0 else ''}"
            for row in range(24)
        ]
        pq.write_table(pa.table({"text": rows}), folder / f"{number}.parquet", row_group_size=4)
    return folder


@pytest.fixture(scope="module")
def undisturbed(shards, index, tmp_path_factory) -> list[bytes]:
    db = tmp_path_factory.mktemp("undisturbed") / "r.duckdb"
    summary = provenance.scan([shards], index, db, config=CONFIG, workers=1)
    assert summary.complete
    assert summary.units >= 6
    assert summary.documents_matched
    return exports(db)


@pytest.fixture
def proxy(s3, monkeypatch) -> Iterator[Proxy]:
    """Before the store, and without a fault yet."""
    with Proxy(s3.port) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        yield proxy


@pytest.fixture
def impatient(monkeypatch) -> None:
    """A client that asks again soon, and for long."""
    monkeypatch.setattr(stores, "CALL_SECONDS", 1)
    monkeypatch.setattr(stores, "RETRY_SECONDS", 20)


def begin(proxy: Proxy, method: bytes, fault: dict[str, int], path: bytes = b"/units/") -> None:
    proxy.method, proxy.path, proxy.after = method, path, 0
    for name, value in fault.items():
        setattr(proxy, name, value)


def stored(s3) -> dict[str, bytes]:
    """The units in the bucket."""
    listed = s3.boto.list_objects_v2(Bucket=s3.bucket, Prefix="run/units/").get("Contents", [])
    return {e["Key"]: s3.boto.get_object(Bucket=s3.bucket, Key=e["Key"])["Body"].read() for e in listed}


def command(name: str, *arguments: object) -> CompletedProcess[str]:
    with pytest.MonkeyPatch.context() as patience:
        patience.setattr(stores, "RETRY_SECONDS", 1.5)
        patience.setattr(stores, "CALL_SECONDS", 1)
        return run(name, *arguments)


def scan_command(shards, index, s3, db) -> CompletedProcess[str]:
    return command(
        "scan", shards, "--index", index, "--db", db, "--out", f"s3://{s3.bucket}/run", "--unit-size", "8kB",
        "--workers", 1, "--json",
    )  # fmt: skip


def must_be_told(done: CompletedProcess[str]) -> None:
    """One line says what went wrong and where, and the exit code that something did."""
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    told = [line for line in done.stderr.splitlines() if line.startswith("provenance: ") and "going on" not in line]
    assert len(told) == 1, done.stderr
    assert "s3://" in told[0]
    assert "very-secret" not in done.stderr


@pytest.mark.parametrize("fault", some(SOME, "cuts at once"))
def test_units_are_put_through_a_network_that_fails_and_recovers(
    s3, proxy, impatient, shards, index, undisturbed, tmp_path, fault
):
    begin(proxy, b"PUT", fault)
    db = tmp_path / "r.duckdb"
    assert provenance.scan([shards], index, db, out=f"s3://{s3.bucket}/run", config=CONFIG, workers=1).complete
    assert exports(db) == undisturbed
    assert all(not getattr(proxy, name) for name in fault if name != "after"), "not all faults came"


@pytest.mark.parametrize("fault", some(SOME, "cuts in the middle", without="halves"))
@pytest.mark.parametrize("how", ["scan", "collect"])
def test_units_are_read_through_a_network_that_fails_and_recovers(
    s3, proxy, impatient, shards, index, undisturbed, tmp_path, fault, how
):
    place, db = f"s3://{s3.bucket}/run", tmp_path / "r.duckdb"
    whole = scan_share(Request((str(shards),), index, CONFIG, workers=1), place)
    begin(proxy, b"GET", fault)
    if how == "scan":
        summary = provenance.scan([shards], index, db, out=place, config=CONFIG, workers=1)
        with RunReader(db) as run:
            found = run.query("SELECT found FROM attempt ORDER BY started_utc")[-1]["found"]
        assert found == whole.units, "what could not be read at once was scanned again"
    else:
        summary = collect(place, db)
    assert summary.complete
    assert exports(db) == undisturbed
    assert all(not getattr(proxy, name) for name in fault if name != "after"), "not all faults came"


BROKEN = {
    "busy": {"busy": FOR_EVER},
    "drops": {"drop": FOR_EVER},
    "halves": {"half": FOR_EVER},
    "answers are cut": {"cut": FOR_EVER, "after": 9},
    "stalls": {"stall": FOR_EVER, "after": 40},
}


@pytest.mark.parametrize("fault", some(BROKEN, "halves"))
def test_units_that_cannot_be_put_end_the_run_which_goes_on_when_they_can(
    s3, proxy, shards, index, undisturbed, tmp_path, fault
):
    db = tmp_path / "r.duckdb"
    seen = []

    def after_two(number: int) -> None:
        seen.append(number)
        if number == 2:
            begin(proxy, b"PUT", fault)

    proxy.method, proxy.path, proxy.on_request = b"PUT", b"/units/", after_two
    must_be_told(scan_command(shards, index, s3, db))
    assert not db.exists()
    proxy.recover()
    proxy.on_request, left = None, stored(s3)
    done = scan_command(shards, index, s3, db)
    assert done.returncode == 0, done.stderr
    assert exports(db) == undisturbed
    with RunReader(db) as run:
        outcomes = run.query("SELECT outcome, found FROM attempt ORDER BY started_utc")
    assert outcomes[0]["outcome"] == "failed"
    now = stored(s3)
    assert outcomes[-1]["found"] == sum(now[key] == data for key, data in left.items()) > 0
    assert len(now) == json.loads(done.stdout)["units"]


@pytest.mark.parametrize("fault", some(BROKEN, "stalls", without="halves"))
@pytest.mark.parametrize("how", ["scan", "collect"])
def test_units_that_cannot_be_read_end_the_command_which_goes_on_when_they_can(
    s3, proxy, shards, index, undisturbed, tmp_path, fault, how
):
    place, db = f"s3://{s3.bucket}/run", tmp_path / "r.duckdb"
    scan_share(Request((str(shards),), index, CONFIG, workers=1), place)
    before = stored(s3)

    def again() -> CompletedProcess[str]:
        return scan_command(shards, index, s3, db) if how == "scan" else command("collect", place, "--db", db)

    begin(proxy, b"GET", fault)
    must_be_told(again())
    assert not db.exists()
    assert stored(s3) == before
    proxy.recover()
    assert again().returncode == 0
    assert exports(db) == undisturbed


@pytest.mark.parametrize(
    "path",
    [
        b"run.json",
        pytest.param(b"plan.parquet", marks=pytest.mark.slow),
        pytest.param(b"attempts", marks=pytest.mark.slow),
    ],
)
def test_a_run_that_cannot_be_begun_or_read_is_told_of(s3, proxy, shards, index, tmp_path, path):
    begin(proxy, b"PUT", {"busy": FOR_EVER}, path)
    must_be_told(scan_command(shards, index, s3, tmp_path / "r.duckdb"))
    proxy.recover()
    assert scan_command(shards, index, s3, tmp_path / "r.duckdb").returncode == 0


def test_a_put_whose_answer_is_lost_counts_as_done(s3, proxy, impatient):
    """The store has the object, and refuses to create it again."""
    folder = open_folder(f"s3://{s3.bucket}/run")
    begin(proxy, b"PUT", {"cut": 1})
    assert folder.write("units/a", b"first" * 1000)
    assert proxy.seen == 2, "it was put again"
    begin(proxy, b"PUT", {"cut": 1})
    assert not folder.write("units/a", b"second")
    assert folder.read("units/a") == b"first" * 1000


def test_changes_whose_answers_stall_are_made_again(s3, proxy, impatient):
    folder = open_folder(f"s3://{s3.bucket}/run")
    for replace in (False, True):
        begin(proxy, b"PUT", {"stall": 1})
        assert folder.write("units/a", b"first", replace)
    begin(proxy, b"POST", {"stall": 1}, b"delete")
    folder.remove("units/a")
    assert not proxy.stall, "a removal is asked for in another way now"
    assert folder.read("units/a") is None


def test_what_was_given_up_is_an_error_of_its_kind(s3, proxy, monkeypatch):
    monkeypatch.setattr(stores, "RETRY_SECONDS", 0.5)
    folder = open_folder(f"s3://{s3.bucket}/run")
    begin(proxy, b"PUT", {"busy": FOR_EVER})
    with pytest.raises(OutputError, match=r"run/units/a cannot be written: .*503"):
        folder.write("units/a", b"first")
    begin(proxy, b"GET", {"busy": FOR_EVER}, b"run")
    with pytest.raises(StorageError, match=r"run/units/a cannot be read: .*503"):
        folder.read("units/a")
    with pytest.raises(StorageError, match=r"run/units cannot be read: .*503"):
        folder.names("units")
