"""Imports point downwards only, and what only one layer may know stays there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "provenance"

ORDER = (  # lowest first; a module imports from its own layer and those before it
    "_version", "errors", "arrays", "files", "options", "display", "process", "statistics",
    "documents", "isolation", "storage", "text", "kernels", "sketch", "readers", "index", "matching", "shards",
    "store", "units", "runs", "cleaning", "selftest", "demo", "verify", "compare", "report", "evidence", "results",
    "adapters", "doctor", "cli", "__main__",
)  # fmt: skip

ONLY_IN = {
    "duckdb": {"store"},
    "click": {"cli"},
    "rich": {"cli"},
    "numba": {"kernels"},
    "tqdm": {"cli"},
    "ray": {"runs"},
    "obstore": {"storage"},
    "datasets": {"adapters"},
    "datatrove": {"adapters"},
    "pyspark": {"adapters"},
    "polars": set(),
}
NOT_IN = {
    "kernels": {"pyarrow", "pathlib", "os", "io"},
    "matching": {"pathlib", "os", "io", "duckdb", "pyarrow.parquet"},
    "text": {"pyarrow", "numba"},
}
OPTIONAL = "process/extras.py"  # names packages of every layer, and loads none
FROM_OPTIONAL = "provenance.process.extras."
NOWHERE = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve"}


def layer_of(path: Path, package: Path) -> str:
    return path.relative_to(package).parts[0].removesuffix(".py")


def imports(tree: ast.AST) -> Iterator[str]:
    """Every module imported anywhere in a file, functions included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def calls(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id


def violations(package: Path) -> list[str]:
    """Everything in the package that breaks a rule above, one line each."""
    found = []
    for path in sorted(package.rglob("*.py")):
        layer, tree = layer_of(path, package), ast.parse(path.read_text())
        if path == package / "__init__.py":  # the public names, imported lazily
            continue
        if layer not in ORDER:
            found.append(f"{path.name}: {layer} has no place in ORDER")
            continue
        if path == package / OPTIONAL:
            continue
        modules = {module.removeprefix(FROM_OPTIONAL) for module in imports(tree)}
        for module in modules:
            parts = module.split(".")
            ours = parts[0] == "provenance" and len(parts) > 1 and parts[1] in ORDER
            if ours and ORDER.index(parts[1]) > ORDER.index(layer):
                found.append(f"{path.name}: {layer} imports {module}, which lies above it")
            if parts[0] in ONLY_IN and layer not in ONLY_IN[parts[0]]:
                found.append(f"{path.name}: {layer} imports {parts[0]}")
            if parts[0] in NOWHERE:
                found.append(f"{path.name}: imports {parts[0]}")
        found += [f"{path.name}: {layer} imports {name}" for name in sorted(NOT_IN.get(layer, set()) & modules)]
        banned = {"eval", "exec", "compile"} | ({"print"} if layer != "cli" else set())
        found += [f"{path.name}: calls {name}()" for name in sorted(banned & set(calls(tree)))]
    return found


def test_imports_point_downwards_and_secrets_of_a_layer_stay_there():
    assert violations(PACKAGE) == []


def test_the_check_itself_catches_what_it_must(tmp_path):
    (tmp_path / "text").mkdir()
    (tmp_path / "__init__.py").touch()
    (tmp_path / "text" / "bad.py").write_text(
        "import duckdb\ndef f():\n    from provenance.cli import main\n    import pickle\n    return eval('1')\n"
    )
    (tmp_path / "unknown.py").touch()
    told = " | ".join(violations(tmp_path))
    for expected in ("imports duckdb", "which lies above it", "imports pickle", "calls eval()", "unknown has no place"):
        assert expected in told


WITH_REASON = {  # imports inside functions, by file
    "doctor/checks.py": "what a check needs may be what is broken",
    "isolation/child.py": "there is no `resource` where this is no Unix",
    "readers/collections.py": "a process that parses hostile files has no other use for Arrow",
    "readers/formats.py": "a process that parses hostile files loads the parser that it needs, and no other",
    "readers/process.py": "a process that parses hostile files loads the parser that it needs, and no other",
    "readers/metadata.py": "a process that parses hostile files has no other use for Arrow",
    "readers/unpacking.py": "a process that parses hostile files has no other use for Arrow",
    "index/near.py": "who needs no store does not load its client",
    "storage/folders.py": "who needs no store does not load its client",
    "storage/stores.py": "extras, and a client that is seldom needed",
    "runs/opened.py": "an extra",
    "cleaning/shards.py": "an extra",
    "cli/query.py": "a question whose answer is no CSV loads no Arrow",
}


def test_imports_stand_at_the_top_unless_there_is_a_reason():
    """Those of optional packages stand at the top too: `process/extras.py` loads them when they are used."""
    inside = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        if any(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.walk(function))
    }
    assert inside - WITH_REASON.keys() == set()


def test_the_picture_for_newcomers_names_what_there_is():
    text = (PACKAGE.parent / "CONTRIBUTING.md").read_text()
    picture = text.partition("## Processes and data")[2].split("```")[1]
    places = set(re.findall(r"\b[a-z_]+/(?:[a-z_]+/)?(?:[a-z_]+\.py)?|\b[a-z_]+\.py", picture))
    assert {"runs/engine.py", "isolation/supervisor.py", "store/"} <= places
    assert [place for place in sorted(places) if not (PACKAGE / place).exists()] == []
