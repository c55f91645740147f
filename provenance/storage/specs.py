"""Lists of specs: `@list.txt` is replaced by the lines of a file, `-` by those of the standard input."""

import codecs
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from provenance.errors import UsageError
from provenance.storage.locations import is_remote, parse, refuse_control_characters

LONGEST_LIST = 64 << 20  # bytes: about a million names


def expand_lists(specs: Sequence[str], stdin: IO[bytes]) -> list[str]:
    """All specs, lists replaced by what they hold; each remote one is checked, and UsageError names list and line.

    A list has one spec a line; blank lines and those that begin with `#` are left out. Relative paths in it are
    relative to the working directory, as they are on the command line.
    """
    if specs.count("-") > 1:
        raise UsageError("'-' is given twice, but the standard input can be read only once")
    listed: list[str] = []
    for spec in specs:
        if spec == "-":
            listed += _lines(stdin, "standard input")
        elif spec.startswith("@"):
            try:
                with Path(spec[1:]).open("rb") as file:
                    listed += _lines(file, spec[1:])
            except OSError as error:
                raise UsageError(f"cannot read the list {spec[1:] or spec}: {error.strerror}") from error
        else:
            _check(spec)
            listed.append(spec)
    return listed


def _lines(file: IO[bytes], name: str) -> Iterator[str]:
    data = file.read(LONGEST_LIST + 1)
    if len(data) > LONGEST_LIST:
        raise UsageError(f"the list {name} is longer than {LONGEST_LIST >> 20} MB: is it a list of shards? Split it")
    for number, line in enumerate(data.removeprefix(codecs.BOM_UTF8).split(b"\n"), 1):
        try:
            spec = line.removesuffix(b"\r").decode()
            if not spec.strip() or spec.startswith("#"):
                continue
            _check(spec, in_list=True)
        except UnicodeDecodeError as error:
            raise UsageError(f"{name}, line {number} is not UTF-8 (byte {error.start + 1} of it)") from None
        except UsageError as error:
            raise UsageError(f"{name}, line {number}: {error}") from error
        yield spec


def _check(spec: str, in_list: bool = False) -> None:
    if in_list and (spec.startswith("@") or spec == "-"):
        raise UsageError(f"a list cannot name another list: {spec}. A file so named is written ./{spec}")
    if not spec:
        raise UsageError("an empty name: give a file, a directory or a pattern")
    if is_remote(spec):
        parse(spec)
    elif in_list:
        refuse_control_characters(spec)
