"""The life of a child without any process: each event in each state, and what an end means."""

from __future__ import annotations

import pytest

from provenance.isolation.framing import encode
from provenance.isolation.states import MOVES, Event, Life, State
from provenance.isolation.tasks import Compiling, Failed, Loss, Outcome, Progress, Ready, Refused, Why
from provenance.units.messages import Describe, ScanWhole
from tests.isolation.actor import Act, Done, Part

TASK = Act("s", "path")


def finish_the_first_of_two(life: Life) -> None:
    """Give it a second task first, if it has one."""
    life.tasks.extend([TASK, TASK][len(life.tasks) :])
    life.finish()


HAPPENINGS = {
    Event.READY: Life.ready,
    Event.TASK: lambda life: life.give(TASK),
    Event.RESULT: Life.finish,
    Event.NEXT: finish_the_first_of_two,
    Event.GIVEN_UP: lambda life: life.give_up(Loss(Why.STALLED, "1")),
    Event.END: lambda life: life.end(-9),
}
LEADS_TO = {
    ("starting", "READY"): "idle",
    ("starting", "GIVEN_UP"): "leaving",
    ("starting", "END"): "gone",
    ("idle", "TASK"): "busy",
    ("idle", "GIVEN_UP"): "leaving",
    ("idle", "END"): "gone",
    ("busy", "TASK"): "busy",
    ("busy", "NEXT"): "busy",
    ("busy", "RESULT"): "idle",
    ("busy", "GIVEN_UP"): "leaving",
    ("busy", "END"): "gone",
    ("leaving", "END"): "gone",
}


def life_in(state: State) -> Life:
    """A child that came to a state in the ordinary way."""
    life = Life()
    if state is not State.STARTING:
        life.ready()
    if state in (State.BUSY, State.LEAVING):
        life.give(TASK)
    if state is State.LEAVING:
        life.give_up(Loss(Why.STALLED, "1"))
    if state is State.GONE:
        life.end(0)
    return life


@pytest.mark.parametrize("event", Event, ids=lambda event: event.name)
@pytest.mark.parametrize("state", State, ids=lambda state: state.value)
def test_every_event_leads_to_one_state_or_cannot_be(state, event):
    life = life_in(state)
    assert life.state is state
    expected = LEADS_TO.get((state.value, event.name))
    if expected is None:
        with pytest.raises(KeyError):
            HAPPENINGS[event](life)
    else:
        HAPPENINGS[event](life)
        assert life.state.value == expected


def test_every_state_is_reached_and_all_lives_end():
    reached = {State.STARTING} | {state for moves in MOVES.values() for state in moves.values()}
    assert reached == set(State)
    assert all(Event.END in moves for state, moves in MOVES.items() if state is not State.GONE)


def test_the_first_end_of_a_busy_child_has_its_task_done_again_and_the_second_fails_it():
    life = life_in(State.BUSY)
    (second,) = life.end(-9)
    assert second == Act("s", "path", again=True)
    life = Life()
    life.ready()
    life.give(second)
    (outcome,) = life.end(-9)
    assert outcome == Outcome(second, Failed("shard s: its worker process died twice (signal 9)", "worker died"))


def test_of_several_tasks_only_the_first_is_lost_with_the_child():
    life = life_in(State.BUSY)
    others = [Act(name, "path") for name in "tu"]
    for task in others:
        life.give(task)
    assert life.end(-9) == [Act("s", "path", again=True), *others]


def test_only_of_small_tasks_a_child_takes_several():
    small, large = ScanWhole("s", "path"), Describe("s", "path")
    assert small.second() == large, "what goes wrong with all at once is told by each task for itself"
    life = life_in(State.IDLE)
    assert life.takes(large)
    for _ in range(ScanWhole.ahead):
        assert life.takes(small)
        life.give(small)
    assert not life.takes(small)
    life.finish()
    assert life.takes(small)
    assert not life.takes(large)
    life = life_in(State.IDLE)
    life.give(large)
    assert not life.takes(small)


@pytest.mark.parametrize("state", [State.STARTING, State.IDLE])
def test_the_end_of_a_child_without_a_task_costs_nothing(state):
    assert life_in(state).end(-9) == []


def test_a_child_that_has_given_its_result_costs_nothing_when_it_ends():
    life = life_in(State.BUSY)
    assert life.finish() is TASK
    assert life.end(0) == []


@pytest.mark.parametrize(
    ("loss", "kind", "words"),
    [
        (Loss(Why.STALLED, "9"), "too slow", "nothing of it was done in 9 s, twice"),
        (Loss(Why.NONSENSE, "it is odd"), "worker died", "answer made no sense, twice (it is odd); please report this"),
        (None, "worker died", "its worker process died twice (status 4)"),
    ],
)
def test_the_reason_names_how_it_was_lost(loss, kind, words):
    life = Life()
    life.ready()
    life.give(Act("s", "path", again=True))
    if loss is not None:
        life.give_up(loss)
    (outcome,) = life.end(4)
    assert outcome.answer.error_kind == kind
    assert words in outcome.answer.error


SAID = (Ready(), Compiling(), Refused("no", "UsageError"), Progress(1), Failed("no", "fault"), Done(1, False), Part(1))
MAY_SAY = {
    State.STARTING: {Ready, Compiling, Refused},
    State.IDLE: {Compiling},
    State.BUSY: {Compiling, Progress, Failed, Done, Part},
}


@pytest.mark.parametrize("answer", SAID, ids=lambda answer: type(answer).__name__)
@pytest.mark.parametrize("state", MAY_SAY, ids=lambda state: state.value)
def test_what_a_child_may_say_depends_on_its_state(state, answer):
    life = life_in(state)
    if type(answer) in MAY_SAY[state]:
        assert life.understand(encode(answer)) == answer
    else:
        with pytest.raises(ValueError, match="kind"):
            life.understand(encode(answer))


def test_only_a_child_with_a_task_is_silent():
    assert [state for state in MAY_SAY if life_in(state).is_silent(-1)] == [State.BUSY]
    assert not life_in(State.BUSY).is_silent(60)
