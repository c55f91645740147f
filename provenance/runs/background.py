"""Learns what is common in ordinary text: fingerprints of the index that stand in several documents of a background."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec import to_builtins

from provenance.errors import ShardError, UsageError
from provenance.files.digests import text_digest
from provenance.isolation.supervisor import Children, Task
from provenance.matching.common import Known, joined
from provenance.shards.listing import list_shards
from provenance.shards.shard import Part, plan_units
from provenance.units.config import ScanConfig
from provenance.units.payloads import from_payload
from provenance.units.unit import LEARNED_SCHEMA


@dataclass(frozen=True)
class Background:
    """What was learned, and from what."""

    fingerprints: npt.NDArray[np.uint64]  # rising
    record: dict[str, Any]  # as it stands in the record of the run


def no_background() -> Background:
    """Nothing learned, from nothing."""
    return Background(np.empty(0, dtype=np.uint64), {})


def learn(paths: Sequence[str], hello: dict[str, Any], config: ScanConfig, workers: int) -> Background:
    """Read shards of ordinary text in worker processes of their own, which are told `hello`.

    A fingerprint counts once for each document. One document may be a copy of a book, so `background_documents` have to
    agree. Raises UsageError where there is none, ShardError for a file that cannot be read.
    """
    if not paths:
        return no_background()
    files: dict[str, dict[str, Any]] = {}
    for file in list_shards(paths):
        files[file.path] = {"path": file.path, "skipped": file.skipped, "sha256": None, "documents": 0}
    tasks: deque[Task] = deque(
        {"task": "describe", "shard": path, "path": path} for path in files if not files[path]["skipped"]
    )
    if not tasks:
        raise UsageError(f"no shard to learn background from in {', '.join(paths)}")
    known = joined([])
    with Children() as children:
        results = children.run(hello, tasks, min(workers, 2 * len(files)), lambda size: None, lambda: None)
        for header, payload in results:
            if "error" in header:
                raise ShardError(f"background cannot be learned: {header['error']}")
            if header["task"] == "describe":
                pinned = {"shard": header["shard"], "path": header["shard"], "identity": header["identity"]}
                unit = {**pinned, "columns": header["columns"]}
                parts = [Part(**part) for part in header["parts"]]
                tasks.extend(
                    {"task": "learn", "parts": [to_builtins(part) for part in some], **unit}
                    for some in plan_units(parts, config.unit_bytes)
                )
                tasks.append({"task": "digest", **pinned})
            elif header["task"] == "digest":
                files[header["shard"]]["sha256"] = header["sha256"]
            else:
                files[header["shard"]]["documents"] += header["documents"]
                columns = from_payload(payload, LEARNED_SCHEMA, header["shard"]).columns
                known = joined([known, Known(*(column.to_numpy() for column in columns))])
    fingerprints = known.fingerprints[known.documents >= config.background_documents]
    record = {
        "files": list(files.values()),
        "documents": sum(file["documents"] for file in files.values()),
        "least_documents": config.background_documents,
        "fingerprints": int(fingerprints.size),
        "xxh3_128": text_digest(fingerprints.astype("<u8").tobytes()),
    }
    return Background(fingerprints, record)
