"""Does a job on a Ray cluster: actors on the nodes do what this machine would do, and keep units in the same ledger.

The driver hands out work, a little ahead of what is done, and gives to others what a lost actor had in hand. Results go
through the ledger alone, so it has to lie where all nodes write and the driver reads.
"""

import contextlib
import os
import socket
import tempfile
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from provenance._version import __version__
from provenance.errors import OutputError, ProvenanceError, UsageError, error_named, first_line
from provenance.isolation.supervisor import Children
from provenance.runs.connection import ENDING_SECONDS, Head, RayError, connected, ray, within
from provenance.runs.job_ledger import JobLedger, SavedUnit
from provenance.storage.locations import is_remote
from provenance.units.cutting import Unit

AHEAD = 2  # pieces that an actor has, done or not: the next one waits there, so that it never waits for the driver
TRIES = 3  # of a piece whose actor was lost; then its units are not done, and named
MOST_LOSSES = 5  # of each actor, with nothing done in between: then it is the cluster, not the shards

R = TypeVar("R")


class Actor:
    """One core of a node, which keeps what it did in the ledger; its kind of job says what it does with a piece."""

    noun: ClassVar[str]  # for people

    def __init__(self, hello: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):
            os.chdir(hello["directory"])  # names of shards are meant from there; where it is not, they cannot be found
        self.scratch = tempfile.TemporaryDirectory(prefix="provenance-")
        self.pool = Children()
        self.hello = hello

    def here(self) -> tuple[str, str]:
        """The node it was placed on: Ray's name for it, and people's."""
        return ray.get_runtime_context().get_node_id(), socket.gethostname()

    def do(self, *words: Any) -> dict[str, Any]:
        """Do a piece, but for units that are in the ledger; tells what went wrong as JSON, not as an object."""
        try:
            answer = self.piece(*words)
        except ProvenanceError as error:
            answer = {"error": [type(error).__name__, f"on node {socket.gethostname()}: {error}"]}
        return {**answer, "version": __version__}

    def piece(self, *words: Any) -> dict[str, Any]:
        """Do a piece; returns plain values, with `failure` the reason why its units are not done."""
        raise NotImplementedError


@dataclass
class Piece:
    """What is handed to an actor at a time: some units of one shard."""

    units: Sequence[Unit]
    words: Callable[[], tuple[Any, ...]]  # what the actor is given: plain values, made when it is
    tries: int = 0


@dataclass(frozen=True)
class ClusterJob(Generic[R]):
    """A job as a cluster does it."""

    actor: type[Actor]
    hello: dict[str, Any]  # plain values that every actor is told first
    ledger: JobLedger
    pieces: deque[Piece]
    done: Callable[[SavedUnit], R]
    failed: Callable[[Unit, str], R]  # of a unit that cannot be done, and the reason
    on_answer: Callable[[dict[str, Any]], None] = lambda answer: None

    def results(self, piece: Piece, failure: str | None) -> Iterator[R]:
        """What became of the units of a piece; raises OutputError for what is done, and did not arrive."""
        for unit in piece.units:
            if failure and not self.ledger.is_done(unit):
                yield self.failed(unit, failure)
            elif (saved := self.ledger.read(unit)) is not None:
                yield self.done(saved)
            else:
                raise OutputError(
                    f"a node has done a unit of {unit.shard}, but it did not arrive in {self.ledger.place}: --out must "
                    "be a place that all nodes share, such as s3://bucket/run"
                )


def everywhere(place: str | Path) -> str:
    """A place by a name that does not depend on where a process is."""
    return str(place) if is_remote(str(place)) else str(Path(place).absolute())


def do_on_ray(
    job: ClusterJob[R], workers: int | None, address: str | None, on_lost: Callable[[str], None]
) -> Generator[R]:
    """Do a job on a cluster, with an actor for each of its cores or as many as `workers`.

    Without an address a cluster of this machine is started, and ended. Raises UsageError for a cluster that cannot be
    reached or is open to others, what actors raise, and OutputError where their units do not arrive here.
    """
    if not job.pieces:
        return
    hello = {**job.hello, "directory": str(Path.cwd())}
    with connected(address, workers) as cores:
        size = min(workers or cores, len(job.pieces))
        crew = _Crew(job.actor, hello, size, Head(job.ledger.place), on_lost)
        try:
            while job.pieces or crew.in_hand:
                crew.fill(job.pieces)
                for reference in crew.wait():
                    yield from _answered(job, reference, crew)
        finally:
            crew.dismiss()


