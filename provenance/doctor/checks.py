"""What a check says, and all checks in the order in which they are told; one that fails itself is a diagnosis too.

A module of checks is imported when its first check runs: what it needs may be what is broken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provenance.errors import IndexDamagedError, ProvenanceError

if TYPE_CHECKING:
    from provenance.sketch import Key

OK, WARNING, FAILED = "ok", "warning", "failed"


@dataclass(frozen=True)
class Diagnosis:
    """One thing that was looked at. Texts may hold what the environment says: they are escaped where they are shown."""

    name: str
    state: str  # OK; WARNING: scans work, but less well or not all of them; FAILED: do not scan here
    text: str
    remedy: str = ""  # what to do, where something is wrong


Diagnoses = Iterator[Diagnosis]


def examine(
    place: Path, index: Path | None, read_key: Callable[[], Key | None], on_compiling: Callable[[], None]
) -> Iterator[Diagnosis]:
    """Look at everything, cheap things first. `place` is where runs will be written, `index` one to verify, for which
    `read_key` gives the key.
    """
    checks: list[tuple[str, str, tuple[Any, ...]]] = [
        ("versions", "software:versions", ()),
        ("formats", "software:formats", ()),
        ("processor", "machine:processor_found", ()),
        ("memory", "machine:memory", ()),
        ("limits", "machine:limits", ()),
        ("directory", "machine:directory", (place,)),
        ("clock", "machine:clock", (place,)),
        ("credentials", "environment:credentials", ()),
        ("endpoints", "endpoints:endpoints", ()),
        ("scheduler", "environment:scheduler", ()),
        ("kernels", "loaded:kernels", ()),
        *([("index", "loaded:index_verified", (index, read_key))] if index is not None else []),
        ("self-test", "selftest:self_test", (place, on_compiling)),
    ]
    for name, check, arguments in checks:
        yield from guarded(name, partial(_run, *check.split(":"), *arguments))


def _run(module: str, name: str, *arguments: Any) -> Diagnoses:
    diagnoses: Diagnoses = getattr(import_module(f"provenance.doctor.{module}"), name)(*arguments)
    return diagnoses


def guarded(name: str, check: Callable[[], Diagnoses]) -> Diagnoses:
    """The diagnoses of a check, and what stopped it."""
    try:
        yield from check()
    except ProvenanceError as error:
        remedy = "build the index again, or copy it again" if isinstance(error, IndexDamagedError) else ""
        yield Diagnosis(name, FAILED, str(error), remedy)
    except ImportError as error:
        remedy = "install provenance-scanner again, into an environment of its own"
        yield Diagnosis(name, FAILED, f"a package cannot be imported: {error}", remedy)
    except OSError as error:
        text = f"{error.filename or 'the system'}: {error.strerror or error}"
        yield Diagnosis(name, FAILED, text, "mend that, and look again")
    except Exception as error:  # what could not be looked at is not known to be well
        yield Diagnosis(name, FAILED, f"the check went wrong: {type(error).__name__}: {error}", "please report this")
