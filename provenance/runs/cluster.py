"""Scans units on a Ray cluster: scanners on the nodes do what this machine would do, and keep units in the same ledger.

The driver hands out work, a little ahead of what is done, and gives to others what a lost scanner had in hand. Results
go through the ledger alone, so it has to lie where all nodes write and the driver reads.
"""

import contextlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from provenance._version import __version__
from provenance.errors import OutputError, UsageError, error_named, first_line
from provenance.runs.connection import ENDING_SECONDS, Head, RayError, connected, ray, within
from provenance.runs.engine import Watch
from provenance.runs.job_ledger import SavedUnit
from provenance.runs.ledger import Ledger
from provenance.runs.listed import Job
from provenance.runs.request import Request
from provenance.runs.scanner import Scanner
from provenance.runs.scanning import Setup, failed
from provenance.storage.locations import is_remote
from provenance.units.cutting import Unit

AHEAD = 2  # jobs that a scanner has, done or not: the next one waits there, so that it never waits for the driver
TRIES = 3  # of a job whose scanner was lost; then its units are not scanned, and named
MOST_LOSSES = 5  # of each scanner, with nothing done in between: then it is the cluster, not the shards
MOST_PIECES = 32  # that a shard is handed out in: each has to be described anew
LEAST_UNITS = 2  # of a piece


@dataclass
class Piece:
    """What is handed to a scanner at a time: some units of one shard; all, if it has to be fetched."""

    job: Job
    tries: int = 0


def scan_on_ray(ledger: Ledger, jobs: Sequence[Job], setup: Setup, request: Request) -> Iterator[SavedUnit]:
    """Scan the units of jobs on a cluster, with a scanner for each of its cores or as many as `workers`.

    Without an address a cluster of this machine is started, and ended. Raises UsageError for a cluster that cannot be
    reached or is open to others, what scanners raise, and OutputError where their units do not arrive here.
    """
    pieces = deque(_pieces(jobs))
    if not pieces:
        return
    hello, index, workers = setup.hello(), str(request.index), request.workers
    crew_hello = {
        **{name: getattr(hello, name) for name in ("config", "index_digest", "key")},
        "directory": str(Path.cwd()),
        "index": index if is_remote(index) else str(Path(index).absolute()),
        "decoys": list(request.decoys),
        "out": ledger.place if is_remote(ledger.place) else str(Path(ledger.place).absolute()),
        "limits": asdict(setup.limits),
        "anonymous": setup.anonymous,
    }
    setup.watch.on_planned(sum(unit.text_bytes for job in jobs for unit in job.units))
    with connected(request.ray_address, workers) as cores:
        crew = _Crew(crew_hello, min(workers or cores, len(pieces)), Head(ledger.place), setup.watch.on_lost)
        try:
            yield from _hand_out(ledger, pieces, crew, setup.watch)
        finally:
            crew.dismiss()


@dataclass
class _Crew:
    """The scanners, and what each has in hand."""

    hello: dict[str, Any]
    size: int
    head: Head
    on_lost: Callable[[str], None]
    in_hand: dict[Any, tuple[Any, Piece]] = field(default_factory=dict)  # by reference to the answer: who, what
    coming: dict[Any, Any] = field(default_factory=dict)  # scanners that have not been placed on a node yet
    scanners: list[Any] = field(default_factory=list)
    nodes: dict[int, tuple[str, str]] = field(default_factory=dict)  # by the id of a scanner's handle
    lossy: set[str] = field(default_factory=set)  # nodes that scanners were lost on, and that were named
    losses: int = 0  # one after another, with nothing done in between
    _kind: Any = None

    def __post_init__(self) -> None:
        self._kind = ray.remote(num_cpus=1, max_restarts=0, scheduling_strategy="SPREAD")(Scanner)
        for _ in range(self.size):
            self._call()

    def _call(self) -> None:
        """Have a scanner started as soon as a node has a core for it; until then it gets nothing to do."""
        scanner = self._kind.remote(self.hello)
        self.coming[scanner.here.remote()] = scanner

    def wait(self) -> list[Any]:
        """References to answers that are there; scanners that have come are put to work by the next `fill`."""
        self.head.look()
        ready = ray.wait([*self.in_hand, *self.coming], timeout=1.0)[0]
        for reference in ready:
            if reference in self.coming:
                scanner = self.coming.pop(reference)
                try:
                    self.nodes[id(scanner)] = ray.get(reference)
                    self.scanners.append(scanner)
                except RayError as error:
                    self._lose(error)
        return [reference for reference in ready if reference in self.in_hand]

    def fill(self, pieces: deque[Piece]) -> None:
        """Give to those that have least in hand, up to AHEAD each."""
        load = {id(scanner): 0 for scanner in self.scanners}
        for scanner, _ in self.in_hand.values():
            if id(scanner) in load:  # else it was lost, after it had answered
                load[id(scanner)] += 1
        for level in range(AHEAD):
            for scanner in self.scanners:
                if pieces and load[id(scanner)] <= level:
                    piece = pieces.popleft()
                    file, units = asdict(piece.job.file), [asdict(unit) for unit in piece.job.units]
                    self.in_hand[scanner.scan.remote(file, units)] = scanner, piece
                    load[id(scanner)] += 1

    def lost(self, scanner: Any, error: Exception) -> list[Piece]:  # noqa: ANN401  (Ray's handles have no type)
        """Replace a scanner that does not answer any more; returns what it had in hand, that which was under way first.

        Ray runs what a scanner is given in order. What was answered before it was lost stays in hand, and arrives.
        """
        mine = [reference for reference, (who, _) in self.in_hand.items() if who is scanner]
        pieces = [self.in_hand.pop(reference)[1] for reference in mine if not _is_answered(reference)]
        node, host = self.nodes[id(scanner)]
        if node not in self.lossy:  # else each core of a lost node would be told
            self.lossy.add(node)
            self.on_lost(f"node {host}, or a scanner on it, was lost: others do what it had in hand")
        self.scanners = [other for other in self.scanners if other is not scanner]
        _end([scanner], 0)  # it may live; nothing waits for its end
        self._lose(error)
        return pieces

    def _lose(self, error: Exception) -> None:
        self.losses += 1
        if self.losses > MOST_LOSSES * self.size:
            reason = first_line(error)
            raise UsageError(f"no scanner lives long enough to scan anything; the last one: {reason}") from error
        self._call()

    def dismiss(self) -> None:
        """End all scanners, and with them their processes."""
        if not self.head.lost:
            _end([*self.scanners, *self.coming.values()], ENDING_SECONDS)


