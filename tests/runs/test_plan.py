"""What a run does when: shards that have to be fetched wait for room, and their bytes go when they are done."""

from __future__ import annotations

import io

import pytest
from msgspec import to_builtins

from provenance.errors import UsageError
from provenance.isolation.supervisor import Children
from provenance.matching.matcher import Counts
from provenance.runs.listed import Listed, list_all
from provenance.runs.plan import Job, Plan
from provenance.units.cutting import units_of

OBJECT = {"uri": "s3://bucket/a", "bytes": 1, "etag": None, "version": None, "modified": None, "sha256": None}
FETCHED = {"kind": "done", "task": "fetch", "sha256": "0", "bytes": 1, "version": None}
PART = {"number": 0, "first_row": 0, "rows": 1, "text_bytes": 1, "begin": 0, "end": 0, "row_group": None}
SCANNED = {"kind": "done", "task": "scan", "rows_read": 1, "counts": to_builtins(Counts()), "problems": []}


def job(name, slots, objects=()):
    return Job(Listed(name, objects=objects, slots=slots), tuple(units_of(name, 1, "", slots, "terms")))


def described(shard, parts):
    origins = dict.fromkeys(("url", "source", "url_top", "source_top"))
    columns = {"texts": ["text"], "id": None, "tops": ["text"], **origins}
    known = {"rows": 1, "row_groups": 1, "bytes": 1, "format": "parquet", "columns": columns, "identity": "x"}
    return {"kind": "done", "task": "describe", "shard": shard, "parts": [PART] * parts, **known}


def test_objects_wait_for_room_and_are_removed_when_all_of_them_is_scanned(tmp_path):
    names = [f"s3://bucket/{n}" for n in range(6)]
    plan = Plan([job(name, 2, (OBJECT,)) for name in names], tmp_path / "scratch", False, workers=1)
    paths = {task["shard"]: task["targets"][0] for task in plan.fetching.tasks}
    for name in names[:2]:
        assert plan.fetching.has_room()
        open(paths[name], "wb").close()  # noqa: PTH123
        assert plan.done({**FETCHED, "shard": name}) == []
    assert not plan.fetching.has_room()
    assert [task["task"] for task in plan.tasks] == ["describe", "describe"]
    plan.tasks.popleft()
    assert plan.done(described(names[1], parts=2)) == []
    assert [task["task"] for task in plan.tasks] == ["scan", "scan", "describe"]
    assert all(task["path"] == paths[names[1]] for task in list(plan.tasks)[:2])
    assert [done.unit.slot for done in plan.done({**SCANNED, "shard": names[1], "slot": 1})] == [1]
    assert not plan.fetching.has_room()
    assert [done.record["facts"]["sha256"] for done in plan.done({**SCANNED, "shard": names[1], "slot": 0})] == ["0"]
    assert plan.fetching.has_room()
    assert [path.name for path in (tmp_path / "scratch").iterdir()] == ["000000"]


def test_the_first_unit_waits_for_the_digest_of_its_shard_and_no_other_does(tmp_path):
    name = str(tmp_path / "a.parquet")
    open(name, "wb").close()  # noqa: PTH123
    plan = Plan([job(name, 3)], tmp_path / "scratch", False, workers=1)
    plan.tasks.popleft()
    assert plan.done(described(name, parts=3)) == []
    assert [task["task"] for task in plan.tasks] == ["scan", "digest", "scan", "scan"]
    assert plan.done({**SCANNED, "shard": name, "slot": 0}) == []
    assert [done.unit.slot for done in plan.done({**SCANNED, "shard": name, "slot": 2})] == [2]
    finished = plan.done({"kind": "done", "task": "digest", "shard": name, "sha256": "abc"})
    assert [(done.unit.slot, done.record["facts"]["sha256"]) for done in finished] == [(0, "abc")]


def test_a_shard_that_cannot_be_opened_finishes_all_its_units_with_the_reason(tmp_path):
    name = str(tmp_path / "gone.parquet")
    plan = Plan([job(name, 2)], tmp_path / "scratch", False, workers=1)
    failed = {"kind": "done", "task": "describe", "shard": name, "error": "gone", "error_kind": "unreadable"}
    assert [[p["reason"] for p in done.record["problems"]] for done in plan.done(failed)] == [["gone"], ["gone"]]


def test_a_unit_without_a_part_of_its_own_is_done_as_soon_as_the_shard_is_described(tmp_path):
    name = str(tmp_path / "a.parquet")
    plan = Plan([job(name, 4)], tmp_path / "scratch", False, workers=1)
    empty = plan.done(described(name, parts=1))
    assert len(empty) == 3
    assert all(done.record["rows_read"] == 0 and not done.payload for done in empty)


def test_a_session_without_a_binary_standard_input_can_scan(tmp_path, monkeypatch):
    """As in a notebook; only `-` needs one."""
    monkeypatch.setattr("sys.stdin", io.StringIO())
    (tmp_path / "a.parquet").write_bytes(b"x")
    with Children() as children:
        assert [file.name for file in list_all([str(tmp_path)], False, children, 1000)] == [str(tmp_path / "a.parquet")]
        with pytest.raises(UsageError):
            list_all(["none"], False, children, 1000)
