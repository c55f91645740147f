"""Every test claims something whatever comes out: not only inside a condition, or a loop over what was computed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).parent
LOOP_MAKERS = {"enumerate", "zip", "range", "sorted", "reversed", "list", "product", "permutations", "combinations"}
METHODS = {"items", "keys", "values", "split", "splitlines"}  # of a constant
OUTER = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


def constants(tree: ast.Module) -> set[str]:
    """Names that a module binds itself, and those in capitals that it imports: what tests loop over on purpose."""
    bound = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    imported = {
        name.asname or name.name for node in tree.body if isinstance(node, ast.ImportFrom) for name in node.names
    }
    return bound | {name for name in imported if name.isupper()}


def called(node: ast.Call) -> str:
    """The name of what is called, without the module or object that it is of."""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def is_given(node: ast.expr, known: set[str]) -> bool:
    """Whether a loop over this has turns for certain: it is written out, or a constant, not computed."""
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return any(not isinstance(item, ast.Starred) or is_given(item.value, known) for item in node.elts)
    if isinstance(node, ast.Dict):
        return bool(node.keys)
    if isinstance(node, ast.Constant):
        return bool(node.value)
    if isinstance(node, ast.Name):
        return node.id in known
    if isinstance(node, ast.Attribute | ast.Subscript):
        return is_given(node.value, known)
    if isinstance(node, ast.Call) and called(node) in LOOP_MAKERS:
        return bool(node.args) and all(is_given(argument, known) for argument in node.args)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in METHODS:
        return is_given(node.func.value, known)
    if isinstance(node, ast.BinOp):
        return is_given(node.left, known) or is_given(node.right, known)
    return False


def certain(body: list[ast.stmt], known: set[str]) -> Iterator[ast.AST]:
    """Statements and expressions that are run whatever is computed."""
    known = set(known)
    for statement in body:
        if isinstance(statement, ast.If):
            branches = [list(certain(branch, known)) for branch in (statement.body, statement.orelse)]
            if all(any(is_claim(node, set()) for node in branch) for branch in branches):
                yield from branches[0]
        elif isinstance(statement, ast.For):
            if is_given(statement.iter, known):
                yield from certain(statement.body, known)
        elif isinstance(statement, ast.While):
            yield from ast.walk(statement.test)
        elif isinstance(statement, ast.With):
            for item in statement.items:
                yield from ast.walk(item.context_expr)
            yield from certain(statement.body, known)
        elif isinstance(statement, ast.Try):
            yield from certain([*statement.body, *statement.finalbody], known)
        elif not isinstance(statement, OUTER):
            yield from ast.walk(statement)
            if isinstance(statement, ast.Assign) and is_given(statement.value, known):
                known |= {target.id for target in statement.targets if isinstance(target, ast.Name)}


def is_claim(node: ast.AST, helpers: set[str]) -> bool:
    """An assert, what must raise, a command that must end well, or a call of a helper that claims."""
    if isinstance(node, ast.Assert):
        return not isinstance(node.test, ast.Constant)
    if not isinstance(node, ast.Call):
        return False
    name = called(node)
    must = any(keyword.arg == "check" and getattr(keyword.value, "value", False) is True for keyword in node.keywords)
    return must or name in {"raises", "warns", "fail"} or name in helpers


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def helpers_that_claim(every: list[tuple[str, list[ast.AST]]]) -> set[str]:
    """Functions of the tests, by name, that claim something for certain; those that call them too."""
    helpers: set[str] = set()
    while more := {
        name
        for name, nodes in every
        if not name.startswith("test_") and name not in helpers and any(is_claim(node, helpers) for node in nodes)
    }:
        helpers |= more
    return helpers


def without_claims(sources: dict[str, str]) -> list[str]:
    """Tests that pass when nothing is computed, as `FILE::TEST`."""
    trees = {file: ast.parse(source) for file, source in sources.items()}
    every = [
        (file, function.name, list(certain(function.body, constants(tree))))
        for file, tree in trees.items()
        for function in functions(tree)
    ]
    helpers = helpers_that_claim([(name, nodes) for _, name, nodes in every])
    return [
        f"{file}::{name}"
        for file, name, nodes in every
        if name.startswith("test_") and not any(is_claim(node, helpers) for node in nodes)
    ]


def test_every_test_claims_something_whatever_comes_out():
    sources = {str(path.relative_to(FOLDER)): path.read_text("utf-8") for path in sorted(FOLDER.rglob("*.py"))}
    assert without_claims(sources) == []


def test_a_test_that_can_only_pass_is_named_and_no_other():
    empty = "def test_none():\n    for row in match():\n        assert row\n"
    sure = "def test_one():\n    rows = match()\n    assert rows\n    for row in rows:\n        assert row\n"
    given = "NAMES = 'a b'\ndef test_two():\n    for name in NAMES.split():\n        assert name\n"
    helper = (
        "def check(x):\n    assert x\ndef test_three():\n    check(1)\ndef test_four():\n    if x:\n        check(1)\n"
    )
    raising = "def test_five():\n    with pytest.raises(ValueError):\n        match()\n"
    either = "def test_six():\n    if x:\n        assert a\n    else:\n        assert b\n"
    sources = {"a.py": empty, "b.py": sure, "c.py": given, "d.py": helper, "e.py": raising, "f.py": either}
    assert without_claims(sources) == ["a.py::test_none", "d.py::test_four"]
