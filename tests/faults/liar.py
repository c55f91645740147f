"""The worker process, taken over by what it parses: how it answers for a shard is said by the name of the shard."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from provenance.units import worker


def framed(header: bytes, payload: bytes = b"") -> bytes:
    return len(header).to_bytes(8, "little") + len(payload).to_bytes(8, "little") + header + payload


def lie(kind: str, header: dict[str, Any], payload: bytes) -> bytes:
    """What is said in place of an answer."""
    honest = json.dumps(header).encode()
    match kind:
        case "no_json":
            return framed(b'{"kind": "done", ')
        case "no_object":
            return framed(b'["done"]')
        case "deep":
            return framed(b"[" * 1_000_000)
        case "no_utf8":
            return framed(honest.replace(b'"done"', b'"do\xff\xfe"'))
        case "no_text":
            return framed(json.dumps({**header, "error": "\ud800", "error_kind": "fault"}).encode())
        case "missing":
            return framed(json.dumps({name: header[name] for name in header if name != "counts"}).encode(), payload)
        case "other_shard":
            return framed(json.dumps({**header, "shard": header["shard"].replace(kind, "honest")}).encode(), payload)
        case "refuses":
            return framed(b'{"kind": "refused", "error": "no", "name": "annotations"}')
        case "endless":
            return (1 << 60).to_bytes(8, "little") * 2
        case "negative":
            return framed(json.dumps({**header, "rows_read": -5}).encode(), payload)
        case "half":
            return framed(honest, payload)[:-1]
        case _:
            return framed(honest, payload)


def main() -> None:
    out, to_parent = os.dup(1), worker.to_parent

    def lying() -> Any:
        send = to_parent()

        def say(header: dict[str, Any], payload: bytes) -> None:
            if header.get("task") != "scan":
                send(header, payload)
                return
            kind = Path(header["shard"]).stem
            os.write(out, lie(kind, header, payload))
            if kind == "half":
                time.sleep(600)

        return say

    worker.to_parent = lying
    worker.main()
