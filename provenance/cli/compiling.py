"""Says on stderr that kernels are compiled, and where their code is kept if that is not the usual place."""

from functools import cache

import click

from provenance.display.text import safe
from provenance.kernels.compiling import unusual_place


@cache
def tell_unusual_place() -> None:
    """Name the folder on stderr; once, however many processes compile."""
    if note := unusual_place():
        click.echo(f"provenance: {safe(note)}", err=True)


@cache
def tell_compiling(message: str) -> None:
    """Say it once, though the index and every worker may have something to compile."""
    click.echo(message, err=True)
    tell_unusual_place()
