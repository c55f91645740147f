"""The worker process, taken over by what it parses: how it answers for a shard is said by the name of the shard."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import IO, Any

from provenance.isolation import child
from provenance.units import worker
from provenance.units.messages import Scan, ScanWhole


def framed(header: bytes, payload: bytes = b"") -> bytes:
    return len(header).to_bytes(8, "little") + len(payload).to_bytes(8, "little") + header + payload


def lie(kind: str, honest: bytes, payload: bytes) -> bytes:
    """What is said in place of an answer."""
    answer: dict[str, Any] = json.loads(honest)
    scanned = answer.get("scanned", answer)  # of a small shard it stands in what is said of all of it
    match kind:
        case "no_json":
            return framed(b'{"kind": "done", ')
        case "no_object":
            return framed(b'["done"]')
        case "deep":
            return framed(b"[" * 1_000_000)
        case "no_utf8":
            return framed(honest.replace(b'"scananswer"', b'"do\xff\xfe"'))
        case "no_text":
            return framed(json.dumps({"kind": "failed", "error": "\ud800", "error_kind": "fault"}).encode())
        case "missing":
            del scanned["counts"]
            return framed(json.dumps(answer).encode(), payload)
        case "other_shard":
            problem = {"shard": "honest", "row_group": None, "row": None, "kind": "unreadable", "reason": "it says so"}
            scanned["problems"] = [problem]
            return framed(json.dumps(answer).encode(), payload)
        case "refuses":
            return framed(b'{"kind": "refused", "error": "no", "name": "annotations"}')
        case "endless":
            return (1 << 60).to_bytes(8, "little") * 2
        case "negative":
            scanned["rows_read"] = -5
            return framed(json.dumps(answer).encode(), payload)
        case "half":
            return framed(honest, payload)[:-1]
        case _:
            return framed(honest, payload)


def main() -> None:
    do, write_frame = worker.Worker.do, child.write_frame
    told: list[str] = []

    def remember(self: worker.Worker, task: Any) -> child.Result:
        told[:] = [Path(task.shard).stem] if isinstance(task, Scan | ScanWhole) else []
        return do(self, task)

    def lying(file: IO[bytes], header: bytes, payload: bytes) -> None:
        if not told or b'"kind":"scananswer"' not in header:
            write_frame(file, header, payload)
            return
        os.write(file.fileno(), lie(told[0], header, bytes(payload)))
        if told[0] == "half":
            time.sleep(600)

    worker.Worker.do = remember  # type: ignore[method-assign]
    child.write_frame = lying  # type: ignore[assignment]
    worker.main()
