"""Scanning as a kind of job: a shard is described, then its units are scanned, beside the first one its digest taken.

A unit is done when its own task is, that of its shard's first look, and for one unit of a shard the digest.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
from msgspec import to_builtins

from provenance.errors import IndexDamagedError, ShardError
from provenance.files.digests import file_identity
from provenance.files.writing import SYNCED_AT_ONCE
from provenance.index.opening import Index
from provenance.isolation.supervisor import WORKER, Children
from provenance.isolation.tasks import Answer, Failed, Outcome, Task
from provenance.matching.counts import Counts
from provenance.process.threads import in_order
from provenance.runs.background import Background
from provenance.runs.engine import Means, Step, Watch, do
from provenance.runs.job_ledger import Finished, SavedUnit
from provenance.runs.ledger import Ledger
from provenance.runs.listed import Job
from provenance.units import messages
from provenance.units.config import ScanConfig, WorkerLimits
from provenance.units.cutting import Unit, parts_in
from provenance.units.located import RESULT_SCHEMA
from provenance.units.payloads import empty_table, from_payload

MOST_PENDING = 10_000  # matches of units that are being written
SMALL_BYTES = 1 << 20  # of a shard that is one task: for a larger one its digest is taken beside the scan
DIGEST_SLOT = 0  # the unit in whose record the digest of its shard stands


@dataclass(frozen=True)
class Setup:
    """What every unit of a run is scanned with, here."""

    index: Index
    config: ScanConfig
    limits: WorkerLimits
    scratch: Path  # where objects are fetched to
    anonymous: bool
    workers: int
    background: Background = field(default_factory=Background)
    watch: Watch = field(default_factory=Watch)
    keep_workers: bool = False  # for more jobs with the same setup

    def hello(self) -> messages.WorkerHello:
        """What every worker is told first."""
        index = self.index
        folder, key = str(index.folder.absolute()), index.key.message()
        return messages.WorkerHello(self.config.to_json(), folder, index.digest, key, self.limits.memory_bytes)


def scan_here(ledger: Ledger, jobs: Sequence[Job], setup: Setup, pool: Children) -> Iterator[SavedUnit]:
    """Scan the units of jobs and keep each. Closing the iterator ends the workers.

    Raises IndexDamagedError if the index changes meanwhile; units that were kept before are good.
    """
    units = sum(len(job.units) for job in jobs)
    if not units:
        return
    watch = setup.watch
    watch.on_planned(sum(unit.text_bytes for job in jobs for unit in job.units))
    means = Means(
        WORKER, setup.hello(), min(setup.workers, units + len(jobs)), setup.scratch, setup.anonymous,
        setup.background.fingerprints.tobytes(), setup.limits.stall_seconds, setup.keep_workers,
    )  # fmt: skip
    with closing(do((ScanSteps(job, watch) for job in jobs), means, pool, watch)) as results:
        for saved in kept_in(ledger, _while_unchanged(setup.index, results)):
            watch.on_progress(0, saved.table.num_rows)
            yield saved


def _while_unchanged(index: Index, results: Iterator[Finished]) -> Iterator[Finished]:
    files = [f"{index.folder}/{name}" for name in index.manifest["files"]]
    pinned = [file_identity(file) for file in files]
    for finished in results:
        if [file_identity(file) for file in files] != pinned:
            raise IndexDamagedError(
                f"index {index.folder} changed while it was being scanned with: units that were done before are kept; "
                "begin anew when nobody writes to it"
            )
        yield finished


def kept_in(ledger: Ledger, results: Iterator[Finished]) -> Iterator[SavedUnit]:
    """Keep units as they are done; of small ones some at once, because each waits for the disk."""
    with ThreadPoolExecutor(SYNCED_AT_ONCE) as threads:
        started = ((each.table.num_rows, threads.submit(ledger.keep, [each])) for each in results)
        for saved in in_order(started, SYNCED_AT_ONCE, MOST_PENDING, keep=True):
            yield from saved


class ScanSteps:
    """The steps of a shard, whose results are its units."""

    def __init__(self, job: Job, watch: Watch) -> None:
        self.file, self._units, self._watch = job.file, list(job.units), watch
        self._path: Path
        self._facts: dict[str, Any] = {}
        self._problems: list[dict[str, Any]] = []  # of the shard as a whole
        self._of_digest: list[dict[str, Any]] = []
        self._sha256: str | None = None
        self._fetched = False
        self._waiting: set[int | type[Task]] = {messages.Describe}  # not done yet; scans by the number of their slot
        self._outcomes: dict[int, Outcome] = {}  # of scans

    def begin(self, path: Path) -> Sequence[Task]:
        """See Steps. A local file has to be the one that was listed, a fetched one the one that was described."""
        self._path = path
        pinned = None if self._fetched else self.file.identity or None
        if not self._fetched and self.file.slots == 1 and self.file.bytes <= SMALL_BYTES and path.is_file():
            return [messages.ScanWhole(self.file.name, str(path), pinned)]
        return [messages.Describe(self.file.name, str(path), pinned)]

    def take(self, outcome: Outcome) -> Step[Finished]:
        """See Steps."""
        task, answer = outcome.task, outcome.answer
        tasks: Sequence[Task] = ()
        if isinstance(task, messages.Fetch):
            self._take_fetch(answer)
        elif isinstance(task, messages.ScanWhole):
            tasks = self._scanned_whole(outcome)
        elif isinstance(task, messages.Describe):
            tasks = self._described(answer)
        elif isinstance(task, messages.Digest):
            self._waiting.discard(messages.Digest)
            if isinstance(answer, messages.DigestAnswer):
                self._sha256 = answer.sha256
            else:
                self._of_digest = [_problem(self.file.name, answer)]
        elif isinstance(task, messages.Scan):
            self._note_scan(task.slot, outcome)
        return Step(tasks, self._finished())

    def _scanned_whole(self, outcome: Outcome) -> Sequence[Task]:
        task, answer = cast(messages.ScanWhole, outcome.task), outcome.answer
        if not isinstance(answer, messages.ScanWholeAnswer):
            return [task.second()]  # each by itself tells what is wrong
        self._note_facts(answer.described)
        self._sha256 = answer.sha256
        self._waiting.clear()
        self._note_scan(DIGEST_SLOT, Outcome(task, answer.scanned, outcome.payload))
        return ()

    def _note_scan(self, slot: int, outcome: Outcome) -> None:
        self._outcomes[slot] = outcome
        self._waiting.discard(slot)
        if isinstance(outcome.answer, messages.ScanAnswer):
            self._watch.on_progress(outcome.answer.untold_bytes, 0)
            self._watch.on_compiled(outcome.answer.compile_seconds)

    def _take_fetch(self, answer: Answer) -> None:
        if isinstance(answer, messages.FetchAnswer):
            self._fetched, self._sha256 = True, answer.sha256
            self._facts = {"bytes": answer.bytes, "version": answer.version}
        else:
            problem = _problem(self.file.name, answer)
            kind = "not fetched" if problem["kind"] == "storage" else problem["kind"]
            self._problems = [{**problem, "kind": kind}]
            self._waiting.clear()

    def _described(self, answer: Answer) -> Sequence[Task]:
        self._waiting.clear()
        tasks: list[Task] = []
        if isinstance(answer, messages.DescribeAnswer):
            self._note_facts(answer)
            tasks += self._scans(answer)
        else:
            self._problems = [_problem(self.file.name, answer)]
        first = any(unit.slot == DIGEST_SLOT for unit in self._units)
        if first and not self._fetched and self._path.is_file():
            pinned = self.file.identity or None
            tasks.insert(1, messages.Digest(self.file.name, str(self._path), pinned))
        self._waiting |= {task.slot if isinstance(task, messages.Scan) else type(task) for task in tasks}
        return tasks

    def _note_facts(self, answer: messages.DescribeAnswer) -> None:
        columns = answer.columns
        self._facts |= {name: getattr(answer, name) for name in ("format", "rows", "row_groups", "bytes")}
        self._facts |= {"text_column": ", ".join(columns.texts), "id_column": columns.id}
        url, source = (path and path.path for path in (columns.url, columns.source))
        self._facts |= {"url_column": url, "source_column": source}
        text = sum(part.text_bytes for part in answer.parts) * len(self._units) // self._units[0].slots
        self._watch.on_planned(text - sum(unit.text_bytes for unit in self._units))

    def _scans(self, answer: messages.DescribeAnswer) -> Iterator[messages.Scan]:
        for unit in self._units:
            if parts := parts_in(unit.slot, unit.slots, answer.parts):
                yield messages.Scan(
                    self.file.name, str(self._path), answer.identity,
                    slot=unit.slot, columns=answer.columns, parts=tuple(parts),
                )  # fmt: skip

    def _finished(self) -> list[Finished]:
        """The units that wait for nothing any more, once."""
        done = [unit for unit in self._units if not self._waiting & _needed(unit)]
        self._units = [unit for unit in self._units if self._waiting & _needed(unit)]
        return [self._close(unit) for unit in done]

    def _close(self, unit: Unit) -> Finished:
        """A unit. One without a part of its own, or of a shard that cannot be read, has a record too."""
        sha256, problems = None, list(self._problems)
        if unit.slot == DIGEST_SLOT:
            sha256 = self._sha256
            problems += [problem for problem in self._of_digest if problem not in problems]
        record, table = self._scanned(unit)
        record["problems"] = [*problems, *record["problems"]]
        return Finished(unit, {**record, "facts": {**self._facts, "sha256": sha256}}, table)

    def _scanned(self, unit: Unit) -> tuple[dict[str, Any], pa.Table]:
        outcome = self._outcomes.pop(unit.slot, None)
        if outcome is None:
            return _nothing(), empty_table(RESULT_SCHEMA)
        if not isinstance(outcome.answer, messages.ScanAnswer):
            return _nothing(_problem(unit.shard, outcome.answer)), empty_table(RESULT_SCHEMA)
        names = ("rows_read", "counts", "origins", "problems")
        record = {name: to_builtins(getattr(outcome.answer, name)) for name in names}
        try:
            table = from_payload(outcome.payload, RESULT_SCHEMA, unit.shard)
            matched = outcome.answer.counts.documents_matched
            if bool(matched) != bool(table.num_rows):
                what = f"{table.num_rows} matches in {matched} documents"
                raise ShardError(f"shard {unit.shard}: its worker's answer makes no sense: {what}; please report this")
        except ShardError as error:  # what a child sends that parses hostile files may be anything
            record["problems"] = [*record["problems"], _problem(unit.shard, Failed(str(error), "fault"))]
            table = empty_table(RESULT_SCHEMA)
        return {**record, "matches": table.num_rows}, table


def failed(unit: Unit, kind: str, reason: str) -> Finished:
    """A unit of which nothing was scanned."""
    record = {**_nothing(problem_of(unit.shard, kind, reason)), "facts": {}}
    return Finished(unit, record, empty_table(RESULT_SCHEMA))


def problem_of(shard: str, kind: str, reason: str) -> dict[str, Any]:
    """A row of the table `exception`, of a shard as a whole."""
    return {"shard": shard, "row_group": None, "row": None, "kind": kind, "reason": reason}


def _nothing(*problems: dict[str, Any]) -> dict[str, Any]:
    counts = to_builtins(Counts())
    return {"rows_read": 0, "counts": counts, "origins": [], "problems": list(problems), "matches": 0}


def _problem(shard: str, answer: Answer) -> dict[str, Any]:
    failure = cast(Failed, answer)
    return problem_of(shard, failure.error_kind, failure.error)


def _needed(unit: Unit) -> set[int | type[Task]]:
    """What a unit waits for."""
    needed: set[int | type[Task]] = {messages.Describe, unit.slot}
    return needed | {messages.Digest} if unit.slot == DIGEST_SLOT else needed
