"""Verifies a run: what of it is checked, in which order, and with what."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provenance._version import __version__
from provenance.errors import (
    IncompleteError,
    IndexDamagedError,
    KeyMismatchError,
    ProvenanceError,
    StoreError,
    UsageError,
)
from provenance.index.near import joined_index
from provenance.index.opening import Index
from provenance.runs.background import Background
from provenance.runs.engine import Watch
from provenance.runs.ledger import Ledger
from provenance.runs.listed import Listed
from provenance.runs.scan import UNITS_SUFFIX, ledger_of
from provenance.runs.scanning import Setup
from provenance.runs.terms import digest_of
from provenance.sketch import Key
from provenance.store.database import RunReader
from provenance.units.config import ScanConfig, WorkerLimits, check_workers
from provenance.verify.check import DIFFERENT, EQUAL, UNCHECKED, Check
from provenance.verify.files import check_shards, check_units
from provenance.verify.matches import check_match, check_matches, choose


@dataclass(frozen=True)
class Wanted:
    """What of a run is to be verified, besides its database and its units, and with what."""

    out: str | None = None  # where the units lie by now; None: where they were written, or beside the database
    shards: bool = False
    index: str | None = None
    sample: int | None = None  # so many matches are found again
    everything: bool = False  # or all units are scanned again
    match_id: str | None = None  # or the unit of this match
    seed: int = 0  # for which matches
    key: Key | None = None
    anonymous: bool = False
    scratch: Path | None = None
    workers: int | None = None

    @property
    def scans(self) -> bool:
        """Whether units are to be scanned again."""
        return self.sample is not None or self.everything or self.match_id is not None


@dataclass(frozen=True)
class _Recorded:
    """What a run database says of how it came to be."""

    run: dict[str, Any]
    shards: list[dict[str, Any]]
    units: list[dict[str, Any]]
    match: dict[str, Any] | None  # the one that is to be found again


def verify(
    db: str | Path,
    wanted: Wanted | None = None,
    watch: Watch | None = None,
    on_unit: Callable[[int], None] = lambda total: None,
    on_shard: Callable[[int], None] = lambda total: None,
) -> Iterator[Check]:
    """Check a run database against its units, and what else is wanted, one check after another.

    The paths of shards, decoys and tokenizer are those that the run was given; relative ones are meant from the
    working directory. Raises StoreError for what is no run database, UsageError for arguments that cannot work,
    OutputError where there is no room for a second database in `scratch`, by default the system's.
    """
    wanted = wanted or Wanted()
    workers, db = check_workers(wanted.workers), Path(db)
    if wanted.sample is not None and wanted.sample < 1:
        raise UsageError(f"--sample is {wanted.sample}; it must be at least 1")
    recorded = _read(db, wanted.match_id)
    if isinstance(recorded, Check):
        yield recorded
        return
    ledger = ledger_of(recorded.run, db, wanted.out)
    if ledger is None:
        places = wanted.out or f"{recorded.run['ledger']} or {db}{UNITS_SUFFIX}"
        yield Check("units", UNCHECKED, f"there are no unit files at {places}: --out names another place")
        return
    with tempfile.TemporaryDirectory(prefix="provenance-", dir=wanted.scratch) as temporary:
        scratch = Path(temporary)
        if (other := _other_version(ledger)) is not None:
            yield other
            return
        for check in check_units(db, ledger, scratch, on_unit):
            yield check
            if check.name == "units" and check.state != EQUAL and not check.examples:
                return  # of the ledger's own files one is damaged: nothing can be asked of it
        listed = ledger.plan() or []
        if wanted.shards:
            yield check_shards(recorded.shards, listed, scratch / "fetched", wanted.anonymous, workers, on_shard)
        if wanted.index is not None or wanted.scans:
            yield from _index_and_matches(recorded, ledger, listed, wanted, scratch, watch or Watch())


def _read(db: Path, match_id: str | None) -> _Recorded | Check:
    with RunReader(db) as reader:
        match = None if match_id is None else _match(reader, match_id)
        try:
            runs = reader.query("SELECT * FROM run")
            shards = reader.query("SELECT shard, outcome, sha256 FROM shard ORDER BY shard")
            units = reader.query("SELECT unit, shard, whole, matches FROM unit ORDER BY unit")
        except StoreError as error:
            return Check("database", DIFFERENT, f"{db} is damaged, or was made by another version: {error}")
    if len(runs) != 1:
        return Check("database", DIFFERENT, f"{db} has {len(runs)} rows in its table `run`, where one is due")
    return _Recorded(runs[0], shards, units, match)


def _match(run: RunReader, match_id: str) -> dict[str, Any]:
    rows = run.query("SELECT * FROM v_matches WHERE match_id = ?", [match_id])
    if len(rows) != 1:
        near = run.query("SELECT match_id FROM v_matches ORDER BY match_id LIMIT 1")
        example = f"; they are called like {near[0]['match_id']}" if near else ""
        raise UsageError(f"the run has no match {match_id!r} (--match){example}")
    return rows[0]


def _other_version(ledger: Ledger) -> Check | None:
    """The check that fails for a run that another version made: its units would not give the same database."""
    try:
        version = ledger.terms().values.get("tool_version")
    except ProvenanceError as error:
        return Check("units", DIFFERENT if isinstance(error, IncompleteError) else UNCHECKED, str(error))
    if version == __version__:
        return None
    return Check("units", UNCHECKED, f"version {version} made this run, and this is {__version__}: verify it with that")


def _index_and_matches(
    recorded: _Recorded, ledger: Ledger, listed: Sequence[Listed], wanted: Wanted, scratch: Path, watch: Watch
) -> Iterator[Check]:
    terms, named = ledger.terms().values, wanted.index or str(recorded.run["index_path"])
    config, decoys, workers = ScanConfig.from_json(terms["config"]), terms["decoys"], check_workers(wanted.workers)
    try:
        folder = joined_index(named, decoys, scratch / "index", wanted.key, wanted.anonymous, workers)
        index = Index(folder, wanted.key, config.scale)
        index.verify()
    except KeyMismatchError:
        raise
    except ProvenanceError as error:
        yield Check("index", DIFFERENT if isinstance(error, IndexDamagedError) else UNCHECKED, str(error))
        return
    if index.digest != terms["index"]:
        with_decoys = f", with the decoys {', '.join(decoys)}," if decoys else ""
        yield Check("index", DIFFERENT, f"{named}{with_decoys} has the digest {index.digest}; it was {terms['index']}")
        return
    yield Check("index", EQUAL, f"all files of {named} have their digests; that of all is {index.digest}")
    if not wanted.scans:
        return
    if digest_of(config.tokenizer) != terms["tokenizer_sha256"]:
        yield Check("matches", UNCHECKED, f"the tokenizer {config.tokenizer} is another one by now")
        return
    background = ledger.background(Background)
    setup = Setup(index, config, WorkerLimits(), scratch / "scan", wanted.anonymous, workers, background, watch)
    if recorded.match is not None:
        yield from check_match(ledger, listed, recorded.match, recorded.units, setup)
        return
    names = choose(recorded.units, None if wanted.everything else wanted.sample, wanted.seed)
    yield check_matches(ledger, listed, names, setup)
