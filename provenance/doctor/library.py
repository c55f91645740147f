"""An index, read whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from provenance.doctor.diagnosis import OK, WARNING, Diagnoses, Diagnosis, counted, size
from provenance.doctor.machine import memory_available
from provenance.index.opening import Index
from provenance.sketch import Key


def index_verified(folder: Path, read_key: Callable[[], Key | None]) -> Diagnoses:
    """Open an index, read all of it, and compare its digests."""
    opened = Index(folder, read_key())
    opened.verify()
    total = sum(int(entry["bytes"]) for entry in opened.manifest["files"].values())
    counts = opened.manifest["counts"]
    text = f"{folder}: whole; {counted(counts['editions'], 'edition')}, {counts['words']:,} words, {size(total)}"
    available = memory_available()
    if available is not None and total > available:
        remedy = "use a machine with more memory, or a coarser --scale"
        yield Diagnosis(
            "index", WARNING, f"{text}, more than the memory available: it will be read again and again", remedy
        )
    else:
        yield Diagnosis("index", OK, text)
