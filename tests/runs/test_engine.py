"""What a job does when: shards that have to be fetched wait for room, their bytes go when they are done, and a unit is
done when nothing that it waits for is left.
"""

from __future__ import annotations

import io
import weakref
from pathlib import Path

import pytest
from msgspec.structs import replace

from provenance.errors import UsageError
from provenance.isolation.supervisor import Children
from provenance.isolation.tasks import Failed, Outcome
from provenance.matching.counts import Counts
from provenance.runs.engine import SHARDS_A_CHILD, OneTask, Watch, Work
from provenance.runs.listed import Job, Listed, list_all
from provenance.runs.scanning import ScanSteps
from provenance.shards.columns import Columns, TextPath
from provenance.shards.shard import Part
from provenance.units.cutting import units_of
from provenance.units.located import RESULT_SCHEMA
from provenance.units.messages import (
    Describe,
    DescribeAnswer,
    Digest,
    DigestAnswer,
    Fetch,
    FetchAnswer,
    Inspect,
    Scan,
    ScanAnswer,
    ScanWholeAnswer,
)
from provenance.units.payloads import to_payload

OBJECT = {"uri": "s3://bucket/a", "bytes": 1, "etag": None, "version": None, "modified": None, "sha256": None}
FETCHED = FetchAnswer("0", 1, None)
GONE = Failed("gone", "unreadable")
PART = Part(0, 0, 1, 1)
SCANNED = ScanAnswer(Counts(), 1, 0, 0.0, (), ())
MATCHES = bytes(to_payload(RESULT_SCHEMA.empty_table()))


def steps(name, slots, objects=()):
    job = Job(Listed(name, objects=objects, slots=slots), tuple(units_of(name, 1, "", slots, "terms")))
    return ScanSteps(job, Watch())


def described(parts):
    columns = Columns((TextPath("text", "text", ()),), None)
    return DescribeAnswer("parquet", 1, 1, 1, columns, (PART,) * parts, "x")


def answer(work, task, result, payload=b""):
    """Answer a task that is in the queue, whichever comes first."""
    if task in work.tasks:
        work.tasks.remove(task)
    return work.take(Outcome(task, result, payload))


def scanned(work, task):
    return answer(work, task, SCANNED, MATCHES)


def test_objects_wait_for_room_and_are_removed_when_all_of_them_is_scanned(tmp_path):
    names = [f"s3://bucket/{n}" for n in range(6)]
    work = Work([steps(name, 2, (OBJECT,)) for name in names], tmp_path / "scratch", 2)
    fetches = list(work.fetches)
    for fetch in fetches[:2]:
        assert work.has_room()
        Path(fetch.targets[0]).touch()
        assert not work.take(Outcome(fetch, FETCHED))
    assert not work.has_room()
    assert [type(task) for task in work.tasks] == [Describe, Describe]
    assert not answer(work, work.tasks[0], described(parts=2))
    assert [type(task) for task in work.tasks] == [Scan, Scan, Describe]
    first, second = list(work.tasks)[:2]
    assert {first.path, second.path} == {fetches[1].targets[0]}
    assert [done.unit.slot for done in scanned(work, second)] == [1]
    assert not work.has_room()
    assert [done.record["facts"]["sha256"] for done in scanned(work, first)] == ["0"]
    assert work.has_room()
    assert [path.name for path in (tmp_path / "scratch").iterdir()] == ["000000"]


def test_the_first_unit_waits_for_the_digest_of_its_shard_and_no_other_does(tmp_path):
    path = tmp_path / "a.parquet"
    path.touch()
    work = Work([steps(str(path), 3)], tmp_path / "scratch", 2)
    assert not answer(work, work.tasks[0], described(parts=3))
    first, digest, _, third = tuple(work.tasks)
    assert isinstance(digest, Digest)
    assert not scanned(work, first)
    assert [done.unit.slot for done in scanned(work, third)] == [2]
    finished = answer(work, digest, DigestAnswer("abc"))
    assert [(done.unit.slot, done.record["facts"]["sha256"]) for done in finished] == [(0, "abc")]


def test_a_digest_that_fails_is_a_problem_of_the_first_unit_whatever_comes_first(tmp_path):
    path = tmp_path / "a.parquet"
    path.touch()
    for late in (False, True):
        work = Work([steps(str(path), 2)], tmp_path / "scratch", 2)
        answer(work, work.tasks[0], described(parts=2))
        first, digest, second = tuple(work.tasks)
        done = [*scanned(work, first)]
        done += [*answer(work, digest, GONE), *scanned(work, second)][:: -1 if late else 1]
        assert {each.unit.slot: len(each.record["problems"]) for each in done} == {0: 1, 1: 0}


def test_a_shard_that_cannot_be_opened_finishes_all_its_units_with_the_reason(tmp_path):
    work = Work([steps(str(tmp_path / "gone.parquet"), 2)], tmp_path / "scratch", 2)
    done = answer(work, work.tasks[0], GONE)
    assert [[problem["reason"] for problem in each.record["problems"]] for each in done] == [["gone"], ["gone"]]


