"""What the terminal gets: tables, numbers for people, and text from data made harmless."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

from provenance.display.text import number, percent, safe, size

__all__ = ["number", "percent", "safe", "safe_lines", "size", "table", "width"]


def safe_lines(text: str) -> str:
    """Lines that end in CR LF as lines of a terminal, each made harmless."""
    return "\n".join(map(safe, text.split("\r\n")))


def table(columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[Any]], title: str = "") -> None:
    """Print a table on stdout; `columns` are headings with `left` (wraps), `fixed` or `right`."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

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
    from rich.console import Console

    return Console(file=sys.stdout).width if sys.stdout.isatty() else 140
