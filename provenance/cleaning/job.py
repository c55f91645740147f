"""Cleaning as a kind of job: each shard is a unit, which children write anew, and the ledger keeps when it is done."""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from provenance.cleaning.edits import DONE_SCHEMA
from provenance.cleaning.messages import CLEANER, Clean, CleanAnswer, CleanerHello
from provenance.cleaning.parts import COPIED, WRITTEN, Part
from provenance.errors import ShardError
from provenance.isolation.supervisor import Children
from provenance.isolation.tasks import Answer, Failed, Outcome, Task
from provenance.runs.engine import Means, OneTask, do
from provenance.runs.job_ledger import Finished, JobLedger
from provenance.runs.listed import Listed
from provenance.shards.listing import OURS
from provenance.storage.folders import Folder, LocalFolder, open_folder
from provenance.storage.locations import is_remote
from provenance.units.cutting import Unit
from provenance.units.payloads import from_payload


@dataclass(frozen=True)
class Order:
    """What becomes of a shard."""

    row: dict[str, Any]  # of the table `shard`
    unit: Unit
    target: str  # its name below the folder with new shards
    anew: bool  # or copied byte for byte


def ledger_in(folder: Folder) -> JobLedger:
    """The ledger of what was cleaned into a folder."""
    return JobLedger(open_folder(f"{folder.place}/{OURS}"), DONE_SCHEMA)


Result = tuple[Order, Part | ShardError]
"""What became of a shard: an error of one that could not be written."""


@dataclass(frozen=True)
class Cleaning:
    """How new shards are made, and where they go."""

    hello: CleanerHello
    stall: float  # seconds after which a child that gets nothing done is ended
    anonymous: bool
    passages: Callable[[str], bytes]  # that are taken out of a shard, or noted: a Parquet file of PASSAGES
    folder: Folder
    ledger: JobLedger
    scratch: Path

    def do(self, orders: Sequence[Order], workers: int, pool: Children, keep: bool = False) -> Generator[Result]:
        """Write shards, and keep what was done to each. With `keep`, children are left for the next call."""
        of_shard = {order.unit.shard: order for order in orders}
        size, fetched = min(workers, len(orders)), self.scratch / "fetched"
        means = Means(CLEANER, self.hello, size, fetched, self.anonymous, stall=self.stall, keep=keep)
        jobs = [OneTask(_listed(order.row), lambda name, path: self._task(of_shard[name], path)) for order in orders]
        with closing(do(jobs, means, pool)) as outcomes:
            for outcome in outcomes:
                order = of_shard[outcome.task.shard]
                try:
                    yield order, self._keep(order, outcome)
                except ShardError as error:
                    yield order, error

    def _task(self, order: Order, path: Path) -> Task:
        passages = None
        if order.anew:
            passages = str(self.scratch / f"{order.unit.digest}.passages")
            Path(passages).write_bytes(self.passages(order.unit.shard))
        name, target = order.unit.shard, self._new(order)
        target.parent.mkdir(parents=True, exist_ok=True)
        return Clean(name, str(path), sha256=order.row["sha256"], target=str(target), passages=passages)

    def _new(self, order: Order) -> Path:
        """Where a new shard is written first: beside its place, or for an object in `scratch`.

        Its name has that of `scratch` in it, because others may write the same shard.
        """
        if not isinstance(self.folder, LocalFolder):
            return self.scratch / f"{order.unit.digest}.new"
        return (self.folder.path / order.target).with_name(f".{order.unit.digest}.{self.scratch.name}.tmp")

    def _keep(self, order: Order, outcome: Outcome) -> Part:
        """Give a new shard its name, and note that it is done; raises ShardError for one that could not be written."""
        new = self._new(order)
        try:
            part = _part(order, outcome.answer)
            done = from_payload(outcome.payload, DONE_SCHEMA, part.shard)
            self.folder.put(part.target, new)
        finally:
            new.unlink(missing_ok=True)
        self.ledger.keep([Finished(order.unit, {"part": asdict(part), "problems": []}, done)])
        return part


def _listed(row: dict[str, Any]) -> Listed:
    name = row["shard"]
    item = {"uri": name, "bytes": row["bytes"], **dict.fromkeys(("etag", "version", "modified", "sha256"))}
    return Listed(name, objects=(item,) if is_remote(name) else ())


def _part(order: Order, answer: Answer) -> Part:
    """What a child did; raises ShardError where it could not, or where the rows are not those that were scanned."""
    row, shard = order.row, order.unit.shard
    if not isinstance(answer, CleanAnswer):
        raise ShardError(cast(Failed, answer).error)
    scanned = int(row["rows_read"] if row["rows"] is None else row["rows"])  # some may not have been
    rows = scanned if answer.rows is None else answer.rows
    if rows != scanned and row["outcome"] == "scanned":
        raise ShardError(f"shard {shard} has {rows:,} rows, and had {scanned:,} when it was scanned")
    return Part(
        shard, order.target, WRITTEN if order.anew else COPIED, row["sha256"], answer.sha256, answer.bytes, rows,
        rows if answer.kept is None else answer.kept, answer.changed, answer.spans, answer.lost,
    )  # fmt: skip