@dataclass
class _Crew:
    """The actors, and what each has in hand."""

    actor: type[Actor]
    hello: dict[str, Any]
    size: int
    head: Head
    on_lost: Callable[[str], None]
    in_hand: dict[Any, tuple[Any, Piece]] = field(default_factory=dict)  # by reference to the answer: who, what
    coming: dict[Any, Any] = field(default_factory=dict)  # actors that have not been placed on a node yet
    actors: list[Any] = field(default_factory=list)
    nodes: dict[int, tuple[str, str]] = field(default_factory=dict)  # by the id of an actor's handle
    lossy: set[str] = field(default_factory=set)  # nodes that actors were lost on, and that were named
    losses: int = 0  # one after another, with nothing done in between
    _kind: Any = None

    def __post_init__(self) -> None:
        self._kind = ray.remote(num_cpus=1, max_restarts=0, scheduling_strategy="SPREAD")(self.actor)
        for _ in range(self.size):
            self._call()

    def _call(self) -> None:
        """Have an actor started as soon as a node has a core for it; until then it gets nothing to do."""
        actor = self._kind.remote(self.hello)
        self.coming[actor.here.remote()] = actor

    def wait(self) -> list[Any]:
        """References to answers that are there; actors that have come are put to work by the next `fill`."""
        self.head.look()
        ready = ray.wait([*self.in_hand, *self.coming], timeout=1.0)[0]
        for reference in ready:
            if reference in self.coming:
                actor = self.coming.pop(reference)
                try:
                    self.nodes[id(actor)] = ray.get(reference)
                    self.actors.append(actor)
                except RayError as error:
                    self._lose(error)
        return [reference for reference in ready if reference in self.in_hand]

    def fill(self, pieces: deque[Piece]) -> None:
        """Give to those that have least in hand, up to AHEAD each."""
        load = {id(actor): 0 for actor in self.actors}
        for actor, _ in self.in_hand.values():
            if id(actor) in load:  # else it was lost, after it had answered
                load[id(actor)] += 1
        for level in range(AHEAD):
            for actor in self.actors:
                if pieces and load[id(actor)] <= level:
                    piece = pieces.popleft()
                    self.in_hand[actor.do.remote(*piece.words())] = actor, piece
                    load[id(actor)] += 1

    def lost(self, actor: Any, error: Exception) -> list[Piece]:  # noqa: ANN401  (Ray's handles have no type)
        """Replace an actor that does not answer any more; returns what it had in hand, that which was under way first.

        Ray runs what an actor is given in order. What was answered before it was lost stays in hand, and arrives.
        """
        mine = [reference for reference, (who, _) in self.in_hand.items() if who is actor]
        pieces = [self.in_hand.pop(reference)[1] for reference in mine if not _is_answered(reference)]
        node, host = self.nodes[id(actor)]
        if node not in self.lossy:  # else each core of a lost node would be told
            self.lossy.add(node)
            self.on_lost(f"node {host}, or a {self.actor.noun} on it, was lost: others do what it had in hand")
        self.actors = [other for other in self.actors if other is not actor]
        _end([actor], 0)  # it may live; nothing waits for its end
        self._lose(error)
        return pieces

    def _lose(self, error: Exception) -> None:
        self.losses += 1
        if self.losses > MOST_LOSSES * self.size:
            what = f"no {self.actor.noun} lives long enough to get anything done"
            raise UsageError(f"{what}; the last one: {first_line(error)}") from error
        self._call()

    def dismiss(self) -> None:
        """End all actors, and with them their processes."""
        if not self.head.lost:
            _end([*self.actors, *self.coming.values()], ENDING_SECONDS)


def _is_answered(reference: Any) -> bool:  # noqa: ANN401  (see above)
    try:
        ray.get(reference, timeout=0)
    except RayError:
        return False
    return True


def _end(actors: Sequence[Any], seconds: float) -> None:
    """Have actors ended, and wait so long for it: Ray waits for a head node to do it."""

    def end() -> None:
        for actor in actors:
            with contextlib.suppress(RayError):
                ray.kill(actor)

    with contextlib.suppress(TimeoutError):
        within(seconds, end)


def _answered(job: ClusterJob[R], reference: Any, crew: _Crew) -> Iterator[R]:  # noqa: ANN401  (see above)
    if reference not in crew.in_hand:
        return  # it was lost with another of the same actor
    actor, piece = crew.in_hand[reference]
    try:
        answer = ray.get(reference)
    except RayError as error:
        yield from _lost(job, crew.lost(actor, error), error)
        return
    del crew.in_hand[reference]
    crew.losses = 0
    if answer["version"] != __version__:
        raise UsageError(f"a node has provenance {answer['version']}, this is {__version__}: install the same on all")
    if "error" in answer:
        raise error_named(*answer["error"])
    job.on_answer(answer)
    yield from job.results(piece, answer.get("failure"))


def _lost(job: ClusterJob[R], lost: list[Piece], error: Exception) -> Iterator[R]:
    """Hand out again what a lost actor had; the piece that it was at is given up after so many TRIES."""
    for number, piece in enumerate(lost):
        piece.tries += number == 0
        if piece.tries < TRIES:
            job.pieces.appendleft(piece)
        else:
            what = f"{TRIES} {job.actor.noun}s were lost with it ({first_line(error, 200)})"
            yield from job.results(piece, f"shard {piece.units[0].shard}: {what}")
