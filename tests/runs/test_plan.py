"""What a run does when: shards that have to be fetched wait for room, and their bytes go when they are done."""

from __future__ import annotations

import io

import pytest

from provenance.errors import UsageError
from provenance.runs.local import Children
from provenance.runs.plan import Listed, Plan, list_all

OBJECT = {"uri": "s3://bucket/a", "bytes": 1, "etag": None, "version": None, "modified": None, "sha256": None}
FETCHED = {"kind": "done", "task": "fetch", "sha256": "0", "bytes": 1, "version": None}


def described(shard, units):
    columns = {"texts": ["text"], "id": None, "tops": ["text"]}
    known = {"rows": 1, "row_groups": 1, "bytes": 1, "format": "parquet", "columns": columns, "identity": "x"}
    return {"kind": "done", "task": "describe", "shard": shard, "units": [[]] * units, **known}


def test_objects_wait_for_room_and_are_removed_when_all_of_them_is_scanned(tmp_path):
    names = [f"s3://bucket/{n}" for n in range(6)]
    plan = Plan([Listed(name, "", (OBJECT,)) for name in names], tmp_path / "scratch", False, workers=1)
    paths = {task["shard"]: task["targets"][0] for task in plan.fetching.tasks}
    for name in names[:2]:
        assert plan.fetching.has_room()
        open(paths[name], "wb").close()  # noqa: PTH123
        plan.done({**FETCHED, "shard": name})
    assert not plan.fetching.has_room()
    plan.tasks.popleft()
    plan.done(described(names[1], units=2))
    assert [task["task"] for task in plan.tasks] == ["scan", "scan", "describe"]
    assert all(task["path"] == paths[names[1]] for task in list(plan.tasks)[:2])
    plan.done({"kind": "done", "task": "scan", "shard": names[1]})
    assert not plan.fetching.has_room()
    plan.done({"kind": "done", "task": "scan", "shard": names[1]})
    assert plan.fetching.has_room()
    assert [path.name for path in (tmp_path / "scratch").iterdir()] == ["000000"]


def test_a_session_without_a_binary_standard_input_can_scan(tmp_path, monkeypatch):
    """As in a notebook; only `-` needs one."""
    monkeypatch.setattr("sys.stdin", io.StringIO())
    (tmp_path / "a.parquet").write_bytes(b"x")
    with Children() as children:
        assert [file.name for file in list_all([str(tmp_path)], False, children)] == [str(tmp_path / "a.parquet")]
        with pytest.raises(UsageError):
            list_all(["none"], False, children)
