"""The commands of the docs that are not run word for word: why, and what is run instead.

All others are run as they stand, in their order, by `test_docs_commands.py`, and have to end with exit code 0.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tests.docs.pages import ROOT

Check = Callable[[str], None]


@dataclass(frozen=True)
class Otherwise:
    """What is done with a command, given by a pattern for all of it.

    `instead` is run in its place, or `check` looks at what it names.
    """

    pattern: str
    why: str
    instead: str = ""  # may use groups of the pattern
    check: Check | None = None
    answers: str = ""  # what is typed

    def matches(self, command: str) -> re.Match[str] | None:
        """Whether it is this one."""
        return re.fullmatch(self.pattern, command)


def extras_exist(command: str) -> None:
    """The extras that `pip install '.[...]'` names are those of the package."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    asked = re.findall(r"\[([\w,]+)\]", command)[0].split(",")
    assert set(asked) <= set(extras), f"no extra {set(asked) - set(extras)}"


def module_exists(command: str) -> None:
    """The module of `python -m MODULE` is there, and has the options that are given to it."""
    _, _, name, *words = command.split()
    found = find_spec(name)
    assert found is not None, f"no module {name}"
    assert found.origin is not None
    whole = Path(found.origin).parent.glob("*.py") if found.submodule_search_locations else [Path(found.origin)]
    source = "".join(path.read_text("utf-8") for path in whole)
    for option in (word for word in words if word.startswith("--")):
        assert f'"{option}"' in source, f"{name} has no {option}"


def file_exists(command: str) -> None:
    """The file of the project that the command starts with, or gives to Python, is there."""
    named = next(word for word in command.split() if "/" in word and "=" not in word and not word.startswith(".venv"))
    assert (ROOT / named).exists(), named


def nothing(command: str) -> None:
    """There is nothing of ours in it."""


FIRST = "'SELECT match_id FROM v_matches ORDER BY ALL LIMIT 1'"
MATCH_ID = f"provenance query run.duckdb {FIRST} --format csv | tail -n 1 | tr -d '\\r'"
DRY = f"make -n -C '{ROOT}' PYTHON='{sys.executable}'"

OTHERWISE = (
    # the project itself
    Otherwise(r"make demo && .*", "CI makes the demo; the picture needs a browser", check=file_exists),
    Otherwise(r"make ([\w -]+)", "CI runs it (.ci/run); here that make knows what to do", rf"{DRY} \1"),
    Otherwise(r"git clone .*", "there is no address to clone from", check=nothing),
    Otherwise(r"\.ci/run", "it is what runs this test", check=file_exists),
    Otherwise(r"pip install '?\.\[.*\]'?", "needs a package index; here that its extras exist", check=extras_exist),
    Otherwise(r"pip install [a-z]+", "needs a package index", check=nothing),
    Otherwise(r"python -m (benchmarks|tests\.fuzz|provenance\.text)\.\w+.*", "takes minutes", check=module_exists),
    Otherwise(r"python (tests/golden|docs/\w+)\.py.*", "rewrites files of the project", check=file_exists),
    # other programs
    Otherwise(
        r"cosign attest-blob --statement (\S+) --bundle \S+ (\S+)",
        "cosign signs with an account of a person; here that the files it signs are there",
        r"test -s \1 && test -s \2",
    ),
    # names that stand for others
    Otherwise(r"(provenance report .*) --work ID", "ID stands for a work", r"\1 --work kjv-ruth"),
    Otherwise(r"(provenance (?:verify|review) .*)--match (?:MATCH_ID|[0-9a-f]{16})(.*)",
               "a match has its name from the run", rf"\1--match $({MATCH_ID})\2"),
    Otherwise(r"provenance verify BUNDLE", "BUNDLE stands for one", "provenance verify evidence.zip"),
    Otherwise(r"provenance inspect FILE", "FILE stands for a shard", "provenance inspect shards/*.parquet"),
    Otherwise(r"provenance index merge A B --out C", "A and B stand for two indexes",
               "provenance index merge indexes/books indexes/new --out C"),
    Otherwise(r'provenance query run\.duckdb "\.\.\."', "tests/report/test_numbers.py asks all questions of the page",
               check=nothing),
    Otherwise(r"provenance selftest", "the name of the command, which needs no more where a file gives the rest",
               "provenance selftest --help"),
    # findings, which the demo's shards are full of
    Otherwise(r"provenance .* --fail-on \w+ --exit-code (\d+)", "the gate trips", r"\g<0> || test $? -eq \1"),
    Otherwise(r"provenance .* --fail-on .*", "the gate trips, or passes", r"\g<0> || test $? -eq 1"),
    Otherwise(r"provenance diff A\.duckdb B\.duckdb", "A and B stand for two runs",
               "provenance diff last.duckdb run.duckdb"),
    Otherwise(r"INDEX=.* docs/examples/pretraining-check\.sh .*", "tests/compare runs the script", check=file_exists),
    # people
    Otherwise(r"provenance review (\S+)(?: --name .*)?", "it asks a person", r"\g<0>", answers="a fine\nr no\ns\nq\n"),
    # clusters
    Otherwise(r"(provenance scan .* --out (?!s3)\S+) --task 3/64", "and the other tasks, which are one here",
               r"\g<0> && \1 --task 1/1"),
    Otherwise(r"(provenance scan .* --engine ray) --ray-address auto", "a cluster of this machine", r"\1"),
)  # fmt: skip


def otherwise(command: str) -> Otherwise | None:
    """What is to be done with a command that is not run word for word."""
    return next((known for known in OTHERWISE if known.matches(command)), None)
