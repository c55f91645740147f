"""What a scan loads: the kernels, which are compiled for this processor, where their code is kept, and who may write
there; an index, read whole.
"""

import os
from collections.abc import Callable
from pathlib import Path

import provenance.index.building
import provenance.matching.matcher  # noqa: F401  (kernels are known once they are imported)
from provenance.display.text import number, size
from provenance.doctor.checks import OK, WARNING, Diagnoses, Diagnosis
from provenance.doctor.machine import memory_available
from provenance.index.opening import Index
from provenance.kernels.compiling import compiled_code
from provenance.sketch import Key


def kernels() -> Diagnoses:
    """Whether machine code can be kept, and is there for this processor."""
    cache = compiled_code()
    folders = ", ".join(cache.folders)
    if cache.unkept:
        remedy = "set PROVENANCE_CACHE to a directory that can be written"
        yield Diagnosis("kernels", WARNING, "code can be kept nowhere: each process compiles for a minute", remedy)
    elif cache.compiled:
        text = f"{cache.compiled} of {cache.kernels} compiled for {cache.processor}, in {folders}"
        yield Diagnosis("kernels", OK, text)
    else:
        text = f"none compiled for {cache.processor} in {folders}: what runs first takes a minute longer"
        yield Diagnosis("kernels", OK, text)
    for folder in cache.folders:
        if _others_may_write(Path(folder)):
            text = f"everybody may write to {folder}, and what is in it is executed"
            yield Diagnosis("kernels", WARNING, text, f"take that right from them: chmod o-w {folder}")


def _others_may_write(folder: Path) -> bool:
    try:
        return os.name == "posix" and bool(folder.stat().st_mode & 0o002)
    except OSError:
        return False


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
