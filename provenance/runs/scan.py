"""One scan, from arguments to a run database, or one task's share of it: plan, scan what is left, load, sum up.

All that is done stands in the ledger, so the same call goes on where an earlier one stopped; the database is made of
the ledger.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

from provenance.errors import StoreError
from provenance.isolation.supervisor import Children
from provenance.runs.collect import finish, holds_run, is_whole, loading
from provenance.runs.engine import Watch
from provenance.runs.job_ledger import RUN
from provenance.runs.ledger import Ledger
from provenance.runs.listed import ADDED
from provenance.runs.opened import OpenRun, opened
from provenance.runs.record import ScanSummary, summarize
from provenance.runs.request import Request, RequestOptions, request_of
from provenance.runs.scanning import failed, problem_of
from provenance.storage.folders import open_folder
from provenance.storage.locations import is_remote
from provenance.store.database import RunReader, check_place
from provenance.units.cutting import Share, Unit

UNITS_SUFFIX = ".units"  # of the folder beside a run database that the run is resumed from


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
    overwrite: bool = False,
    children: Children | None = None,
    watch: Watch | None = None,
    **options: Unpack[RequestOptions],
) -> ScanSummary:
    """Scan shards (files, directories, globs, objects of stores, lists of these) and write a run database.

    Every unit that is done is kept in `out`, a folder or prefix of objects, by default `DB.units`: the same call goes
    on where an earlier one stopped, and scans units again that could not be read; with nothing left to do it only reads
    the database. With `overwrite` it begins anew. `children` are worker processes that start already.

    `options` are fields of Request: `config`, `workers`, `limits`, `key`, `background`, `decoys`, `anonymous`,
    `scratch`, `engine` and `ray_address`. Objects are fetched whole into `scratch`, by default beside `db`, with the
    credentials of the environment or, with `anonymous`, none. Fingerprints of the index that are common in
    `background`, ordinary text, are discounted. `decoys` are books that cannot be in the shards; they are scanned for
    beside those of the index, and how many match is in the record of the run. The result does not depend on `workers`,
    `engine`, or how often it was interrupted.

    Raises UsageError and its kind for arguments that cannot work, OtherRunError where `out` belongs to a run on other
    terms or one under way, IndexDamagedError for a damaged index, BookError for decoys and ShardError for background
    that cannot be read, InterruptedRun after Ctrl-C or SIGTERM; what cannot be read of a shard is no error but an
    exception in the result.
    """
    request = request_of(shards, index, **options)
    return scan_into(request, Path(db), out, overwrite=overwrite, children=children, watch=watch)


def scan_into(
    request: Request,
    db: Path,
    out: str | Path | None = None,
    *,
    overwrite: bool = False,
    children: Children | None = None,
    watch: Watch | None = None,
) -> ScanSummary:
    """Scan what is asked for and write a run database; see `scan`."""
    check_place(db)
    out = out or f"{db}{UNITS_SUFFIX}"
    with children or Children() as pool, opened(request, out, db, overwrite, pool) as run:
        ours = holds_run(db, run.terms.digest)
        if ours and not overwrite and is_whole(db, run.listed, run.units):
            run.attempt.note("finished")  # else it would read as killed
            with RunReader(db) as reader:
                return summarize(reader, db)
        if db.exists() and not (overwrite or run.resumed or ours):
            raise StoreError(f"{db} exists: choose another --db, or pass --overwrite to replace it")
        with loading(run.ledger, run.listed, db, overwrite, ours) as loader:
            names = run.ledger.unit_names()
            left = [unit for unit in run.units if not loader.take(unit, run.ledger, names, only_whole=True)]
            for saved in run.scan(left, run.units, pool, watch or Watch()):
                loader.add(saved)
            run.attempt.note("finished")
            return finish(loader, run.ledger, db)


def scan_share(
    request: Request,
    out: str | Path,
    share: Share | None = None,
    *,
    overwrite: bool = False,
    children: Children | None = None,
    watch: Watch | None = None,
) -> ShareSummary:
    """Scan one task's share of the units into `out`, from which `collect` makes a run database; see `scan`.

    The first task lists the shards; the others scan what it listed. Tasks need not know of one another, may run
    together or in any order, twice, and in another number the next time.
    """
    share = share or Share(1, 1)
    with children or Children() as pool, opened(request, out, None, overwrite, pool, share) as run:
        units, names = share.of(run.units), run.ledger.unit_names()
        left = [unit for unit in units if not run.ledger.is_done(unit, names)]
        problems = _name_changes(run, left)
        for saved in run.scan(left, units, pool, watch or Watch()):
            problems += saved.record["problems"]
        run.attempt.note("finished")
        seconds = run.attempt.seconds
    return ShareSummary(run.ledger.place, str(share), len(units), len(units) - len(left), problems, round(seconds, 3))


def _name_changes(run: OpenRun, left: Sequence[Unit]) -> list[dict[str, Any]]:
    """The problems of shards that changed, went or came since the tasks' plan was made; units of theirs are kept so."""
    remedy = "when the tasks have ended, the same command with --db RUN.duckdb, not --task, lists anew and goes on"
    change = "since the first task listed the shards"
    reasons = {name: f"shard {name} was {how} {change}: {remedy}" for name, how in run.changes.items()}
    run.ledger.keep(failed(unit, "unreadable", reasons[unit.shard]) for unit in left if unit.shard in reasons)
    ours = {unit.shard for unit in left}
    return [
        problem_of(name, "unreadable" if name in ours else "not planned", reason)
        for name, reason in reasons.items()
        if name in ours or run.changes[name] == ADDED
    ]


def ledger_of(run: dict[str, Any], db: Path, out: str | None = None) -> Ledger | None:
    """The ledger of a run database, whose row of `run` it is: at `out`, or where it was, or beside the database."""
    for place in [out] if out else [str(run["ledger"]), f"{db}{UNITS_SUFFIX}"]:
        if is_remote(place) or (Path(place) / RUN).is_file():
            return Ledger(open_folder(place), str(run["ledger"]))  # whose name stands in the database's messages
    return None
