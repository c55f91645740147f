"""The child process that parses shards and matches texts: reads tasks from its standard input, writes results."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from msgspec import to_builtins

from provenance.errors import ProvenanceError, ShardError
from provenance.files.digests import file_identity, file_sha256
from provenance.index.opening import Index
from provenance.isolation.child import Send, confine, from_parent, serve, to_parent
from provenance.kernels.compiling import compile_seconds, on_first_compile
from provenance.matching.matcher import Matcher
from provenance.process.lean import do_without
from provenance.shards.columns import Columns
from provenance.shards.opening import open_shard
from provenance.shards.shard import Options, Part
from provenance.sketch import FracMinHash, Key
from provenance.units.config import ScanConfig
from provenance.units.located import Source
from provenance.units.payloads import to_payload
from provenance.units.unit import learn_unit, scan_unit

PROGRESS_BYTES = 16 << 20  # of text between two progress messages
PROGRESS_SECONDS = 1.0  # or so long, if something was done: a worker that tells nothing is taken for stuck
RELEASE_BYTES = 32 << 20  # of text, after which memory that decoding left goes back: some 60 MB, for 1 % of the time


class Worker:
    """Holds the index and does tasks: `describe` a shard, take its `digest`, `scan` a unit, or `learn` one."""

    def __init__(self, hello: dict[str, Any], background: bytes, send: Send) -> None:
        self._config = ScanConfig.from_json(hello["config"])
        self._options = Options.of(self._config)
        index = Index(Path(hello["index"]), Key.from_told(hello["key"]), self._config.scale)
        if index.digest != hello["index_digest"]:
            raise ProvenanceError(f"index {hello['index']} changed while the scan was starting")
        if isinstance(index.sketch, FracMinHash):
            do_without("scipy")  # banded sketches ask datasketch, which needs it; numba would only load its BLAS
        self._matcher = Matcher(index, self._config.match, np.frombuffer(background, dtype="<u8"))
        self._send = send

    def do(self, task: dict[str, Any]) -> None:
        """Do one task and send its result."""
        header: dict[str, Any] = {name: task[name] for name in ("task", "shard", "slot") if name in task}
        header["kind"] = "done"
        payload: bytes | memoryview = b""
        try:
            before = pinned(task)
            if task["task"] == "describe":
                header.update(self._describe(task), identity=before)
            elif task["task"] == "digest":
                header["sha256"] = self._digest(Path(task["path"]))
            elif task["task"] == "learn":
                learned = learn_unit(*self._unit(task), self._matcher.index)
                header.update(documents=learned.documents)
                payload = to_payload(learned.fingerprints)
            else:
                counts, payload = self._scan(task)
                header.update(counts)
            pinned({**task, "identity": before})
        except (ProvenanceError, OSError, pa.ArrowException) as error:
            reason = str(error) if isinstance(error, ProvenanceError) else f"shard {task['shard']}: {error}"
            header.update(error=reason, error_kind="unreadable")
        except MemoryError as error:
            header.update(error=f"shard {task['shard']}: out of memory: {error}", error_kind="memory")
        except Exception as error:  # a fault of ours that hostile data found: named as such, and the run goes on
            reason = f"shard {task['shard']}: {type(error).__name__}: {error}; please report this"
            header.update(error=reason, error_kind="fault")
        self._send(header, payload)

    def _describe(self, task: dict[str, Any]) -> dict[str, Any]:
        with open_shard(task["path"], task["shard"], self._options) as shard:
            columns = shard.choose_columns()
            parts = shard.parts(columns)
            return {
                "format": shard.kind,
                "rows": shard.rows,
                "row_groups": shard.groups or None,
                "bytes": Path(task["path"]).stat().st_size,
                "columns": to_builtins(columns),
                "parts": [to_builtins(part) for part in parts],
            }

    def _digest(self, path: Path) -> str:
        def tell() -> None:
            self._send({"kind": "progress", "bytes": 0}, b"")

        return file_sha256(path, tell)

    def _scan(self, task: dict[str, Any]) -> tuple[dict[str, Any], memoryview]:
        untold = kept = 0
        told = time.monotonic()

        def tell(size: int) -> None:
            nonlocal untold, kept, told
            untold, kept = untold + size, kept + size
            if kept >= RELEASE_BYTES:
                pa.default_memory_pool().release_unused()
                kept = 0
            if untold >= PROGRESS_BYTES or time.monotonic() > told + PROGRESS_SECONDS:
                self._send({"kind": "progress", "bytes": untold}, b"")
                untold, told = 0, time.monotonic()

        source, parts = self._unit(task)
        result = scan_unit(source, parts, self._matcher, self._config, tell, bool(task.get("again")))
        header = {
            "counts": to_builtins(result.counts),
            "rows_read": result.rows_read,
            "untold_bytes": untold,
            "compile_seconds": compile_seconds(),
            "problems": [asdict(problem) for problem in result.problems],
            "origins": result.origins.rows(),
        }
        return header, to_payload(result.matches)

    def _unit(self, task: dict[str, Any]) -> tuple[Source, list[Part]]:
        told = task["columns"]
        columns = Columns(**{**told, "texts": tuple(told["texts"]), "tops": tuple(told["tops"])})
        return Source(task["shard"], task["path"], columns, self._options), [Part(**part) for part in task["parts"]]


def pinned(task: dict[str, Any]) -> str:
    """What tells the bytes of a shard from others; raises ShardError where they are not those of the first look."""
    now = file_identity(Path(task["path"]))
    if task.get("identity") not in (None, now):
        raise ShardError(f"shard {task['shard']} changed while it was being scanned: scan it again")
    return now


def main() -> None:
    """Serve tasks until standard input ends."""
    send = to_parent()
    do_without("pandas", "dateutil")
    if "mimalloc" in pa.supported_memory_backends():
        pa.set_memory_pool(pa.mimalloc_memory_pool())
    hello, tasks = from_parent()
    confine(int(hello[0]["memory"]))
    on_first_compile(lambda: send({"kind": "compiling"}, b""))
    serve(send, tasks, lambda: Worker(*hello, send).do)


if __name__ == "__main__":
    main()
