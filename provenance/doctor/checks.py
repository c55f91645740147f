"""All checks in the order in which they are told; one that fails itself is a finding too.

What is not of the standard library is imported by the check that needs it: it may be what is broken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from provenance.doctor import environment, machine, software
from provenance.doctor.finding import FAILED, OK, WARNING, Finding, Findings, counted, size
from provenance.errors import IndexDamagedError, ProvenanceError

if TYPE_CHECKING:
    from provenance.sketch import Key


def examine(
    folder: str | Path = ".",
    index: str | Path | None = None,
    read_key: Callable[[], Key | None] = lambda: None,
    on_compiling: Callable[[], None] = lambda: None,
) -> Iterator[Finding]:
    """Look at everything, cheap things first. `folder` is where runs will be written, `index` one to verify, for which
    `read_key` gives the key.
    """
    place = Path(folder)
    checks: list[tuple[str, Callable[[], Findings]]] = [
        ("versions", software.versions),
        ("formats", software.formats),
        ("processor", machine.processor_found),
        ("memory", machine.memory),
        ("limits", machine.limits),
        ("directory", lambda: machine.directory(place)),
        ("clock", lambda: machine.clock(place)),
        ("credentials", environment.credentials),
        ("endpoints", environment.endpoints),
        ("scheduler", environment.scheduler),
        ("kernels", software.kernels),
        *([("index", lambda: index_verified(Path(index), read_key))] if index is not None else []),
        ("self-test", lambda: _self_test(place, on_compiling)),
    ]
    for name, check in checks:
        yield from guarded(name, check)


def guarded(name: str, check: Callable[[], Findings]) -> Findings:
    """The findings of a check, and what stopped it."""
    try:
        yield from check()
    except ProvenanceError as error:
        yield Finding(name, FAILED, str(error), _remedy(error))
    except ImportError as error:
        remedy = "install provenance-scanner again, into an environment of its own"
        yield Finding(name, FAILED, f"a package cannot be imported: {error}", remedy)
    except OSError as error:
        yield Finding(
            name, FAILED, f"{error.filename or 'the system'}: {error.strerror or error}", "mend that, and look again"
        )
    except Exception as error:  # what could not be looked at is not known to be well
        yield Finding(name, FAILED, f"the check went wrong: {type(error).__name__}: {error}", "please report this")


def _remedy(error: ProvenanceError) -> str:
    return "build the index again, or copy it again" if isinstance(error, IndexDamagedError) else ""


def index_verified(folder: Path, read_key: Callable[[], Key | None]) -> Findings:
    """Open an index, read all of it, and compare its digests."""
    from provenance.index.opening import Index

    opened = Index(folder, read_key())
    opened.verify()
    total = sum(int(entry["bytes"]) for entry in opened.manifest["files"].values())
    counts = opened.manifest["counts"]
    text = f"{folder}: whole; {counted(counts['editions'], 'edition')}, {counts['words']:,} words, {size(total)}"
    available = machine.memory_available()
    if available is not None and total > available:
        remedy = "use a machine with more memory, or a coarser --scale"
        yield Finding(
            "index", WARNING, f"{text}, more than the memory available: it will be read again and again", remedy
        )
    else:
        yield Finding("index", OK, text)


def _self_test(folder: Path, on_compiling: Callable[[], None]) -> Findings:
    from provenance.doctor.selftest import self_test

    yield from self_test(folder, on_compiling)
