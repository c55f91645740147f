"""Tables on the terminal, and a match as two columns of one; text from data is made harmless."""

import sys
from collections.abc import Iterable, Sequence
from typing import IO, Any, Literal, NoReturn

from rich.console import Console
from rich.table import Table
from rich.text import Text

from provenance.display.text import safe

MARKS = {"replaced": ("[", "]"), "extra": ("{+", "+}"), "missing": ("[-", "-]")}  # without colours

Pieces = Iterable[tuple[str, str]]  # kind and text of each stretch of a side


class _Console(Console):
    """A terminal or file without colours for numbers."""

    def __init__(self, file: IO[str]) -> None:
        super().__init__(file=file, highlight=False, width=width())

    def on_broken_pipe(self) -> NoReturn:
        """See `definition.UNREAD`; rich would end with 1, which means a finding."""
        raise BrokenPipeError


def table(columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[Any]], title: str = "") -> None:
    """Print a table on stdout; `columns` are headings with `left` (wraps), `fixed` or `right`."""
    console = _Console(sys.stdout)
    out = Table(title=Text(safe(title)) if title else None, title_justify="left", box=None, pad_edge=False)
    for heading, side in columns:
        justify: Literal["left", "right"] = "right" if side == "right" else "left"
        out.add_column(Text(safe(heading), style="bold"), justify=justify, no_wrap=side != "left", overflow="fold")
    for row in rows:
        out.add_row(*(Text(safe("" if value is None else str(value))) for value in row))
    console.print(out)


def width() -> int:
    """Columns of the terminal; a file gets 140."""
    return Console(file=sys.stdout).width if sys.stdout.isatty() else 140


def print_beside(out: IO[str], headings: Sequence[str], sides: Sequence[Pieces], most: int | None = None) -> None:
    """Print both sides; with `most`, at most so many characters of each."""
    console = _Console(out)
    columns = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), expand=True)
    for heading in headings:
        columns.add_column(heading, ratio=1, overflow="fold")
    columns.add_row(*(_marked(side, console.is_terminal, most) for side in sides))
    console.print(columns)


def _marked(pieces: Pieces, colours: bool, most: int | None) -> Text:
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
            shown.append(before + words + after, style="bold red").append(" ")
        if most is not None and len(shown) > most:
            shown.truncate(most)
            shown.append(" ... (--full shows all)")
            break
    return shown
