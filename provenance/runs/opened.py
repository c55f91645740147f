"""Begins a run, or takes up the one that is there: with everything checked before anything is written."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from provenance.errors import ProvenanceError
from provenance.index.near import joined_index, near_index
from provenance.index.opening import Index
from provenance.isolation.supervisor import Children
from provenance.process.command_line import command_line
from provenance.runs.attempts import Attempt, noted
from provenance.runs.background import learn
from provenance.runs.engine import Watch
from provenance.runs.job_ledger import RUN, SavedUnit
from provenance.runs.ledger import Ledger
from provenance.runs.listed import Job, Listed, changes, jobs_of, list_all
from provenance.runs.lock import kept_to
from provenance.runs.request import Request
from provenance.runs.scanning import Setup, scan_here
from provenance.runs.terms import Terms, make_terms
from provenance.storage.folders import Folder, open_folder
from provenance.units.cutting import Share, Unit


@dataclass
class OpenRun:
    """A run that was begun or taken up."""

    ledger: Ledger
    terms: Terms
    listed: list[Listed]
    setup: Setup
    attempt: Attempt
    request: Request
    resumed: bool
    changes: dict[str, str]  # of the shards since the tasks of a batch planned them; see `listed.changes`

    @cached_property
    def units(self) -> list[Unit]:
        """All its units, in the order of the listing."""
        return [unit for file in self.listed for unit in file.units(self.terms.digest)]

    def scan(self, left: Sequence[Unit], units: Sequence[Unit], pool: Children, watch: Watch) -> Iterator[SavedUnit]:
        """Scan those of some units that are left, by whatever engine; shards that changed since are left out."""
        attempt = self.attempt
        attempt.of, attempt.found = len(units), len(units) - len(left)
        if attempt.found:
            watch.on_resumed(attempt.found, attempt.of)

        def on_compiled(seconds: float) -> None:
            attempt.compile_seconds = max(attempt.compile_seconds, seconds)

        setup = replace(self.setup, watch=replace(watch, on_compiled=on_compiled))
        unchanged = [unit for unit in left if unit.shard not in self.changes]
        for saved in self._engine(jobs_of(self.listed, unchanged), setup, pool):
            attempt.units += 1
            yield saved

    def _engine(self, jobs: Sequence[Job], setup: Setup, pool: Children) -> Iterator[SavedUnit]:
        if self.request.engine == "local":
            return scan_here(self.ledger, jobs, setup, pool)
        from provenance.runs.scanner import scan_on_ray

        return scan_on_ray(self.ledger, jobs, setup, self.request)


@contextmanager
def opened(
    request: Request, out: str | Path, db: Path | None, overwrite: bool, pool: Children, share: Share | None = None
) -> Iterator[OpenRun]:
    """Begin a run, or take up the one that is there: nothing is written before the arguments are known to be good."""
    index = near_index(request.index, request.anonymous)
    Index(index, request.key, request.config.scale)
    files = list_all(request.shards, request.anonymous, pool, request.config.unit_bytes)
    folder = open_folder(out)
    with ExitStack() as stack:
        stack.enter_context(_forgotten_if_nothing_was_done(folder, alone=share is None))
        stack.enter_context(kept_to(folder, share, str(db or f"task {share} of {out}")))
        if share is None:
            folder.sweep()
        workplace = stack.enter_context(_workplace(request.scratch, db))
        index = joined_index(index, request.decoys, workplace / "index", request.key, request.anonymous, request.cores)
        whole = Index(index, request.key, request.config.scale)
        whole.verify()
        ledger = Ledger(folder)
        if overwrite:
            ledger.clear()
        resumed = ledger.begun() is not None
        terms = make_terms(request, whole)
        ledger.begin(terms, whole, str(request.index), command_line())
        listed = ledger.keep_plan(files, replace=share is None)
        setup = Setup(whole, request.config, request.limits, workplace / "fetched", request.anonymous, request.cores)
        background = ledger.background(lambda: learn(request.background, setup.hello(), request.config, request.cores))
        attempt = Attempt(ledger, request.engine, None if share is None else str(share), request.cores)
        with noted(attempt):
            setup = replace(setup, background=background)
            yield OpenRun(ledger, terms, listed, setup, attempt, request, resumed, changes(listed, files))


@contextmanager
def _forgotten_if_nothing_was_done(folder: Folder, alone: bool) -> Iterator[None]:
    """Leave no trace of a run that failed before its first unit, so that its output is free for other arguments.

    Tasks cannot know of one another, so theirs stays.
    """
    ledger = Ledger(folder)
    begun = folder.read(RUN) is not None
    try:
        yield
    except BaseException:
        with suppress(ProvenanceError, OSError):
            if alone and not begun and not ledger.unit_names():
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
