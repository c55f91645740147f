"""Scans units on a Ray cluster: scanners on the nodes do what this machine would do, and keep units in the same ledger.

The driver hands out work, a little ahead of what is done, and gives to others what a lost scanner had in hand. Results
go through the ledger alone, so it has to lie where all nodes write and the driver reads.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from provenance import errors
from provenance._version import __version__
from provenance.errors import ClusterLostError, LedgerDamagedError, OutputError, ProvenanceError, UsageError
from provenance.index import Index
from provenance.runs.background import no_background
from provenance.runs.config import ScanConfig, WorkerLimits
from provenance.runs.engine import Setup, Watch, scan_here
from provenance.runs.ledger import Kept, Ledger
from provenance.runs.listed import Listed
from provenance.runs.local import Children
from provenance.runs.located import RESULT_SCHEMA
from provenance.runs.near_index import near_index
from provenance.runs.plan import Job, failed_record
from provenance.runs.units import Unit
from provenance.sketch import Key
from provenance.storage.folders import open_folder

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anybody

try:
    ray: Any = import_module("ray")  # half of it has types, the other half has not
    RayError: type[Exception] = ray.exceptions.RayError
except ImportError as error:
    raise UsageError("--engine ray needs Ray: pip install 'provenance-scanner[ray]'") from error

AHEAD = 2  # jobs that a scanner has, done or not: the next one waits there, so that it never waits for the driver
TRIES = 3  # of a job whose scanner was lost; then its units are not scanned, and named
MOST_LOSSES = 5  # of each scanner, with nothing done in between: then it is the cluster, not the shards
MOST_PIECES = 32  # that a shard is handed out in: each has to be described anew
LEAST_UNITS = 2  # of a piece
KNOCK_SECONDS = 2.0  # between two looks whether the head node is still there
RAY_WAITS = "RAY_gcs_rpc_server_reconnect_timeout_s"
"""Environment variable: for so many seconds Ray waits for a head node; then it ends this process."""
HEAD_SECONDS = 30.0  # that the head node may be away; half of what Ray waits, if that is told
ENDING_SECONDS = 10.0  # for scanners to be ended, and again for the connection, or a cluster of this machine


@dataclass
class Piece:
    """What is handed to a scanner at a time: some units of one shard; all, if it has to be fetched."""

    job: Job
    tries: int = 0


class Scanner:
    """One core of a node. Its index is mapped, and so shared by all scanners of the node."""

    def __init__(self, told: dict[str, Any]) -> None:
        self._scratch = tempfile.TemporaryDirectory(prefix="provenance-")
        self._pool = Children()
        self._told = told
        self._setup: Setup | None = None
        self._ledger: Ledger | None = None

    def here(self) -> str:
        """The node it was placed on."""
        return socket.gethostname()

    def scan(self, file: dict[str, Any], units: list[dict[str, Any]]) -> dict[str, Any]:
        """Scan units of one shard that are not in the ledger yet; tells what went wrong as JSON, not as an object."""
        done: dict[str, Any] = {"bytes": 0, "matches": 0, "compile_seconds": 0.0, "version": __version__}

        def on_compiled(seconds: float) -> None:
            done["compile_seconds"] = max(done["compile_seconds"], seconds)

        try:
            ledger, setup = self._opened()
            left = [unit for unit in (Unit(**told) for told in units) if not _is_kept(ledger, unit)]
            listed = Listed(**{**file, "objects": tuple(file["objects"])})
            watched = Setup(**{**setup.__dict__, "watch": Watch(on_compiled=on_compiled)})
            for kept in scan_here(ledger, [Job(listed, tuple(left))], watched, self._pool):
                done["bytes"] += kept.record["counts"]["text_bytes"]
                done["matches"] += kept.matches.num_rows
        except ProvenanceError as error:
            done["error"] = [type(error).__name__, f"on node {socket.gethostname()}: {error}"]
        return done

    def _opened(self) -> tuple[Ledger, Setup]:
        if self._setup is None or self._ledger is None:
            told = self._told
            key = Key(told["seed"], told["key_id"])
            config = ScanConfig.from_json(told["config"])
            index = Index(near_index(told["index"], told["anonymous"]), key, config.scale)
            if index.digest != told["index_digest"]:
                raise UsageError(f"index {told['index']} is another one here: {index.digest}")
            index.verify()
            self._ledger = Ledger(open_folder(told["out"]))
            self._setup = Setup(
                index, config, WorkerLimits(**told["limits"]), Path(self._scratch.name), told["anonymous"], 1,
                self._ledger.background(no_background), keep_workers=True,
            )  # fmt: skip
        return self._ledger, self._setup


def scan_on_ray(
    ledger: Ledger, jobs: Sequence[Job], setup: Setup, index: str, address: str | None, workers: int | None
) -> Iterator[Kept]:
    """Scan the units of jobs on a cluster, with a scanner for each of its cores or as many as `workers`.

    Without an address a cluster of this machine is started, and ended. Raises UsageError for a cluster that cannot be
    reached or is open to others, what scanners raise, and OutputError where their units do not arrive here.
    """
    pieces = deque(_pieces(jobs))
    if not pieces:
        return
    local = not ledger.place.startswith(("s3://", "gs://", "abfss://", "az://"))
    told = {
        **{
            name: value for name, value in setup.hello().items() if name in ("config", "index_digest", "seed", "key_id")
        },
        "index": index if "://" in index else str(setup.index.folder.absolute()),
        "out": str(Path(ledger.place).absolute()) if local else ledger.place,
        "limits": asdict(setup.limits),
        "anonymous": setup.anonymous,
    }
    setup.watch.on_planned(sum(unit.text_bytes for job in jobs for unit in job.units))
    # Ray tells of lost nodes on standard output, which is for results
    with contextlib.redirect_stdout(sys.stderr), _cluster(address, workers) as cores:
        crew = _Crew(told, min(workers or cores, len(pieces)), _Head(ledger.place))
        try:
            yield from _hand_out(ledger, pieces, crew, setup.watch)
        finally:
            crew.dismiss()


@dataclass
class _Head:
    """The node that holds the cluster together. Without it no lost scanner is replaced, and Ray ends the driver."""

    place: str  # where done units are kept
    address: str = field(default_factory=lambda: str(ray.get_runtime_context().gcs_address))
    most_seconds: float = field(default_factory=lambda: min(HEAD_SECONDS, _ray_waits() / 2))
    lost: bool = False
    _looked: float = field(default_factory=time.monotonic)
    _seen: float = field(default_factory=time.monotonic)

    def look(self) -> None:
        """Raise ClusterLostError when it has been away for too long."""
        if time.monotonic() < self._looked + KNOCK_SECONDS:
            return
        try:
            _knock(self.address, KNOCK_SECONDS)
            self._seen = time.monotonic()
        except OSError as error:
            away = time.monotonic() - self._seen
            if away > self.most_seconds:
                self.lost = True
                raise ClusterLostError(
                    f"the head node of the Ray cluster ({self.address}) has not answered for {away:.0f} s: {error}; "
                    f"what is done is kept in {self.place}: start a cluster, and the same command goes on there"
                ) from error
        self._looked = time.monotonic()


def _ray_waits() -> float:
    try:
        return float(os.environ.get(RAY_WAITS, ""))
    except ValueError:
        return 2 * HEAD_SECONDS


@dataclass
class _Crew:
    """The scanners, and what each has in hand."""

    told: dict[str, Any]
    size: int
    head: _Head
    in_hand: dict[Any, tuple[Any, Piece]] = field(default_factory=dict)  # by reference to the answer: who, what
    coming: dict[Any, Any] = field(default_factory=dict)  # scanners that have not been placed on a node yet
    scanners: list[Any] = field(default_factory=list)
    losses: int = 0  # one after another, with nothing done in between
    _kind: Any = None

    def __post_init__(self) -> None:
        self._kind = ray.remote(num_cpus=1, max_restarts=0, scheduling_strategy="SPREAD")(Scanner)
        for _ in range(self.size):
            self._call()

    def _call(self) -> None:
        """Have a scanner started as soon as a node has a core for it; until then it gets nothing to do."""
        scanner = self._kind.remote(self.told)
        self.coming[scanner.here.remote()] = scanner

    def wait(self) -> list[Any]:
        """References to answers that are there; scanners that have come are put to work by the next `fill`."""
        self.head.look()
        ready = ray.wait([*self.in_hand, *self.coming], timeout=1.0)[0]
        for reference in ready:
            if reference in self.coming:
                scanner = self.coming.pop(reference)
                try:
                    ray.get(reference)
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
        self.scanners = [other for other in self.scanners if other is not scanner]
        _end([scanner], 0)  # it may live; nothing waits for its end
        self._lose(error)
        return pieces

    def _lose(self, error: Exception) -> None:
        self.losses += 1
        if self.losses > MOST_LOSSES * self.size:
            told = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
            raise UsageError(f"no scanner lives long enough to scan anything; the last one: {told}") from error
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

    _within(seconds, end)


def _within(seconds: float, what: Callable[[], object]) -> None:
    """Do something that may never return, and wait for it so long."""
    thread = threading.Thread(target=what, daemon=True)
    thread.start()
    thread.join(seconds)


def _hand_out(ledger: Ledger, pieces: deque[Piece], crew: _Crew, watch: Watch) -> Iterator[Kept]:
    while pieces or crew.in_hand:
        crew.fill(pieces)
        for reference in crew.wait():
            if reference not in crew.in_hand:
                continue
            scanner, piece = crew.in_hand[reference]
            try:
                answer = ray.get(reference)
            except RayError as error:
                for number, other in enumerate(crew.lost(scanner, error)):
                    other.tries += number == 0
                    if other.tries < TRIES:
                        pieces.appendleft(other)
                    else:
                        yield from _given_up(ledger, other, error)
                continue
            del crew.in_hand[reference]
            crew.losses = 0
            _check(answer)
            watch.on_progress(answer["bytes"], answer["matches"])
            watch.on_compiled(answer["compile_seconds"])
            for unit in piece.job.units:
                yield _arrived(ledger, unit)


def _check(answer: dict[str, Any]) -> None:
    """Raise what a scanner met."""
    if answer["version"] != __version__:
        raise UsageError(f"a node has provenance {answer['version']}, this is {__version__}: install the same on all")
    if "error" in answer:
        name, told = answer["error"]
        kind = getattr(errors, name, ProvenanceError)
        raise kind(told)


def _arrived(ledger: Ledger, unit: Unit) -> Kept:
    kept = ledger.read(unit)
    if kept is None:
        raise OutputError(
            f"a node has scanned a unit of {unit.shard}, but it did not arrive in {ledger.place}: --out must be a "
            "place that all nodes share, such as s3://bucket/run"
        )
    return kept


def _given_up(ledger: Ledger, piece: Piece, error: Exception) -> Iterator[Kept]:
    """The units of a piece that took down one scanner after another."""
    shard = piece.job.file.name
    reason = f"shard {shard}: {TRIES} scanners were lost with it ({(str(error).splitlines() or ['?'])[0][:200]})"
    for unit in piece.job.units:
        if _is_kept(ledger, unit):
            yield _arrived(ledger, unit)
        else:
            yield ledger.keep(unit, failed_record(shard, "worker died", reason), RESULT_SCHEMA.empty_table())


def _is_kept(ledger: Ledger, unit: Unit) -> bool:
    try:
        kept = ledger.read(unit)
    except LedgerDamagedError:
        return False
    return kept is not None and kept.whole


def _pieces(jobs: Sequence[Job]) -> Iterator[Piece]:
    for job in jobs:
        size = len(job.units) if job.file.objects else max(LEAST_UNITS, -(-job.file.slots // MOST_PIECES))
        for begin in range(0, len(job.units), size):
            yield Piece(Job(job.file, job.units[begin : begin + size]))


@contextlib.contextmanager
def _cluster(address: str | None, workers: int | None) -> Iterator[int]:
    """Connect to a cluster, or start one of this machine; its number of cores."""
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR", "configure_logging": False}
    try:
        if address is None:
            here = {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
            context = ray.init(address="local", num_cpus=workers, **here, **quiet)
        else:
            _knock(address)
            context = ray.init(address=address, **quiet)
    except (OSError, RuntimeError, ValueError, RayError) as error:
        told = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UsageError(f"no Ray cluster at {address or 'this machine'}: {told}") from error
    seconds = ENDING_SECONDS
    try:
        refuse_open_dashboard(str(context.dashboard_url or ""))
        yield max(1, int(ray.cluster_resources().get("CPU", 1)))
    except ClusterLostError:
        seconds = 1.0  # nobody is there to take leave of
        raise
    finally:
        _within(seconds, ray.shutdown)


def _knock(address: str, seconds: float = 10) -> None:
    """Raise OSError where nobody listens: Ray would try for minutes."""
    place = urlsplit(address if "//" in address else f"//{address}")
    if place.hostname and place.port:
        socket.create_connection((place.hostname, place.port), timeout=seconds).close()


def refuse_open_dashboard(url: str) -> None:
    """Raise UsageError if whoever reaches the dashboard at `url` could run code on the cluster, and with our data.

    Ray's dashboard starts jobs for anybody unless it asks for a token (CVE-2023-48022); on the loopback only users of
    that machine reach it.
    """
    host = urlsplit(url if "//" in url else f"//{url}").hostname or ""
    if not host or host == "localhost" or host.startswith("127.") or host == "::1":
        return
    if os.environ.get("RAY_AUTH_MODE", "").lower() == "token":
        return
    raise UsageError(
        f"the dashboard of the Ray cluster listens on {host} and asks nobody for a token, so anyone there can run code "
        "on it: start the cluster with --dashboard-host 127.0.0.1, or with RAY_AUTH_MODE=token here and on all nodes"
    )
