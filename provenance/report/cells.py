"""Values as HTML: each number carries its column and its exact value, so that a test, or an expert, can compare it."""

import json
import shlex
from collections.abc import Callable
from datetime import datetime
from typing import Any

from markupsafe import Markup, escape

from provenance.display.text import percent, safe, size, utc

Row = dict[str, Any]


def raw(value: object) -> str:
    """A value exactly, as the attribute `data-v` has it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, datetime) else str(value)


def expectation(value: float) -> str:
    """How many matches chance would make, for people."""
    if value <= 0:
        return "0"
    return f"{value:.2g}" if value >= 1e-4 else "below 0.0001"


def shell(command: str | list[str]) -> str:
    """A command line, given as a list or as that in JSON, as one types it."""
    return safe(shlex.join(map(str, json.loads(command) if isinstance(command, str) else command)))


FORMS: dict[str, Callable[[Any], str]] = {
    "int": "{:,}".format,
    "percent": percent,
    "size": size,
    "seconds": "{:,.1f} s".format,
    "times": "{:.2f}".format,
    "expectation": expectation,
    "utc": utc,
    "date": str,
    "yes": lambda value: "yes" if value else "no",
}
NUMBERS = {"int", "percent", "size", "seconds", "times", "expectation"}


def shown(row: Row, column: str, form: str = "text") -> str:
    """A value as text for people; nothing for a null."""
    value = row[column]
    if value is None:
        return ""
    return safe(str(value)) if form == "text" else FORMS[form](value)


def cell(row: Row, column: str, form: str = "text", look: str = "") -> Markup:
    """A cell of a table."""
    classes = f"{look} n".lstrip() if form in NUMBERS else look
    shape = f' class="{escape(classes)}"' if classes else ""
    exact = "" if form == "text" else f' data-v="{escape(raw(row[column]))}"'
    return Markup(f'<td{shape} data-c="{escape(column)}"{exact}>{escape(shown(row, column, form))}</td>')


def value(row: Row, column: str, form: str = "int") -> Markup:
    """A value within a sentence."""
    if form == "text":
        return Markup(f'<span data-c="{escape(column)}">{escape(shown(row, column))}</span>')
    exact = escape(raw(row[column]))
    return Markup(f'<data value="{exact}" data-c="{escape(column)}">{escape(shown(row, column, form))}</data>')


def counted(row: Row, column: str, noun: str, nouns: str = "") -> Markup:
    """A count and what is counted: `1 work`, `2 works`."""
    return value(row, column) + " " + (noun if row[column] == 1 else nouns or noun + "s")
