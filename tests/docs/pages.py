"""Takes pages of the docs apart: commands, programs in Python, and files that a page gives, each with its place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
RUN = ("README.md", "docs/*.md", "indexes/README.md", "CONTRIBUTING.md")  # whose commands are all run
OF_OTHERS = {"docs/pipelines.md": "tests/adapters", "docs/two-party.md": "tests/two_party"}  # which run them
COMMAND_WORDS = ("provenance", "python", "make", "pip", "openssl", "cosign", "git", "srun", "sbatch", "ray")
LABELS = {"": "shell", "sh": "shell", "bash": "shell", "python": "python", "toml": "toml", "sql": "sql", "text": "text"}
QUESTIONS = "docs/report.md"  # tests/report/test_numbers.py asks them all
FENCE = re.compile(r"^```(\S*)[^\n]*\n(.*?)^```$", re.M | re.S)
NAMED = re.compile(r"^.*?#\s*(?P<name>[\w-]+\.toml)\s*$", re.M)


@dataclass(frozen=True)
class Piece:
    """Something in a page that can be run: `shell` (one command), `inline` (one, inside a sentence) or `python`."""

    page: str
    line: int
    kind: str
    text: str

    @property
    def place(self) -> str:
        """Where it stands."""
        return f"{self.page}:{self.line}"


def pages() -> list[str]:
    """The pages, as paths below the root."""
    found = {path.relative_to(ROOT).as_posix() for pattern in RUN for path in ROOT.glob(pattern)}
    return sorted(found - OF_OTHERS.keys())


def pieces(page: str, text: str) -> list[Piece]:
    """All that can be run, in the order in which it stands there; raises ValueError for a block of unknown kind."""
    found = [piece for block in FENCE.finditer(text) for piece in _of_block(page, text, block)]
    return sorted([*found, *_inline(page, text)], key=lambda piece: piece.line)


def files(text: str) -> dict[str, str]:
    """The TOML files that a page gives: blocks whose first line says its name in a comment."""
    given = {}
    for block in FENCE.finditer(text):
        name = NAMED.match(block[2].partition("\n")[0]) if block[1] == "toml" else None
        if name:
            given[name["name"]] = block[2]
    return given


def _of_block(page: str, text: str, block: re.Match[str]) -> Iterator[Piece]:
    first = text.count("\n", 0, block.start(2)) + 1
    kind = LABELS.get(block[1])
    if kind is None:
        raise ValueError(f"{page}:{first - 1}: a block of {block[1]!r}; there are {', '.join(filter(None, LABELS))}")
    if kind == "shell":
        yield from _commands(page, first, block[2])
    elif kind == "python":
        yield Piece(page, first, "python", block[2])
    elif kind == "sql" and page != QUESTIONS:
        raise ValueError(
            f"{page}:{first}: nothing asks this; write it as `provenance query run.duckdb` with the question"
        )
    elif kind == "toml" and not NAMED.match(block[2].partition("\n")[0]):
        raise ValueError(f"{page}:{first}: say in a comment behind the first line which file this is: # name.toml")
    elif kind == "text" and (hidden := re.search(rf"^\$? ?(?:{'|'.join(COMMAND_WORDS)}) \S", block[2], re.M)):
        raise ValueError(f"{page}:{first}: a block of text has a command, which is not run: {hidden[0]}")


def _commands(page: str, first: int, block: str) -> Iterator[Piece]:
    """Commands of a block: one a line, unless it goes on behind a backslash or has a document in it (`<<`)."""
    if "<<" in block:
        yield Piece(page, first, "shell", block)
        return
    lines = iter(enumerate(block.splitlines(), first))
    for number, line in lines:
        command = line
        while command.endswith("\\"):
            command = command[:-1] + next(lines)[1]
        command = re.sub(r"\s+#\s.*$", "", command).strip()
        if command and not command.startswith("#"):
            yield Piece(page, number, "shell", command)


def _inline(page: str, text: str) -> Iterator[Piece]:
    """Commands inside sentences: what stands in backticks and begins with a command."""
    prose = FENCE.sub(lambda block: "\n" * block[0].count("\n"), text)
    for span in re.finditer(rf"`((?:{'|'.join(COMMAND_WORDS)}) [^`\n\\]+)`", prose):
        yield Piece(page, prose.count("\n", 0, span.start()) + 1, "inline", span[1])
