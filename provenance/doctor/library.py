"""An index, read whole."""

from collections.abc import Callable
from pathlib import Path

from provenance.display.text import number, size
from provenance.doctor.checks import OK, WARNING, Diagnoses, Diagnosis
from provenance.doctor.machine import memory_available
from provenance.index.opening import Index
from provenance.sketch import Key


def index_verified(folder: Path, read_key: Callable[[], Key | None]) -> Diagnoses:
    """Open an index, read all of it, and compare its digests."""
    opened = Index(folder, read_key())
    opened.verify()
    total = sum(int(entry["bytes"]) for entry in opened.manifest["files"].values())
    counts, available = opened.manifest["counts"], memory_available()
    text = f"{folder}: whole; {number(counts['editions'], 'edition')}, {counts['words']:,} words, {size(total)}"
    if available is not None and total > available:
        text = f"{text}, more than the memory available: it will be read again and again"
        yield Diagnosis("index", WARNING, text, "use a machine with more memory, or a coarser --scale")
    else:
        yield Diagnosis("index", OK, text)
