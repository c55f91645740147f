"""`provenance doctor`: whether this machine can scan, and what to mend."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance._version import __version__
from provenance.cli.definitions.machine import Doctor
from provenance.display.text import number, safe
from provenance.doctor.checks import FAILED, WARNING, Diagnosis, examine

if TYPE_CHECKING:
    from provenance.sketch import Key


def run(options: Doctor) -> None:
    """Check this machine."""
    _write_anything()
    diagnoses = []
    for diagnosis in examine(options.folder, options.index, lambda: _key(options.key_file), _say_compiling):
        diagnoses.append(diagnosis)
        if not options.as_json:
            _print(diagnosis)
    failed, warned = (sum(diagnosis.state == state for diagnosis in diagnoses) for state in (FAILED, WARNING))
    if options.as_json:
        records = [vars(diagnosis) for diagnosis in diagnoses]
        click.echo(json.dumps({"version": __version__, "ok": not failed, "diagnoses": records}, indent=1))
    else:
        warnings = f"; {number(warned, 'warning')}" if warned else ""
        good = f"This machine can scan{warnings}."
        click.echo(f"{number(failed, 'check')} failed: mend that first." if failed else good)
    if failed:
        sys.exit(3)


def _write_anything() -> None:
    """Let a terminal that has not a character get its number, and no error."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _say_compiling() -> None:
    message = "compiling for this processor, once, which takes a minute"
    import_module("provenance.cli.compiling").tell_compiling(message)


def _key(file: Path | None) -> Key:
    """The key, read by the check that needs it: what it imports may be what is broken."""
    key: Key = import_module("provenance.sketch").Key.from_file(file)
    return key


def _print(diagnosis: Diagnosis) -> None:
    click.echo(f"{diagnosis.state:<8} {diagnosis.name:<11} {safe(diagnosis.text)}")
    if diagnosis.remedy:
        click.echo(f"{'':<20} -> {safe(diagnosis.remedy)}")
