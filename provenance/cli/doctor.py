"""`provenance doctor`: whether this machine can scan, and what to mend."""

from __future__ import annotations

import json
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from provenance.doctor.finding import Finding
    from provenance.sketch import Key

FILE = click.Path(path_type=Path)


@click.command("doctor", context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--index", type=FILE, help="Index to open and verify too.")
@click.option("--key-file", type=FILE, help="Key that the index was built with.")
@click.option("--dir", "folder", type=FILE, default=Path(), show_default=True, help="Directory that runs will go to.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(index: Path | None, key_file: Path | None, folder: Path, as_json: bool) -> None:
    """Check this machine: packages, processor, memory, limits, disks, clock, credentials, scheduler, and a small scan.

    Credentials are told by their names alone. Nothing is sent anywhere. Exit code 3 when something failed.

    \b
    provenance doctor
    provenance doctor --index indexes/books --dir runs/
    srun provenance doctor --json
    """
    from provenance._version import __version__
    from provenance.doctor.checks import examine
    from provenance.doctor.finding import FAILED, WARNING

    _write_anything()
    findings = []
    for finding in examine(folder, index, lambda: _key(key_file), _say_compiling):
        findings.append(finding)
        if not as_json:
            _print(finding)
    failed, warned = (sum(finding.state == state for finding in findings) for state in (FAILED, WARNING))
    if as_json:
        told = [vars(finding) for finding in findings]
        click.echo(json.dumps({"version": __version__, "ok": not failed, "findings": told}, indent=1))
    else:
        click.echo(_verdict(failed, warned))
    if failed:
        sys.exit(3)


def _write_anything() -> None:
    """Let a terminal that has not a character get its number, and no error."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _key(path: Path | None) -> Key | None:
    from provenance.cli.options import read_key

    return read_key(path)


@cache
def _say_compiling() -> None:
    click.echo("compiling for this processor, once, which takes a minute", err=True)


def _print(finding: Finding) -> None:
    from provenance.cli.printing import safe

    click.echo(f"{finding.state:<8} {finding.name:<11} {safe(finding.text)}")
    if finding.remedy:
        click.echo(f"{'':<20} -> {safe(finding.remedy)}")


def _verdict(failed: int, warned: int) -> str:
    from provenance.cli.printing import number

    if failed:
        return f"{number(failed, 'check')} failed: mend that first."
    return f"This machine can scan; {number(warned, 'warning')}." if warned else "This machine can scan."
