"""One scan, from arguments to a run database, or one task's share of it: plan, scan what is left, load, sum up.

All that is done stands in the ledger, so the same call goes on where an earlier one stopped; the database is made of
the ledger.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from provenance.building import add_to_index
from provenance.errors import InterruptedRun, LedgerDamagedError, ProvenanceError, StoreError
from provenance.index import Index
from provenance.runs.attempts import Attempt, noted
from provenance.runs.background import learn
from provenance.runs.collect import Loader, database_of, finish, is_whole
from provenance.runs.config import ScanConfig, WorkerLimits, check_workers
from provenance.runs.engine import Setup, Watch, scan_here
from provenance.runs.ledger import RUN, Kept, Ledger
from provenance.runs.listed import Listed, list_all
from provenance.runs.local import Children
from provenance.runs.lock import held
from provenance.runs.near_index import near_index
from provenance.runs.plan import Job, jobs_of
from provenance.runs.record import ScanSummary, load_editions, summarize
from provenance.runs.terms import Terms, make_terms
from provenance.runs.units import Share, Unit
from provenance.sketch import Key
from provenance.storage.folders import Folder, LocalFolder, open_folder
from provenance.store.database import RunReader, RunWriter, check_place

UNITS_SUFFIX = ".units"  # of the folder beside a run database that the run is resumed from


@dataclass(frozen=True)
class Request:
    """What is to be scanned, for what, how."""

    shards: tuple[str, ...]
    index: str | Path
    config: ScanConfig = field(default_factory=ScanConfig)
    workers: int = 1
    limits: WorkerLimits = field(default_factory=WorkerLimits)
    key: Key | None = None
    background: tuple[str, ...] = ()
    decoys: tuple[str, ...] = ()
    anonymous: bool = False
    scratch: Path | None = None
    engine: str = "local"  # or `ray`
    ray_address: str | None = None
    asked_workers: int | None = None  # before it was known how many cores there are


@dataclass(frozen=True)
class ShareSummary:
    """What a task did of its share of a run."""

    out: str
    task: str
    units: int  # of its share
    found: int  # of them were done before
    incomplete: list[dict[str, Any]]  # problems that kept units from being whole
    seconds: float

    @property
    def complete(self) -> bool:
        """Whether all units of the share are whole, row by row."""
        return not self.incomplete

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**self.__dict__, "complete": self.complete}


def scan(
    shards: Sequence[str | Path],
    index: str | Path,
    db: str | Path,
    *,
    out: str | Path | None = None,
    config: ScanConfig | None = None,
    workers: int | None = None,
    limits: WorkerLimits | None = None,
    key: Key | None = None,
    overwrite: bool = False,
    background: Sequence[str | Path] = (),
    decoys: Sequence[str | Path] = (),
    anonymous: bool = False,
    scratch: str | Path | None = None,
    engine: str = "local",
    ray_address: str | None = None,
    children: Children | None = None,
    watch: Watch | None = None,
) -> ScanSummary:
    """Scan shards (files, directories, globs, objects of stores, lists of these) and write a run database.

    Every unit that is done is kept in `out`, a folder or prefix of objects, by default `DB.units`: the same call goes
    on where an earlier one stopped, and scans units again that could not be read; with nothing left to do it only reads
    the database. With `overwrite` it begins anew. Objects are fetched whole into `scratch`, by default beside `db`,
    with the credentials of the environment or, with `anonymous`, none. Fingerprints of the index that are common in
    `background`, ordinary text, are discounted. `decoys` are books that cannot be in the shards; they are scanned for
    beside those of the index, and how many match is in the record of the run. The result does not depend on `workers`,
    `engine`, or how often it was interrupted. `children` are worker processes that start already.

    Raises UsageError and its kind for arguments that cannot work, OtherRunError where `out` belongs to a run on other
    terms or one under way, IndexDamagedError for a damaged index, BookError for decoys and ShardError for background
    that cannot be read, InterruptedRun after Ctrl-C or SIGTERM; what cannot be read of a shard is no error but an
    exception in the result.
    """
    request = Request(
        tuple(map(str, shards)), index, config or ScanConfig(), check_workers(workers), limits or WorkerLimits(), key,
        tuple(map(str, background)), tuple(map(str, decoys)), anonymous,
        None if scratch is None else Path(scratch), engine, ray_address, workers,
    )  # fmt: skip
    path = Path(db)
    check_place(path)
    with children or Children() as pool, ExitStack() as stack:
        run = stack.enter_context(_opened(request, out or f"{db}{UNITS_SUFFIX}", path, overwrite, pool))
        if database_of(path, run.terms.digest) and not overwrite and is_whole(path, run.listed, run.terms.digest):
            run.attempt.note("finished")  # else it would read as killed
            with RunReader(path) as reader:
                return summarize(reader, path)
        if path.exists() and not overwrite and not (run.resumed or database_of(path, run.terms.digest)):
            raise StoreError(f"{path} exists: choose another --db, or pass --overwrite to replace it")
        writer = RunWriter(path, overwrite or bool(database_of(path, run.terms.digest)))
        try:
            load_editions(writer, run.ledger.editions())
            loader, names = Loader(writer, run.listed), run.ledger.unit_names()
            units = [unit for file in run.listed for unit in file.units(run.terms.digest)]
            left = [unit for unit in units if not loader.take(unit, run.ledger, names, only_whole=True)]
            for kept in run.scan(left, len(units), pool, watch or Watch()):
                loader.add(kept)
            run.attempt.note("finished")
            return finish(loader, run.ledger, path)
        except BaseException:
            writer.abandon()
            raise


def scan_share(
    shards: Sequence[str | Path],
    index: str | Path,
    out: str | Path,
    share: Share | None = None,
    *,
    config: ScanConfig | None = None,
    workers: int | None = None,
    limits: WorkerLimits | None = None,
    key: Key | None = None,
    overwrite: bool = False,
    background: Sequence[str | Path] = (),
    decoys: Sequence[str | Path] = (),
    anonymous: bool = False,
    scratch: str | Path | None = None,
    engine: str = "local",
    ray_address: str | None = None,
    children: Children | None = None,
    watch: Watch | None = None,
) -> ShareSummary:
    """Scan one task's share of the units into `out`, from which `collect` makes a run database; see `scan`.

    The first task lists the shards; the others scan what it listed. Tasks need not know of one another, may run
    together or in any order, twice, and in another number the next time.
    """
    share = share or Share(1, 1)
    request = Request(
        tuple(map(str, shards)), index, config or ScanConfig(), check_workers(workers), limits or WorkerLimits(), key,
        tuple(map(str, background)), tuple(map(str, decoys)), anonymous,
        None if scratch is None else Path(scratch), engine, ray_address, workers,
    )  # fmt: skip
    with children or Children() as pool, _opened(request, out, None, overwrite, pool, share) as run:
        units = share.of(unit for file in run.listed for unit in file.units(run.terms.digest))
        names = run.ledger.unit_names()
        left = [unit for unit in units if not _is_whole(run.ledger, unit, names)]
        problems: list[dict[str, Any]] = []
        for kept in run.scan(left, len(units), pool, watch or Watch()):
            problems += kept.record["problems"]
        run.attempt.note("finished")
        seconds = run.attempt.seconds
    return ShareSummary(run.ledger.place, str(share), len(units), len(units) - len(left), problems, round(seconds, 3))


@dataclass
class _Run:
    """A run that was begun or taken up."""

    ledger: Ledger
    terms: Terms
    listed: list[Listed]
    setup: Setup
    attempt: Attempt
    request: Request
    resumed: bool

    def scan(self, left: Sequence[Unit], units: int, pool: Children, watch: Watch) -> Iterator[Kept]:
        """Scan the units that are left, by whatever engine."""
        self.attempt.found = units - len(left)
        if self.attempt.found:
            watch.on_resumed(self.attempt.found, units)

        def on_compiled(seconds: float) -> None:
            self.attempt.compile_seconds = max(self.attempt.compile_seconds, seconds)

        jobs = jobs_of(self.listed, left)
        setup = replace(self.setup, watch=replace(watch, on_compiled=on_compiled))
        try:
            for kept in self._engine(jobs, setup, pool):
                self.attempt.units += 1
                yield kept
        except KeyboardInterrupt:
            raise InterruptedRun(
                f"interrupted: {self.attempt.found + self.attempt.units:,} of {units:,} units are done and kept in "
                f"{self.ledger.place}; the same command goes on from there"
            ) from None

    def _engine(self, jobs: Sequence[Job], setup: Setup, pool: Children) -> Iterator[Kept]:
        if self.request.engine == "local":
            return scan_here(self.ledger, jobs, setup, pool)
        from provenance.runs.cluster import scan_on_ray

        request = self.request
        index = str(self.setup.index.folder if request.decoys else request.index)
        return scan_on_ray(self.ledger, jobs, setup, index, request.ray_address, request.asked_workers)


@contextmanager
def _opened(
    request: Request,
    out: str | Path,
    db: Path | None,
    overwrite: bool,
    pool: Children,
    share: Share | None = None,
) -> Iterator[_Run]:
    """Begin a run, or take up the one that is there: nothing is written before the arguments are known to be good."""
    index = near_index(request.index, request.anonymous)
    Index(index, request.key, request.config.scale)
    listed: list[Listed] | None = None
    if share is None:
        listed = list_all(request.shards, request.anonymous, pool, request.config.unit_bytes)
    folder = open_folder(out)
    with ExitStack() as stack:
        stack.enter_context(_forgotten_if_nothing_was_done(folder, alone=share is None))
        if isinstance(folder, LocalFolder):
            name = "lock" if share is None else f"lock-{share.task}-of-{share.tasks}"
            stack.enter_context(held(folder.path / name, str(db or f"task {share} of {out}")))
            if share is None:
                folder.sweep()
        workplace = stack.enter_context(_workplace(request.scratch, db))
        if request.decoys:
            joined = add_to_index(
                index, [], workplace / "index", key=request.key, decoys=request.decoys, workers=request.workers
            )
            index = joined.folder
        opened = Index(index, request.key, request.config.scale)
        opened.verify()
        ledger = Ledger(folder)
        if overwrite:
            ledger.clear()
        resumed = ledger.begun() is not None
        terms = make_terms(request.shards, opened, request.config, request.background, request.decoys)
        ledger.begin(terms, opened, str(request.index), sys.argv)
        if share is not None:
            listed = ledger.plan()
        if listed is None:
            listed = list_all(request.shards, request.anonymous, pool, request.config.unit_bytes)
        listed = ledger.keep_plan(listed, replace=share is None)
        setup = Setup(opened, request.config, request.limits, workplace / "fetched", request.anonymous, request.workers)
        background = ledger.background(
            lambda: learn(list(request.background), setup.hello(), request.config, request.workers)
        )
        attempt = Attempt(ledger, request.engine, None if share is None else str(share), request.workers)
        with noted(attempt):
            yield _Run(ledger, terms, listed, replace(setup, background=background), attempt, request, resumed)


@contextmanager
def _forgotten_if_nothing_was_done(folder: Folder, alone: bool) -> Iterator[None]:
    """Leave no trace of a run that failed before its first unit, so that its output is free for other arguments.

    Tasks cannot know of one another, so theirs stays.
    """
    ledger = Ledger(folder)
    known = folder.read(RUN) is not None
    try:
        yield
    except BaseException:
        with suppress(ProvenanceError, OSError):
            if alone and not known and not ledger.unit_names():
                ledger.clear()
                folder.discard()
        raise


@contextmanager
def _workplace(scratch: Path | None, db: Path | None) -> Iterator[Path]:
    """A directory for what is fetched and made on the way: beside the run database, or where temporary files go."""
    if db is None:
        with tempfile.TemporaryDirectory(prefix="provenance-", dir=scratch) as temporary:
            yield Path(temporary)
        return
    folder = (scratch or db.parent) / f".{db.name}.work"
    shutil.rmtree(folder, ignore_errors=True)  # of a run that was killed
    try:
        folder.mkdir(parents=True)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _is_whole(ledger: Ledger, unit: Unit, names: set[str]) -> bool:
    try:
        kept = ledger.read(unit, names)
    except LedgerDamagedError:
        return False
    return kept is not None and kept.whole
