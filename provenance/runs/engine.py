"""Does a job on this machine: children do tasks with shards, which are fetched before and removed after where need be.

What is done with a shard, the *steps* of its kind of job say. One shard is finished before the next is begun, so that
what was done survives a kill, and fetched bytes do not pile up.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from msgspec import Struct, convert

from provenance.isolation.supervisor import FETCHER, STALL_SECONDS, Children, Crew, Role
from provenance.isolation.tasks import Outcome, Task
from provenance.runs.listed import FETCHERS, Listed
from provenance.storage.locations import RemoteObject
from provenance.units.messages import Fetch, FetchAnswer, FetcherHello

SHARDS_A_CHILD = 8  # that are begun, so that none waits for its next one where each takes a millisecond

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True)
class Watch:
    """Who wants to know how a run goes on."""

    on_planned: Callable[[int], None] = lambda text_bytes: None  # more bytes of text to scan, about; fewer if negative
    on_progress: Callable[[int, int], None] = lambda text_bytes, matches: None
    on_compiling: Callable[[], None] = lambda: None
    on_compiled: Callable[[float], None] = lambda seconds: None
    on_lost: Callable[[str], None] = lambda message: None  # a node of a cluster: where, and what happens now
    on_resumed: Callable[[int, int], None] = lambda done, units: None  # units that an earlier attempt left


@dataclass(frozen=True)
class Step(Generic[R_co]):
    """What follows from a task: more tasks with the same shard, and what is done now."""

    tasks: Sequence[Task] = ()
    results: Sequence[R_co] = ()


class Steps(Protocol[R_co]):
    """What a job does with one shard, which is done when no task is left."""

    @property
    def file(self) -> Listed:
        """The shard."""

    def begin(self, path: Path) -> Sequence[Task]:
        """The first tasks, now that the shard's bytes lie at `path`."""

    def take(self, outcome: Outcome) -> Step[R_co]:
        """What follows from a task's outcome, that of fetching the shard included."""


@dataclass(frozen=True)
class OneTask:
    """Steps of a single task, whose outcome is the result; so is that of a fetch that failed."""

    file: Listed
    task: Callable[[str, Path], Task] | None  # of name and place; None: fetching it is all

    def begin(self, path: Path) -> Sequence[Task]:
        """See Steps."""
        return [] if self.task is None else [self.task(self.file.name, path)]

    def take(self, outcome: Outcome) -> Step[Outcome]:
        """See Steps."""
        fetched = self.task is not None and isinstance(outcome.answer, FetchAnswer)
        return Step() if fetched else Step(results=[outcome])


@dataclass
class _Open(Generic[R]):
    """A shard under way."""

    steps: Steps[R]
    paths: list[Path]  # where its bytes lie, or will
    fetched: bool = False
    waiting: int = 0  # tasks that are not done


class Work(Generic[R]):
    """The tasks of a job: those that can be done now, and what has to be fetched, as far as there is room."""

    def __init__(self, jobs: Iterable[Steps[R]], scratch: Path, ahead: int) -> None:
        """Objects are fetched to `scratch`, which is made if there are any; at most `ahead` shards lie there."""
        self.tasks, self.fetches = deque[Task](), deque[Task]()
        self._ahead, self._lying = ahead, 0  # fetched shards
        self._shards: dict[str, _Open[R]] = {}
        self._here = deque[Steps[R]]()  # of shards that lie here and are not begun
        for number, steps in enumerate(jobs):
            if steps.file.objects:
                self.fetches.append(self._fetch(steps, scratch / f"{number:06}"))
            else:
                self._here.append(steps)
        if self.fetches:
            scratch.mkdir(parents=True, exist_ok=True)
        self._begin_more()

    def _begin_more(self) -> None:
        """Begin as many of the shards that lie here as keep all children busy."""
        while self._here and len(self.tasks) < self._ahead * SHARDS_A_CHILD:
            steps = self._here.popleft()
            shard = self._shards[steps.file.name] = _Open(steps, [Path(steps.file.name)])
            tasks = steps.begin(shard.paths[0])
            shard.waiting = len(tasks)
            self.tasks.extend(tasks)

    def _fetch(self, steps: Steps[R], stem: Path) -> Task:
        objects = tuple(convert(item, RemoteObject) for item in steps.file.objects)
        suffixes = (".bin", ".idx") if len(objects) > 1 else ("",)
        paths = [stem.with_name(stem.name + suffix) for suffix in suffixes]
        self._shards[steps.file.name] = _Open(steps, paths)
        return Fetch(steps.file.name, objects=objects, targets=tuple(map(str, paths)))

    def has_room(self) -> bool:
        """Whether another shard may be fetched."""
        return self._lying < self._ahead

    def take(self, outcome: Outcome) -> Sequence[R]:
        """Take the outcome of a task; returns what is done now."""
        name = outcome.task.shard
        shard = self._shards[name]
        step = shard.steps.take(outcome)
        tasks = list(step.tasks)
        if not isinstance(outcome.task, Fetch):
            shard.waiting -= 1
        elif isinstance(outcome.answer, FetchAnswer):
            shard.fetched, self._lying = True, self._lying + 1
            tasks += shard.steps.begin(shard.paths[0])
        shard.waiting += len(tasks)
        self.tasks.extendleft(reversed(tasks))
        if not shard.waiting:
            del self._shards[name]
            self._lying -= shard.fetched
            for path in shard.paths if shard.fetched else ():
                with suppress(OSError):
                    path.unlink()
        self._begin_more()
        return step.results


@dataclass(frozen=True)
class Means:
    """With what a job is done."""

    role: Role  # of the children that do it
    hello: Struct
    workers: int
    scratch: Path
    anonymous: bool = False
    payload: bytes = b""  # told with `hello`
    stall: float = STALL_SECONDS
    keep: bool = False  # children, for more jobs by the same means


def do(jobs: Iterable[Steps[R]], means: Means, pool: Children, watch: Watch | None = None) -> Generator[R]:
    """Do a job with every shard; results come as they are done. Closing the iterator ends the children.

    Steps that are done are let go: give `jobs` as they are made, where there are many.
    """
    work = Work(jobs, means.scratch, means.workers + 1)
    if not work.tasks and not work.fetches:
        return
    crews = [Crew(means.role, means.hello, work.tasks, means.workers, means.payload)]
    if work.fetches:
        size = min(FETCHERS, len(work.fetches))
        crews.append(Crew(FETCHER, FetcherHello(means.anonymous), work.fetches, size, has_room=work.has_room))
    watch = watch or Watch()
    running = pool.run(crews, lambda size: watch.on_progress(size, 0), watch.on_compiling, means.keep, means.stall)
    with closing(running) as outcomes:
        for outcome in outcomes:
            yield from work.take(outcome)
