"""The child process that parses files of books: what is hostile in them meets no more than this.

It may take so much memory, writes no file, and says what it finds through its standard output.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec.structs import replace

from provenance.isolation.child import Result, Send, confine, plain, serve
from provenance.readers.document import Document, Member, Read, ReadAnswer, ReaderHello, RefusedBook
from provenance.readers.formats import ARCHIVES, read_single
from provenance.readers.limits import Limits


def read(task: Read, limits: Limits, send: Send) -> Result:
    """Send every document of one file, or of its members; raises BookError for one that cannot be read."""

    def on_member(number: int, name: str) -> None:
        send(Member(number, plain(f"!{name}")), b"")

    for item in _items(task, limits, on_member):
        if isinstance(item, RefusedBook):
            send(replace(item, place=plain(item.place), reason=plain(item.reason)), b"")
        else:
            limits.check_text(len(item.text))
            send(_without_text(item), item.text)
    return ReadAnswer(), b""


def _without_text(document: Document) -> Document:
    return replace(
        document,
        text=b"",
        encoding=plain(document.encoding),
        facts={plain(name): plain(value) for name, value in document.facts.items()},
        notes=tuple(map(plain, document.notes)),
        id=plain(document.id),
        place=plain(document.place),
    )


def _items(task: Read, limits: Limits, on_member: Callable[[int, str], None]) -> Iterator[Document | RefusedBook]:
    path, format = Path(os.fsdecode(task.path)), task.format
    if format.name in ARCHIVES:
        from provenance.readers.archives import read_archive

        yield from read_archive(path, format, limits, task.after, on_member)
    elif format.name == "jsonl":
        from provenance.readers.collections import read_jsonl

        yield from read_jsonl(path, format.compression, task.columns, limits)
    elif format.name == "parquet":
        from provenance.readers.collections import read_parquet

        yield from read_parquet(path, task.columns)
    else:
        with path.open("rb") as file:
            data = file.read(limits.file_bytes + 1)
        limits.check_file(len(data))
        yield read_single(data, format.name, limits)


def begin(hello: ReaderHello, payload: memoryview, send: Send) -> Callable[[Read], Result]:
    """What does tasks, confined."""
    confine(hello.limits.memory, writes_files=False)
    return lambda task: read(task, hello.limits, send)


def main() -> None:
    """Serve tasks until standard input ends."""
    serve(ReaderHello, Read, begin)


if __name__ == "__main__":
    main()
