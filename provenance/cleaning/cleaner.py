"""The child process that writes shards anew: reads tasks from its standard input, writes files where it is told to."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from provenance.cleaning import jsonl, parquet
from provenance.cleaning.edits import DONE_SCHEMA, Edits
from provenance.cleaning.selection import PASSAGES
from provenance.errors import OutputError, ProvenanceError, ShardError
from provenance.files.digests import BLOCK, file_sha256
from provenance.isolation.child import Send, confine, from_parent, serve, to_parent
from provenance.process.lean import do_without
from provenance.shards.opening import open_shard
from provenance.shards.shard import Options
from provenance.units.config import ScanConfig
from provenance.units.payloads import to_payload
from provenance.units.worker import pinned

TOLD_BLOCKS = 64  # of a file that is copied, between two signs of progress


class Cleaner:
    """Does tasks: `clean` a shard, that is, check its digest and copy it or write it anew."""

    def __init__(self, hello: dict[str, Any], send: Send) -> None:
        self._options = Options.of(ScanConfig.from_json(hello["config"]))
        self._mode, self._marker = hello["mode"], hello["marker"].encode()
        self._send = send

    def do(self, task: dict[str, Any]) -> None:
        """Do one task and send its result."""
        header: dict[str, Any] = {"kind": "done", "task": task["task"], "shard": task["shard"]}
        payload: bytes | memoryview = to_payload(DONE_SCHEMA.empty_table())
        try:
            before = pinned(task)
            if task["passages"] is None:
                header.update(self._copy(task))
            else:
                edits, facts = self._rewrite(task)
                header.update(facts)
                payload = to_payload(edits.done_table())
            pinned({**task, "identity": before})
        except MemoryError as error:  # also Arrow's
            reason = f"shard {task['shard']}: a row group does not fit into memory: {error}; see --max-memory"
            header.update(error=reason, error_kind="memory")
        except OutputError as error:
            header.update(error=str(error), error_kind="disk")
        except (ProvenanceError, OSError, pa.ArrowException) as error:
            reason = str(error) if isinstance(error, ProvenanceError) else f"shard {task['shard']}: {error}"
            header.update(error=reason, error_kind="unreadable")
        except Exception as error:  # a fault of ours that hostile data found: named as such, and the others go on
            reason = f"shard {task['shard']}: {type(error).__name__}: {error}; please report this"
            header.update(error=reason, error_kind="fault")
        self._send(header, payload)

    def _tell(self, size: int) -> None:
        self._send({"kind": "progress", "bytes": size}, b"")

    def _copy(self, task: dict[str, Any]) -> dict[str, Any]:
        """Copy a shard in which nothing is to be changed."""
        digest = hashlib.sha256()
        with Path(task["path"]).open("rb") as file, Path(task["target"]).open("wb") as out:
            untold = 0
            while block := file.read(BLOCK):
                digest.update(block)
                out.write(block)
                untold += len(block)
                if untold >= TOLD_BLOCKS * BLOCK:
                    self._tell(untold)
                    untold = 0
        self._refuse_other(task, digest.hexdigest())
        self._tell(untold)
        size = Path(task["target"]).stat().st_size
        return {
            "rows": None,
            "kept": None,
            "changed": 0,
            "spans": 0,
            "bytes": size,
            "sha256": digest.hexdigest(),
            "lost": "",
        }

    def _refuse_other(self, task: dict[str, Any], sha256: str) -> None:
        if sha256 != task["sha256"]:
            raise ShardError(
                f"shard {task['shard']} is not the one that was scanned: its SHA-256 is {sha256}, and was "
                f"{task['sha256']}; scan it again"
            )

    def _rewrite(self, task: dict[str, Any]) -> tuple[Edits, dict[str, Any]]:
        path, name, target = task["path"], task["shard"], task["target"]
        self._refuse_other(task, file_sha256(Path(path), lambda: self._tell(0)))
        passages = pq.read_table(task["passages"], schema=PASSAGES)
        edits = Edits(name, self._mode, self._marker, passages)
        with open_shard(path, name, self._options) as shard:
            kind, columns = shard.kind, shard.choose_columns()
        if kind == "parquet":
            lost = parquet.rewrite(path, name, target, columns, edits, self._options.decoder, self._tell)
        elif kind.startswith("jsonl"):
            lost = jsonl.rewrite(path, name, target, columns, edits, self._options, self._tell)
        else:
            raise ShardError(f"shard {name} is {kind}: only Parquet and JSON lines can be written anew")
        if edits.untouched:
            raise ShardError(f"shard {name}: {edits.untouched} passages lie in rows that it does not have")
        return edits, {
            "rows": edits.rows,
            "kept": edits.kept,
            "changed": edits.changed,
            "spans": edits.spans,
            "bytes": Path(target).stat().st_size,
            "sha256": file_sha256(Path(target), lambda: self._tell(0)),
            "lost": lost,
        }


def main() -> None:
    """Serve tasks until standard input ends."""
    send = to_parent()
    do_without("pandas", "dateutil")
    if "mimalloc" in pa.supported_memory_backends():
        pa.set_memory_pool(pa.mimalloc_memory_pool())
    (hello, _), tasks = from_parent()
    confine(int(hello["memory"]))
    serve(send, tasks, lambda: Cleaner(hello, send).do)
