"""Options by which a command is told what is known of books, and where their files say it."""

from __future__ import annotations

from collections.abc import Callable

import click

METADATA_HELP = "CSV or Parquet with id, file or isbn, and title, author, isbn, year, publisher, ..., work_id."
COLUMNS_HELP = "Columns of Parquet books, keys of JSON lines: id=...,title=...,author=...,text=..."
FACTS = {
    "title": "Title",
    "author": "Author",
    "isbn": "ISBN",
    "year": "Year",
    "publisher": "Publisher",
    "language": "Language",
    "rights_holder": "Rights holder",
    "registration": "Registration number",
    "licence": "Licence",
    "work_id": "Work",
}  # known here too, so that help needs no import


def parse_columns(ctx: click.Context, parameter: click.Parameter, value: str) -> dict[str, str]:
    """The value of --columns; raises click.BadParameter for what is none."""
    pairs = [item.partition("=") for item in value.split(",") if item]
    if any(name not in ("id", "title", "author", "text") or not column for name, _, column in pairs):
        raise click.BadParameter("give them as id=...,title=...,author=...,text=...")
    return {name: column for name, _, column in pairs}


def fact_options(function: Callable[..., None]) -> Callable[..., None]:
    """An option for each fact, in their order."""
    for name, noun in reversed(FACTS.items()):
        option = f"--{name.replace('_', '-')}"
        function = click.option(option, name, metavar="TEXT", help=f"{noun} of the book, if there is only one.")(
            function
        )
    return function
