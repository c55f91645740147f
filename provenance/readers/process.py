"""The child process that parses files of books: what is hostile in them meets no more than this.

It may take so much memory, writes no file, and says what it finds through its standard output.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from provenance.errors import BookError
from provenance.isolation.child import Send, confine, from_parent, to_parent
from provenance.readers.document import BookColumns, Document, Refused
from provenance.readers.formats import ARCHIVES, Format, read_single, read_whole
from provenance.readers.limits import Limits


def serve(task: dict[str, Any], limits: Limits, send: Send) -> None:
    """Send every document of one file, or of its members, and how it ended."""
    path, format, columns = Path(task["path"]), Format(**task["format"]), BookColumns(**task["columns"])

    def on_member(number: int, name: str) -> None:
        send({"kind": "member", "number": number, "place": f"!{name}"}, b"")

    try:
        for item in _items(path, format, columns, limits, task["after"], on_member):
            if isinstance(item, Refused):
                send({"kind": "refused", **asdict(item)}, b"")
            else:
                if len(item.text) > limits.text_bytes:
                    raise BookError(f"it has more than {limits.text_bytes:,} bytes of text: cut it into volumes")
                header = {name: value for name, value in item.__dict__.items() if name != "text"}
                send({"kind": "document", **header, "facts": dict(item.facts)}, item.text)
        send({"kind": "done", "reason": ""}, b"")
    except BookError as error:
        send({"kind": "done", "reason": str(error)}, b"")
    except OSError as error:
        send({"kind": "done", "reason": error.strerror or str(error)}, b"")
    except MemoryError:
        send({"kind": "done", "reason": f"parsing it takes more than {limits.memory >> 20:,} MB of memory"}, b"")
    except RecursionError:
        send({"kind": "done", "reason": "its parts lie too deep in one another"}, b"")
    except Exception as error:  # of a parser that met what its author did not think of
        send({"kind": "done", "reason": f"its parser failed on it: {type(error).__name__}: {error}"}, b"")


def _items(
    path: Path, format: Format, columns: BookColumns, limits: Limits, after: int, on_member: Callable[[int, str], None]
) -> Iterator[Document | Refused]:
    if format.name in ARCHIVES:
        from provenance.readers.archives import read_archive

        yield from read_archive(path, format, limits, after, on_member)
    elif format.name == "jsonl":
        from provenance.readers.jsonl import read_jsonl

        yield from read_jsonl(path, format.compression, columns, limits)
    elif format.name == "parquet":
        from provenance.readers.parquet import read_parquet

        yield from read_parquet(path, columns)
    else:
        with path.open("rb") as file:
            data = read_whole(file, limits)
        yield read_single(data, format.name, limits)


def main() -> None:
    """Serve tasks until standard input ends."""
    send = to_parent()
    (hello, _), tasks = from_parent()
    limits = Limits(**hello)
    confine(limits.memory, writes_files=False)
    try:
        for task in tasks:
            serve(task, limits, send)
    except BrokenPipeError:
        os._exit(1)  # the parent is gone


if __name__ == "__main__":
    main()
