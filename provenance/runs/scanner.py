"""What runs on the nodes of a cluster: scans units of one shard after another, and keeps them in the run's ledger."""

import contextlib
import os
import socket
import tempfile
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from provenance._version import __version__
from provenance.errors import IndexMissingError, ProvenanceError, UsageError
from provenance.index.near import cached_joined_index
from provenance.index.opening import Index
from provenance.isolation.supervisor import Children
from provenance.runs.background import Background
from provenance.runs.connection import ray
from provenance.runs.engine import Watch
from provenance.runs.ledger import Ledger
from provenance.runs.listed import Job, Listed
from provenance.runs.scanning import Setup, scan_here
from provenance.sketch import Key
from provenance.storage.folders import open_folder
from provenance.units.config import ScanConfig, WorkerLimits
from provenance.units.cutting import Unit


class Scanner:
    """One core of a node. Its index is mapped, and so shared by all scanners of the node."""

    def __init__(self, hello: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):
            os.chdir(hello["directory"])  # names of shards are meant from there; where it is not, they cannot be found
        self._scratch = tempfile.TemporaryDirectory(prefix="provenance-")
        self._pool = Children()
        self._hello = hello

    def here(self) -> tuple[str, str]:
        """The node it was placed on: Ray's name for it, and people's."""
        return ray.get_runtime_context().get_node_id(), socket.gethostname()

    def scan(self, file: dict[str, Any], units: list[dict[str, Any]]) -> dict[str, Any]:
        """Scan units of one shard that are not in the ledger yet; tells what went wrong as JSON, not as an object."""
        done: dict[str, Any] = {"bytes": 0, "matches": 0, "compile_seconds": 0.0, "version": __version__}

        def on_compiled(seconds: float) -> None:
            done["compile_seconds"] = max(done["compile_seconds"], seconds)

        try:
            ledger, setup = self._opened
            left = [unit for unit in (Unit(**facts) for facts in units) if not ledger.is_done(unit)]
            listed = Listed(**{**file, "objects": tuple(file["objects"])})
            watched = replace(setup, watch=Watch(on_compiled=on_compiled))
            for saved in scan_here(ledger, [Job(listed, tuple(left))], watched, self._pool):
                done["bytes"] += saved.record["counts"]["text_bytes"]
                done["matches"] += saved.table.num_rows
        except ProvenanceError as error:
            done["error"] = [type(error).__name__, f"on node {socket.gethostname()}: {error}"]
        return done

    @cached_property
    def _opened(self) -> tuple[Ledger, Setup]:
        hello = self._hello
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
            index, config, WorkerLimits(**hello["limits"]), Path(self._scratch.name), hello["anonymous"], 1,
            ledger.background(Background), keep_workers=True,
        )  # fmt: skip
        return ledger, setup
