"""What commands print in several lines, as templates. Whatever they show is made harmless."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import click
from jinja2 import Environment

from provenance.display.text import number, percent, safe, size
from provenance.process.templates import environment


@cache
def _environment() -> Environment:
    made = environment(  # for terminals, not for browsers
        "provenance.cli", finalize=lambda one: safe(str(one)), lstrip_blocks=True, keep_trailing_newline=True,
        autoescape=False,
    )  # fmt: skip
    made.filters |= {"counted": counted, "number": number, "percent": percent, "size": size, "thousands": "{:,}".format}
    return made


def say(name: str, values: Mapping[str, Any], err: bool = False) -> None:
    """Print a template with values, on stderr if so asked."""
    click.echo(_environment().get_template(f"{name}.txt.j2").render(values), nl=False, err=err)


def counted(counts: dict[str, int], all_: bool = False) -> str:
    """`3 gained, 1 lost`; what there is none of is left out, unless all are wanted."""
    return ", ".join(f"{count:,} {name}" for name, count in counts.items() if count or all_)
