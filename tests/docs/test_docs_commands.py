"""Every command and every program in the docs is run, in the order of its page; a new one cannot stay untested."""

from __future__ import annotations

import shlex
from pathlib import Path

import click
import pytest

from provenance.cli import root
from tests.docs.otherwise import OTHERWISE, module_exists, otherwise
from tests.docs.pages import OF_OTHERS, ROOT, Piece, files, pages, pieces
from tests.docs.world import furnish, run_program
from tests.tools.shell import bash

PAGES = {page: (ROOT / page).read_text("utf-8") for page in pages()}
PIECES = {page: pieces(page, text) for page, text in PAGES.items()}
EVERY = [piece for found in PIECES.values() for piece in found]


def command_of(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that words behind `provenance` name, and its arguments."""
    command: click.Command = root
    words = words[2:] if words[:1] == ["--config"] else words
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(click.Context(command), words[0])
        assert found is not None, f"no command {words[0]}"
        command, words = found, words[1:]
    return command, words


def whole(words: list[str]) -> bool:
    """Whether a command in a sentence can be run: it has all that it needs, and no dots for the rest."""
    if "..." in words:
        return False
    command, arguments = command_of(words)
    if isinstance(command, click.Group):
        return False
    try:
        command.make_context(command.name or "", list(arguments))
    except click.ClickException:
        return False
    except click.exceptions.Exit:  # --help and the like
        return True
    return True


def is_run(piece: Piece) -> bool:
    """All are, but names of commands in sentences."""
    if piece.kind != "inline" or otherwise(piece.text):
        return True
    words = shlex.split(piece.text)
    return words[0] != "provenance" or whole(words[1:])


def ours(piece: Piece) -> bool:
    return piece.kind != "python" and piece.text.startswith("provenance ") and "\n" not in piece.text


@pytest.mark.parametrize("piece", list(filter(ours, EVERY)), ids=lambda piece: piece.place)
def test_commands_and_options_in_the_docs_are_there(piece):
    words = shlex.split(piece.text.split("|")[0])[1:]
    command, arguments = command_of(words)
    known = {name for parameter in command.params for name in [*parameter.opts, *parameter.secondary_opts]}
    given = {word.partition("=")[0] for word in arguments if word.startswith("--")}
    assert given <= known | {"--help", "--version"}


def test_every_entry_of_the_table_is_of_a_command_in_the_docs():
    commands = [piece.text for piece in EVERY if piece.kind != "python"]
    assert [entry.pattern for entry in OTHERWISE if not any(map(entry.matches, commands))] == []


def test_pages_that_other_tests_run_are_run_by_them():
    for page, folder in OF_OTHERS.items():
        assert any(Path(page).name in path.read_text("utf-8") for path in (ROOT / folder).glob("test_*.py")), page


def test_pages_are_taken_apart_as_they_stand():
    shell = "`provenance x y`\n```\nprovenance a \\\n  b # why\n# c\n```\n"
    text = shell + "```toml\n[a]  # f.toml\nb = 1\n```\n```python\n1\n```\n"
    found = [(piece.line, piece.kind, piece.text) for piece in pieces("p.md", text)]
    assert found == [(1, "inline", "provenance x y"), (3, "shell", "provenance a   b"), (12, "python", "1\n")]
    assert files(text) == {"f.toml": "[a]  # f.toml\nb = 1\n"}
    for wrong in (
        "```text\nprovenance a\n```\n",
        "```toml5\na\n```\n",
        "```toml\na = 1\n```\n",
        "```sql\nSELECT 1\n```\n",
    ):
        with pytest.raises(ValueError, match=r"p\.md:"):
            pieces("p.md", wrong)


def test_commands_of_the_benchmarks_are_there():
    found = pieces("benchmarks/README.md", (ROOT / "benchmarks/README.md").read_text("utf-8"))
    commands = {piece.text for piece in found if piece.text.startswith("python -m ")}
    assert len(commands) > 5
    for command in sorted(commands):
        module_exists(command)


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if any(map(is_run, PIECES[page]))])
def test_all_that_a_page_says_to_run_ends_well(page, world, page_folder: Path):
    folder, variables = world
    found = [piece for piece in PIECES[page] if is_run(piece)]
    assert found
    furnish(page_folder, folder, [piece.text for piece in found if piece.kind != "python"], files(PAGES[page]))
    for piece in found:
        if piece.kind == "python":
            done = run_program(piece.text, page_folder, variables)
            assert done.returncode == 0, f"{piece.place}: {done.stderr}"
            continue
        command, answers = piece.text, ""
        if entry := otherwise(piece.text):
            if entry.check is not None:
                entry.check(piece.text)
                continue
            command, answers = entry.matches(piece.text).expand(entry.instead), entry.answers
        done = bash(command, page_folder, variables, answers)
        assert done.returncode == 0, f"{piece.place}: {command}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        assert "Traceback" not in done.stderr, f"{piece.place}: {done.stderr}"
