"""Tables on the terminal, with text from data made harmless."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from provenance.display.text import safe


def safe_lines(text: str) -> str:
    """Lines that end in CR LF as lines of a terminal, each made harmless."""
    return "\n".join(map(safe, text.split("\r\n")))


def table(columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[Any]], title: str = "") -> None:
    """Print a table on stdout; `columns` are headings with `left` (wraps), `fixed` or `right`."""
    console = Console(file=sys.stdout, highlight=False, width=width())
    out = Table(title=Text(safe(title)) if title else None, title_justify="left", box=None, pad_edge=False)
    for heading, side in columns:
        out.add_column(
            Text(safe(heading), style="bold"),
            justify="right" if side == "right" else "left",
            no_wrap=side != "left",
            overflow="fold",
        )
    for row in rows:
        out.add_row(*(Text(safe("" if value is None else str(value))) for value in row))
    console.print(out)


def width() -> int:
    """Columns of the terminal; a file gets 140."""
    return Console(file=sys.stdout).width if sys.stdout.isatty() else 140