def test_a_unit_without_a_part_of_its_own_is_done_as_soon_as_the_shard_is_described(tmp_path):
    work = Work([steps(str(tmp_path / "a.parquet"), 4)], tmp_path / "scratch", 2)
    empty = answer(work, work.tasks[0], described(parts=1))
    assert len(empty) == 3
    assert all(done.record["rows_read"] == 0 and not done.table.num_rows for done in empty)


def test_an_answer_without_a_table_is_a_fault_and_no_match_is_not_claimed(tmp_path):
    work = Work([steps(str(tmp_path / "a.parquet"), 1)], tmp_path / "scratch", 2)
    answer(work, work.tasks[0], described(parts=1))
    (done,) = answer(work, work.tasks[0], SCANNED, b"no Arrow")
    assert [problem["kind"] for problem in done.record["problems"]] == ["fault"]


def test_matches_that_are_counted_and_do_not_come_are_a_fault(tmp_path):
    work = Work([steps(str(tmp_path / "a.parquet"), 1)], tmp_path / "scratch", 2)
    answer(work, work.tasks[0], described(parts=1))
    counted = replace(SCANNED, counts=Counts(documents=1, documents_matched=1))
    (done,) = answer(work, work.tasks[0], counted)
    (problem,) = done.record["problems"]
    assert problem["kind"] == "fault"
    assert "0 matches in 1 documents" in problem["reason"]


def small(folder):
    path = folder / "a.parquet"
    path.touch()
    return Work([steps(str(path), 1)], folder / "scratch", 2)


def test_a_small_shard_is_one_task_with_the_unit_that_three_give(tmp_path):
    work = small(tmp_path)
    (whole,) = work.tasks
    (at_once,) = answer(work, whole, ScanWholeAnswer(described(parts=1), "abc", SCANNED))
    work = small(tmp_path)
    answer(work, work.tasks[0], GONE)
    answer(work, work.tasks[0], described(parts=1))
    scan, digest = tuple(work.tasks)
    answer(work, digest, DigestAnswer("abc"))
    (by_itself,) = scanned(work, scan)
    assert at_once == by_itself


def test_what_is_wrong_with_a_small_shard_the_tasks_for_each_tell(tmp_path):
    work = small(tmp_path)
    (whole,) = work.tasks
    assert not answer(work, whole, Failed("something", "fault"))
    (describe,) = work.tasks
    assert describe == Describe(whole.shard, whole.path)
    assert not answer(work, describe, GONE)
    (digest,) = work.tasks
    (done,) = answer(work, digest, DigestAnswer("abc"))
    assert [problem["reason"] for problem in done.record["problems"]] == ["gone"]
    assert done.record["facts"] == {"sha256": "abc"}


def test_shards_are_begun_as_children_have_room_for_them_and_let_go_when_done(tmp_path):
    jobs = [OneTask(Listed(f"{n}"), lambda name, path: Inspect(name, str(path))) for n in range(100)]
    alive = [weakref.ref(job) for job in jobs]
    work = Work(iter(jobs), tmp_path / "scratch", 3)
    del jobs
    begun = []
    while work.tasks:
        assert len(work.tasks) <= 3 * SHARDS_A_CHILD
        begun.append(work.tasks[0].shard)
        assert len(answer(work, work.tasks[0], GONE)) == 1
        assert sum(job() is not None for job in alive) == len(alive) - len(begun)
    assert begun == [f"{n}" for n in range(100)]


@pytest.mark.parametrize("result", [FETCHED, Failed("no such object", "storage")])
def test_where_fetching_is_all_its_outcome_is_the_result_and_nothing_stays(tmp_path, result):
    work = Work([OneTask(Listed("s3://bucket/a", objects=(OBJECT,)), None)], tmp_path / "scratch", 1)
    (fetch,) = work.fetches
    if result is FETCHED:
        Path(fetch.targets[0]).touch()
    assert [outcome.answer for outcome in work.take(Outcome(fetch, result))] == [result]
    assert not work.tasks
    assert not list((tmp_path / "scratch").iterdir())


def test_an_object_that_could_not_be_fetched_is_not_looked_at(tmp_path):
    job = OneTask(Listed("s3://bucket/a", objects=(OBJECT,)), lambda name, path: Inspect(name, str(path)))
    work = Work([job], tmp_path / "scratch", 1)
    assert isinstance(work.fetches[0], Fetch)
    assert work.take(Outcome(work.fetches[0], GONE))
    assert not work.tasks


def test_a_session_without_a_binary_standard_input_can_scan(tmp_path, monkeypatch):
    """As in a notebook; only `-` needs one."""
    monkeypatch.setattr("sys.stdin", io.StringIO())
    (tmp_path / "a.parquet").write_bytes(b"x")
    with Children() as children:
        assert [file.name for file in list_all([str(tmp_path)], False, children, 1000)] == [str(tmp_path / "a.parquet")]
        with pytest.raises(UsageError):
            list_all(["none"], False, children, 1000)
