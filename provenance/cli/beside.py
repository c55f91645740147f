"""Prints a match as two columns, document and edition; what differs is marked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import IO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from provenance.cli.tables import width
from provenance.display.text import safe

MARKS = {"replaced": ("[", "]"), "extra": ("{+", "+}"), "missing": ("[-", "-]")}  # without colours

Pieces = Iterable[tuple[str, str]]  # kind and text of each stretch of a side


def print_beside(out: IO[str], headings: Sequence[str], sides: Sequence[Pieces], most: int | None = None) -> None:
    """Print both sides; with `most`, at most so many characters of each."""
    console = Console(file=out, highlight=False, width=width())
    columns = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), expand=True)
    for heading in headings:
        columns.add_column(heading, ratio=1, overflow="fold")
    columns.add_row(*(marked(side, console.is_terminal, most) for side in sides))
    console.print(columns)


def marked(pieces: Pieces, colours: bool, most: int | None) -> Text:
    """One side; what differs is bold and red in a terminal, and in brackets elsewhere."""
    shown = Text()
    for kind, text in pieces:
        words = safe(" ".join(text.split()))
        if not words:
            continue
        if kind == "equal":
            shown.append(words + " ")
        else:
            before, after = ("", "") if colours else MARKS[kind]
            shown.append(before + words + after, style="bold red")
            shown.append(" ")
        if most is not None and len(shown) > most:
            shown.truncate(most)
            shown.append(" ... (--full shows all)")
            break
    return shown
