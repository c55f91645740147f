"""Scans units on a cluster: what the driver hands out, and the scanners on its nodes."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from msgspec import convert, to_builtins

from provenance.errors import IndexMissingError, UsageError
from provenance.index.near import cached_joined_index
from provenance.index.opening import Index
from provenance.runs.background import Background
from provenance.runs.cluster import Actor, ClusterJob, Piece, do_on_ray, everywhere
from provenance.runs.engine import Watch
from provenance.runs.job_ledger import SavedUnit
from provenance.runs.ledger import Ledger
from provenance.runs.listed import Job
from provenance.runs.request import Request
from provenance.runs.scanning import Setup, failed, scan_here
from provenance.sketch import Key
from provenance.storage.folders import open_folder
from provenance.units.config import ScanConfig, WorkerLimits
from provenance.units.cutting import Unit

MOST_PIECES = 32  # that a shard is handed out in: each has to be described anew
LEAST_UNITS = 2  # of a piece


def scan_on_ray(ledger: Ledger, jobs: Sequence[Job], setup: Setup, request: Request) -> Iterator[SavedUnit]:
    """Scan the units of jobs on a cluster; see `do_on_ray`."""
    watch = setup.watch
    hello = {
        **to_builtins(setup.hello()),
        "index": everywhere(request.index),
        "decoys": list(request.decoys),
        "out": everywhere(ledger.place),
        "limits": asdict(setup.limits),
        "anonymous": setup.anonymous,
    }
    watch.on_planned(sum(unit.text_bytes for job in jobs for unit in job.units))

    def done(saved: SavedUnit) -> SavedUnit:
        watch.on_progress(saved.record["counts"]["text_bytes"], saved.table.num_rows)
        return saved

    def give_up(unit: Unit, reason: str) -> SavedUnit:
        return ledger.keep([failed(unit, "worker died", reason)])[0]

    def on_answer(answer: dict[str, Any]) -> None:
        watch.on_compiled(answer["compile_seconds"])

    job = ClusterJob(Scanner, hello, ledger, deque(_pieces(jobs)), done, give_up, on_answer)
    return do_on_ray(job, request.workers, request.ray_address, watch.on_lost)


def _pieces(jobs: Sequence[Job]) -> Iterator[Piece]:
    """Some units of a shard at a time; all, if it has to be fetched."""
    for file, units in jobs:
        size = len(units) if file.objects else max(LEAST_UNITS, -(-file.slots // MOST_PIECES))
        for begin in range(0, len(units), size):
            some = units[begin : begin + size]
            yield Piece(some, partial(to_builtins, Job(file, some)))


class Scanner(Actor):
    """Its index is mapped, and so shared by all scanners of the node."""

    noun = "scanner"

    def piece(self, *words: Any) -> dict[str, Any]:
        """Scan units of one shard."""
        ledger, setup = self._opened
        file, units = convert(words, Job)
        left, compiled = tuple(unit for unit in units if not ledger.is_done(unit)), [0.0]
        watched = replace(setup, watch=Watch(on_compiled=compiled.append))
        deque(scan_here(ledger, [Job(file, left)], watched, self.pool), maxlen=0)
        return {"compile_seconds": max(compiled)}

    @cached_property
    def _opened(self) -> tuple[Ledger, Setup]:
        hello = self.hello
        key = Key.from_message(hello["key"])
        config = ScanConfig.from_json(hello["config"])
        try:
            named = cached_joined_index(hello["index"], hello["decoys"], hello["index_digest"], key, hello["anonymous"])
            index = Index(named, key, config.scale)
        except IndexMissingError:
            raise IndexMissingError(
                f"there is no index at {hello['index']}, where the others have it: copy it there, or give one in a "
                "store, --index s3://bucket/index; what is done is kept, and the same command goes on"
            ) from None
        if index.digest != hello["index_digest"]:
            raise UsageError(f"index {hello['index']} is another one here: {index.digest}")
        index.verify()
        ledger = Ledger(open_folder(hello["out"]))
        setup = Setup(
            index, config, WorkerLimits(**hello["limits"]), Path(self.scratch.name), hello["anonymous"], 1,
            ledger.background(Background), keep_workers=True,
        )  # fmt: skip
        return ledger, setup
