"""The words of docs/words.md: those that are retired name nothing any more."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "provenance"
ROW = re.compile(r"^\| (`.+`) \| names of variables and parameters \|", re.MULTILINE)

IN_THE_SENSE_OF_THE_TABLE = {("results/run.py", "found")}
"""`works(found=True)`: a work that is found has a grade."""


def retired() -> set[str]:
    page = (ROOT / "docs" / "words.md").read_text()
    return {word for row in ROW.findall(page.partition("## Retired")[2]) for word in re.findall(r"`(\w+)`", row)}


def names(tree: ast.AST) -> Iterator[str]:
    """Every variable and parameter that is bound in functions; fields of classes are columns of what is written."""
    fields = {id(node.target) for node in ast.walk(tree) if isinstance(node, ast.AnnAssign)} & {
        id(statement.target)
        for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
        for statement in node.body if isinstance(statement, ast.AnnAssign)
    }  # fmt: skip
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and id(node) not in fields:
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg


def test_no_variable_has_a_retired_name():
    words = retired()
    assert words >= {"found", "told", "known", "kept", "said"}
    places = {
        (path.relative_to(PACKAGE).as_posix(), name)
        for path in PACKAGE.rglob("*.py")
        for name in names(ast.parse(path.read_text()))
        if name in words
    }
    assert places == IN_THE_SENSE_OF_THE_TABLE


def test_every_word_of_the_table_is_used():
    page = (ROOT / "docs" / "words.md").read_text().partition("## Retired")[0]
    words = [word for row in re.findall(r"^\| ([a-z][a-z, ]+) \|", page, re.MULTILINE) for word in row.split(", ")]
    code = "\n".join(path.read_text() for path in PACKAGE.rglob("*.py")).lower()
    assert len(words) > 30
    assert [word for word in words if word not in code and word.replace(" ", "_") not in code] == []
