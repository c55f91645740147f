"""What the terminal gets: tables, numbers for people, and text from data made harmless."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any

_SHOWN_AS_NOTHING = (  # Unicode's Default_Ignorable_Code_Point: zero-width, bidi, tags, variations, blank letters
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
# and C0 and C1 controls, line and paragraph separators, marks of annotation, lone surrogates
UNSAFE = re.compile(f"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufff9-\ufffb\ud800-\udfff{_SHOWN_AS_NOTHING}]")


def safe(text: str) -> str:
    r"""The text with every character that could move the cursor, hide or reorder text written out, as `\\x1b`."""
    return UNSAFE.sub(lambda match: match.group().encode("unicode_escape", "surrogatepass").decode(), text)


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


def percent(share: float) -> str:
    """A share as a percentage; what is not nothing never reads as 0 %, what is not all never as 100 %."""
    if 0 < share < 0.0005:
        return "<0.1 %"
    if 0.9995 <= share < 1:
        return ">99.9 %"
    return f"{100 * share:.1f} %"


def size(count: float) -> str:
    """Bytes for people, in powers of 1000."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def number(count: int, noun: str) -> str:
    """`1 row`, `2,000 rows`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
