"""Every page can be read: files, lists of parameters and nesting stay short, and nothing is imported on the way."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "provenance"

MOST_LINES, MOST_PARAMETERS, MOST_LEVELS = 300, 8, 4
NESTING = (ast.For, ast.While, ast.If, ast.With, ast.Try, ast.Match, ast.AsyncFor, ast.AsyncWith)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """How many there are, without `self`."""
    arguments = function.args
    names = [one.arg for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    return len([name for name in names if name not in ("self", "cls")])


def levels(node: ast.AST, level: int = 0) -> int:
    """How deep the statements of a function are nested; `elif` is no level, and a function within begins anew."""
    deepest = level
    for field, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or isinstance(child, FUNCTIONS):
                continue
            chained = isinstance(node, ast.If) and field == "orelse" and len(node.orelse) == 1
            below = isinstance(child, NESTING) and not (chained and isinstance(child, ast.If))
            deepest = max(deepest, levels(child, level + below))
    return deepest


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, FUNCTIONS):
            yield node


def too_much(package: Path) -> list[str]:
    """Every place that breaks a rule above, one line each."""
    places = []
    for path in sorted(package.rglob("*.py")):
        name, text = path.relative_to(package), path.read_text()
        if (lines := text.count("\n")) > MOST_LINES:
            places.append(f"{name} has {lines} lines")
        for function in functions(ast.parse(text)):
            place = f"{name}:{function.lineno} {function.name}"
            if (count := parameters(function)) > MOST_PARAMETERS and name.parts[0] != "kernels":
                places.append(f"{place} has {count} parameters")
            if (depth := levels(function)) > MOST_LEVELS and name.parts[0] != "kernels":
                places.append(f"{place} is nested {depth} deep")
    return places


def test_files_parameters_and_nesting_stay_short():
    assert too_much(PACKAGE) == []


def test_the_check_itself_catches_what_it_must(tmp_path):
    long = "def f(a, b, c, d, e, f, g, h, i): pass\n"
    deep = "def g():\n" + "".join(f"{' ' * n}if {n}:\n" for n in range(1, 6)) + " " * 6 + "pass\n"
    (tmp_path / "bad.py").write_text(long + deep + "#\n" * 300)
    assert too_much(tmp_path) == [
        "bad.py has 308 lines", "bad.py:1 f has 9 parameters", "bad.py:2 g is nested 5 deep",
    ]  # fmt: skip


def test_a_chain_of_elifs_is_one_level():
    chain = ast.parse("def f(a):\n if a == 1:\n  x\n elif a == 2:\n  y\n elif a == 3:\n  z\n else:\n  u\n")
    assert levels(next(functions(chain))) == 1
