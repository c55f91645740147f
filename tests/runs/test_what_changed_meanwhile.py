"""What is not as it was when a run goes on: shards between tasks, a damaged file of the ledger, its folder."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import provenance
from provenance.errors import LedgerDamagedError, OtherRunError
from provenance.runs.collect import collect
from provenance.runs.ledger import Ledger
from provenance.runs.request import Request
from provenance.runs.scan import scan_share
from provenance.storage.folders import open_folder
from provenance.units.cutting import Share
from tests.runs.exports import exports
from tests.shards.fixtures import prose

NAMES = ("a", "b", "c", "d")


def write(folder: Path, name: str, seed: int, books) -> Path:
    path = folder / f"{name}.parquet"
    rows = [prose(seed + row, 60) for row in range(8)]
    rows[3] += " " + books["book1"][100:1000]
    pq.write_table(pa.table({"text": rows}), path)
    return path


@pytest.fixture
def shards(books, tmp_path) -> Path:
    """Four shards, of one unit each."""
    folder = tmp_path / "shards"
    folder.mkdir()
    for number, name in enumerate(NAMES):
        write(folder, name, 100 * number, books)
    return folder


def test_shards_that_change_between_tasks_are_named_with_the_command_that_goes_on(shards, index, books, tmp_path):
    out, request = tmp_path / "out", Request((str(shards),), index, workers=1)
    assert scan_share(request, out, Share(1, 2)).complete
    changed = write(shards, "c", 900, books)
    removed = shards / "d.parquet"
    removed.unlink()
    added = write(shards, "e", 1200, books)
    second = scan_share(request, out, Share(2, 2))
    assert not second.complete
    reasons = {problem["shard"]: problem["reason"] for problem in second.incomplete}
    assert {name: reason.split(" was ")[1].split(" ")[0] for name, reason in reasons.items()} == {
        str(changed): "changed", str(removed): "removed", str(added): "added",
    }  # fmt: skip
    assert all("the same command with --db RUN.duckdb, not --task" in reason for reason in reasons.values())
    collected = collect(out, tmp_path / "c.duckdb")
    assert {problem["shard"] for problem in collected.exceptions} == {str(changed), str(removed)}
    summary = provenance.scan([shards], index, tmp_path / "r.duckdb", out=out, workers=1)
    assert summary.complete
    assert summary.shards["scanned"] == 4
    last = max(Ledger(open_folder(out)).attempts(), key=lambda attempt: attempt["started_utc"])
    assert last["found"] == 2, "those of the first task"
    provenance.scan([shards], index, tmp_path / "fresh.duckdb", workers=1)
    assert exports(tmp_path / "r.duckdb") == exports(tmp_path / "fresh.duckdb")
    assert scan_share(request, out, Share(2, 2)).complete, "no task is stuck"


def test_damaged_editions_are_made_again_from_the_index_and_no_unit_is_scanned_again(shards, index, tmp_path):
    db = tmp_path / "r.duckdb"
    units = provenance.scan([shards], index, db, workers=1).units
    editions = Path(f"{db}.units/editions.parquet")
    whole = editions.read_bytes()
    editions.write_bytes(whole[:200] + bytes([whole[200] ^ 1]) + whole[201:])
    with pytest.raises(LedgerDamagedError, match=r"editions\.parquet is damaged.*the scan's command makes it again"):
        collect(f"{db}.units", tmp_path / "c.duckdb")
    assert not (tmp_path / "c.duckdb").exists()
    before = exports(db)
    db.unlink()
    assert provenance.scan([shards], index, db, workers=1).complete
    assert editions.read_bytes() == whole
    assert exports(db) == before
    last = Ledger(open_folder(f"{db}.units")).attempts()[-1]
    assert (last["found"], last["units"]) == (units, 0)


def test_a_damaged_plan_is_made_again_by_the_command_that_the_message_names(shards, index, tmp_path):
    out, request = tmp_path / "out", Request((str(shards),), index, workers=1)
    scan_share(request, out)
    (out / "plan.parquet").write_bytes(b"no plan")
    with pytest.raises(LedgerDamagedError, match="without --task lists anew"):
        scan_share(request, out)
    assert provenance.scan([shards], index, tmp_path / "r.duckdb", out=out, workers=1).complete
    assert Ledger(open_folder(out)).attempts()[-1]["found"] == len(NAMES)


def test_collecting_a_folder_that_is_not_there_leaves_nothing(tmp_path):
    with pytest.raises(OtherRunError, match=r"no run at .*there is no such folder"):
        collect(tmp_path / "gone", tmp_path / "r.duckdb")
    assert not list(tmp_path.iterdir())