def _is_answered(reference: Any) -> bool:  # noqa: ANN401  (see above)
    try:
        ray.get(reference, timeout=0)
    except RayError:
        return False
    return True


def _end(scanners: Sequence[Any], seconds: float) -> None:
    """Have scanners ended, and wait so long for it: Ray waits for a head node to do it."""

    def end() -> None:
        for scanner in scanners:
            with contextlib.suppress(RayError):
                ray.kill(scanner)

    with contextlib.suppress(TimeoutError):
        within(seconds, end)


def _hand_out(ledger: Ledger, pieces: deque[Piece], crew: _Crew, watch: Watch) -> Iterator[SavedUnit]:
    while pieces or crew.in_hand:
        crew.fill(pieces)
        for reference in crew.wait():
            if reference in crew.in_hand:  # else it was lost with another of the same scanner
                yield from _answered(ledger, reference, pieces, crew, watch)


def _answered(ledger: Ledger, reference: Any, pieces: deque[Piece], crew: _Crew, watch: Watch) -> Iterator[SavedUnit]:  # noqa: ANN401  (see above)
    scanner, piece = crew.in_hand[reference]
    try:
        answer = ray.get(reference)
    except RayError as error:
        yield from _lost(ledger, crew.lost(scanner, error), pieces, error)
        return
    del crew.in_hand[reference]
    crew.losses = 0
    if answer["version"] != __version__:
        raise UsageError(f"a node has provenance {answer['version']}, this is {__version__}: install the same on all")
    if "error" in answer:
        raise error_named(*answer["error"])
    watch.on_progress(answer["bytes"], answer["matches"])
    watch.on_compiled(answer["compile_seconds"])
    for unit in piece.job.units:
        yield _arrived(ledger, unit)


def _lost(ledger: Ledger, lost: list[Piece], pieces: deque[Piece], error: Exception) -> Iterator[SavedUnit]:
    """Hand out again what a lost scanner had; the piece that it was at is given up after so many TRIES."""
    for number, piece in enumerate(lost):
        piece.tries += number == 0
        if piece.tries < TRIES:
            pieces.appendleft(piece)
        else:
            yield from _given_up(ledger, piece, error)


def _arrived(ledger: Ledger, unit: Unit) -> SavedUnit:
    saved = ledger.read(unit)
    if saved is None:
        raise OutputError(
            f"a node has scanned a unit of {unit.shard}, but it did not arrive in {ledger.place}: --out must be a "
            "place that all nodes share, such as s3://bucket/run"
        )
    return saved


def _given_up(ledger: Ledger, piece: Piece, error: Exception) -> Iterator[SavedUnit]:
    """The units of a piece that took down one scanner after another."""
    reason = f"shard {piece.job.file.name}: {TRIES} scanners were lost with it ({first_line(error, 200)})"
    for unit in piece.job.units:
        if ledger.is_done(unit):
            yield _arrived(ledger, unit)
        else:
            yield from ledger.keep([failed(unit, "worker died", reason)])


def _pieces(jobs: Sequence[Job]) -> Iterator[Piece]:
    for job in jobs:
        size = len(job.units) if job.file.objects else max(LEAST_UNITS, -(-job.file.slots // MOST_PIECES))
        for begin in range(0, len(job.units), size):
            yield Piece(Job(job.file, job.units[begin : begin + size]))
