"""Real child processes that do as their tasks are called: what each fate of a child means for its task."""

from __future__ import annotations

import os
import signal
from collections import deque

import psutil
import pytest

from provenance.errors import ProvenanceError, UsageError, WorkersLostError
from provenance.isolation.supervisor import MOST_LOST, Children, Crew, Role
from provenance.isolation.tasks import Failed
from tests.isolation.actor import Act, Done, Hello, Part

ACTOR = Role("tests.isolation.actor")

pytestmark = pytest.mark.usefixtures("importable")


def run(*names, role=ACTOR, size=1, hello=None, payload=b"", **options):
    crew = Crew(role, hello or Hello(), deque(Act(name, name) for name in names), size, payload)
    with Children() as children:
        return list(children.run([crew], **options))


def reasons(outcomes):
    return {outcome.task.shard: outcome.answer.error for outcome in outcomes if isinstance(outcome.answer, Failed)}


def test_every_task_has_one_outcome_and_its_payload():
    progress = []
    outcomes = run(*"abcdef", size=2, payload=b"told", on_progress=progress.append)
    assert sorted(outcome.task.shard for outcome in outcomes) == list("abcdef")
    assert {bytes(outcome.payload) for outcome in outcomes} == {b"told"}
    assert progress == [5] * 6


def test_a_large_payload_arrives_whole():
    (outcome,) = run("large")
    assert bytes(outcome.payload) == bytes(range(256)) * (1 << 14)


def test_a_death_costs_its_task_after_a_second_try_and_no_other():
    outcomes = run("a", "die", "die once", "leave", "z")
    assert reasons(outcomes) == {
        "die": "shard die: its worker process died twice (signal 9)",
        "leave": "shard leave: its worker process died twice (status 3)",
    }
    again = {outcome.task.shard: outcome.answer.again for outcome in outcomes if isinstance(outcome.answer, Done)}
    assert again == {"a": False, "die once": True, "z": False}


def test_one_that_ran_out_of_memory_is_replaced_and_its_task_tried_again():
    before, swelled, after = run("a", "swell", "z")
    assert swelled.answer.again
    assert before.answer.pid != swelled.answer.pid == after.answer.pid


def test_one_that_tells_nothing_is_ended():
    outcomes = run("freeze", "z", stall=1.0)
    reason = "shard freeze: nothing of it was done in 1 s, twice: its worker process was ended; see --max-seconds"
    assert reasons(outcomes) == {"freeze": reason}
    assert [outcome.answer.error_kind for outcome in outcomes if isinstance(outcome.answer, Failed)] == ["too slow"]


def test_an_exception_is_an_answer_whatever_its_text_is():
    outcomes = run("fault", "z")
    assert reasons(outcomes) == {"fault": r"shard fault: KeyError: 'no \ud800 such'; please report this"}
    assert outcomes[0].answer.error_kind == "fault"


def test_what_is_said_before_the_result_comes_in_order():
    outcomes = run("parts")
    assert [(type(o.answer), bytes(o.payload)) for o in outcomes[:-1]] == [(Part, bytes([n])) for n in range(3)]
    assert isinstance(outcomes[-1].answer, Done)


def test_tasks_may_be_added_meanwhile():
    tasks = deque([Act("0", "")])
    with Children() as children:
        for count, _ in enumerate(children.run([Crew(ACTOR, Hello(), tasks, 1)]), 1):
            if count < 5:
                tasks.append(Act(str(count), ""))
    assert count == 5


def test_children_that_are_kept_serve_again():
    with Children() as children:
        pids = {
            outcome.answer.pid
            for _ in range(3)
            for outcome in children.run([Crew(ACTOR, Hello(), deque([Act("a", "")]), 1)], keep=True)
        }
        assert len(pids) == 1
    assert not psutil.pid_exists(*pids)


def test_closing_it_ends_every_child():
    others = set(psutil.Process().children())  # of other tests
    with Children() as children:
        outcomes = children.run([Crew(ACTOR, Hello(), deque([Act("a", ""), Act("freeze", "")]), 2)], keep=True)
        next(outcomes)
        running = set(psutil.Process().children()) - others
        assert len(running) == 2
        outcomes.close()
        assert not any(child.is_running() for child in running)


def test_one_crew_waits_until_there_is_room():
    taken = []
    tasks = deque([Act(str(number), "") for number in range(3)])
    crew = Crew(ACTOR, Hello(), tasks, 3, has_room=lambda: len(taken) + 1 > 3 - len(tasks))
    with Children() as children:
        for outcome in children.run([crew]):
            taken.append(outcome.task.shard)  # noqa: PERF401  (`has_room` looks at it meanwhile)
    assert taken == ["0", "1", "2"]


def test_a_refusal_is_the_error_that_the_child_met():
    with pytest.raises(UsageError, match="it does not want to"):
        run("a", hello=Hello("refuse"))


def test_one_that_exits_at_its_start_is_a_fault():
    with pytest.raises(ProvenanceError, match="ended with status 7 before it had a task: see its output above"):
        run("a", hello=Hello("exit"))


def test_a_few_that_are_killed_at_their_start_are_replaced():
    with Children(MOST_LOST, ACTOR) as children:
        for child in list(children._waiting):
            os.kill(child.process.pid, signal.SIGKILL)
        (outcome,) = children.run([Crew(ACTOR, Hello(), deque([Act("a", "")]), 1)])
    assert isinstance(outcome.answer, Done)


def test_when_all_are_killed_at_their_start_the_work_is_not_lost_and_not_ours():
    with pytest.raises(WorkersLostError, match=r"killed \(signal 9\) while they started") as lost:
        run("a", hello=Hello("die"))
    assert "what is done is kept, and the same command goes on from there" in str(lost.value)
    assert lost.value.exit_code == 3
