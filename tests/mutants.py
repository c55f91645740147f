"""What share of small mistakes the tests notice: `make mutants`, or `python -m tests.mutants 30 --seed 7`.

A mutant is the package with one comparison, sign, number or condition changed, in kernels, matching or store. It is
killed when a test of its room fails, or does not end. Survivors are printed with the line that was changed: each is a
claim that no test makes, or a change that changes nothing.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
TESTS = {
    "kernels": ("tests/kernels", "tests/matching"),
    "matching": ("tests/matching", "tests/adapters/test_adapter_tables.py"),
    "store": ("tests/store", "tests/results", "tests/compare", "tests/report/test_numbers.py", "tests/verify"),
}
"""The tests of each room; of a kernel those of its own file come first."""

MOST_SECONDS = 600  # of the tests of a mutant; one that takes longer hangs, which somebody would notice

COMPARISONS = {
    ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "==", ast.Is: "is not",
    ast.IsNot: "is", ast.In: "not in", ast.NotIn: "in",
}  # fmt: skip
SIGNS = {ast.Add: "-", ast.Sub: "+", ast.Mult: "+", ast.FloorDiv: "*", ast.LShift: ">>", ast.RShift: "<<"}


class Mutant(NamedTuple):
    """A change of one line of a file of the package."""

    path: Path  # relative to the project
    line: int  # from 1
    begin: int  # bytes of the line
    end: int
    code: str  # what stands there instead

    def of(self, source: str) -> str:
        """The source with the change."""
        lines = source.splitlines(keepends=True)
        changed = lines[self.line - 1].encode()
        lines[self.line - 1] = (changed[: self.begin] + self.code.encode() + changed[self.end :]).decode()
        return "".join(lines)


def mutants_of(path: Path) -> Iterator[Mutant]:
    """All mutants of a file."""
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if not isinstance(node, ast.expr) or node.lineno != node.end_lineno:
            continue
        code = changed(node)
        if code is not None:
            assert node.end_col_offset is not None
            yield Mutant(path, node.lineno, node.col_offset, node.end_col_offset, code)


def changed(node: ast.expr) -> str | None:
    """An expression with a mistake; None for a kind that none is made of."""
    match node:
        case ast.Compare(left=left, ops=[operator], comparators=[right]):
            return f"({ast.unparse(left)} {COMPARISONS[type(operator)]} {ast.unparse(right)})"
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in SIGNS and not _is_text(left, right):
            return f"({ast.unparse(left)} {SIGNS[type(operator)]} {ast.unparse(right)})"
        case ast.BoolOp(op=ast.And(), values=values):
            return f"({' or '.join(map(ast.unparse, values))})"
        case ast.BoolOp(op=ast.Or(), values=values):
            return f"({' and '.join(map(ast.unparse, values))})"
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return f"bool({ast.unparse(operand)})"
        case ast.Constant(value=int() as number) if not isinstance(number, bool):
            return str(number + 1)
    return None


def _is_text(*nodes: ast.expr) -> bool:
    return any(
        isinstance(n, ast.JoinedStr) or (isinstance(n, ast.Constant) and isinstance(n.value, str)) for n in nodes
    )


def is_killed(mutant: Mutant, folder: Path) -> bool:
    """Whether the tests of its room fail, in a copy of the project."""
    target, room = folder / mutant.path, mutant.path.parts[1]
    source = target.read_text()
    own = Path("tests") / room / f"test_{mutant.path.name}"
    places = [str(own)] if (ROOT / own).is_file() else []
    places += [place for place in TESTS[room] if (ROOT / place).exists()]
    options = ("-x", "-q", "-m", "not slow", "-p", "no:cacheprovider", "-p", "no:xdist")
    try:
        target.write_text(mutant.of(source))
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, *places], cwd=folder, timeout=MOST_SECONDS, check=False,
            env={**os.environ, "PYTHONPATH": str(folder)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        return done.returncode != 0
    except subprocess.TimeoutExpired:
        return True
    finally:
        target.write_text(source)


def main() -> None:
    """Try a sample of mutants, as many of each room, and print the share that was killed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int, nargs="?", default=30, help="how many mutants, of all rooms together")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    dice, killed, tried = random.Random(asked.seed), 0, 0
    with TemporaryDirectory(prefix="mutants-") as place:
        folder = Path(place) / "project"
        hidden = shutil.ignore_patterns(".git", ".venv", "demo", ".mypy_cache", ".ruff_cache", ".pytest_cache")
        shutil.copytree(ROOT, folder, ignore=hidden)
        for room in TESTS:
            files = sorted((ROOT / "provenance" / room).rglob("*.py"))
            every = [mutant for file in files for mutant in mutants_of(file.relative_to(ROOT))]
            for mutant in dice.sample(every, asked.count // len(TESTS)):
                tried += 1
                if is_killed(mutant, folder):
                    killed += 1
                    continue
                line = (ROOT / mutant.path).read_text().splitlines()[mutant.line - 1].strip()
                sys.stdout.write(f"survived: {mutant.path}:{mutant.line} `{line}` with {mutant.code}\n")
                sys.stdout.flush()
    sys.stdout.write(f"{killed} of {tried} mutants were killed ({killed / max(1, tried):.0%}), seed {asked.seed}\n")


if __name__ == "__main__":
    main()
