"""Scans new shards as the old ones were: what is still in them is told, and nothing is taken for granted."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from provenance.cleaning.selection import Scanned, Selection, selected_works
from provenance.errors import UsageError
from provenance.index.near import near_index
from provenance.index.opening import Index
from provenance.runs.engine import Watch
from provenance.runs.ledger import Ledger
from provenance.runs.request import Request
from provenance.runs.scan import scan_into
from provenance.storage.folders import open_folder
from provenance.store.database import RunReader


@dataclass(frozen=True)
class Again:
    """What a scan of the new shards found."""

    works: list[dict[str, Any]]  # selected in it as they were in the run, which should be none
    documents_scanned: int
    documents_matched: int
    complete: bool
    index_digest: str
    db: str | None  # its run database, if that was kept


def request_again(request: Request, scanned: Scanned) -> Request:
    """A request for other shards to be scanned as those of a run were, with its index unless there is one."""
    terms, index = scanned.terms, request.index or str(scanned.run["index_path"])
    background, decoys = tuple(terms["background"]), tuple(terms["decoys"])
    return replace(request, index=index, config=scanned.config, background=background, decoys=decoys)


def refuse_other_index(request: Request, scanned: Scanned) -> None:
    """Raise UsageError for an index that is not the one of the run; those of decoys are known only after the scan."""
    if not request.decoys:
        index = Index(near_index(request.index, request.anonymous), request.key, request.config.scale)
        _refuse(index.digest, request, scanned)


def scan_again(
    request: Request, scanned: Scanned, selection: Selection, db: Path | None, ledger: str, scratch: Path, watch: Watch
) -> Again:
    """Scan shards with the options of a run; raises what `scan` raises, UsageError for another index.

    Units are kept in `scratch`, or below `ledger`, which all nodes of a cluster see, and removed there in the end.
    """
    units = f"{scratch if request.engine == 'local' else ledger}/again.units"
    place = db or scratch / "again.duckdb"
    summary = scan_into(replace(request, scratch=scratch), place, units, overwrite=True, watch=watch)
    with RunReader(place) as run:
        digest = str(run.query("SELECT index_digest FROM run")[0]["index_digest"])
        works = selected_works(run, selection, scanned.allowed)
    _refuse(digest, request, scanned)
    folder = open_folder(units)
    Ledger(folder).clear()
    folder.discard()
    counts = summary.documents_scanned, summary.documents_matched
    return Again(works, *counts, not summary.exceptions, digest, None if db is None else str(db))


def _refuse(digest: str, request: Request, scanned: Scanned) -> None:
    expected = scanned.run["index_digest"]
    if digest != expected:
        digests = f"has the digest {digest}, and the run was made with {expected}"
        raise UsageError(f"index {request.index} {digests}: name that one with --index, or pass --no-check")
