"""Archives of books: zip and tar, packed or not. Members are read into memory, never written under their names."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from provenance.errors import BookError
from provenance.files.tar import DAMAGE, Member, members_of
from provenance.readers.document import Document, Format, RefusedBook
from provenance.readers.formats import ARCHIVES, COLLECTIONS, KNOWN, SINGLE, format_of, read_single
from provenance.readers.limits import Limits, read_whole
from provenance.readers.unpacking import Budget, SafeZip, Unpacked, refuse_path

UNREAD = {
    **dict.fromkeys(ARCHIVES, "an archive within an archive is not opened: unpack it first"),
    **dict.fromkeys(COLLECTIONS, "a file of many books within an archive is not read: unpack it first"),
}
Read = Callable[[], bytes]  # gives a member's bytes, or raises BookError


def read_archive(
    path: Path, format: Format, limits: Limits, after: int, on_member: Callable[[int, str], None]
) -> Iterator[Document | RefusedBook]:
    """Every book of an archive, and every other file of it with the reason why it is none.

    `on_member` is told each member before it is touched, by number; those before `after` are passed over. Raises
    BookError for an archive that is damaged or hostile as a whole.
    """
    ids = _ids([name for name, _ in _members(path, format, limits)])
    for number, (name, read) in enumerate(_members(path, format, limits)):
        on_member(number, name)
        if number < after:
            continue
        kind = format_of(name).name
        if kind not in SINGLE:
            no_book = f"not a book: {format_of(name).suffix or 'no suffix'}; known are {KNOWN}"
            yield RefusedBook(f"!{name}", "failed" if kind in UNREAD else "skipped", UNREAD.get(kind, no_book))
            continue
        try:
            data = read()
            document = read_single(data, kind, limits)
        except BookError as error:
            yield RefusedBook(f"!{name}", "failed", str(error))
            continue
        yield replace(document, id=ids[name], place=f"!{name}", sha256=hashlib.sha256(data).hexdigest())


def _ids(names: list[str]) -> dict[str, str]:
    """The id of each member that is a book: its path without suffix, where that tells it from the others."""
    books = [name for name in names if format_of(name).name in SINGLE]
    stems = {name: name[: -len(format_of(name).suffix)].removeprefix("./") for name in books}
    counts = Counter(stems.values())
    return {name: stem if counts[stem] == 1 else name.removeprefix("./") for name, stem in stems.items()}


def _members(path: Path, format: Format, limits: Limits) -> Iterator[tuple[str, Read]]:
    """Members that are no directories, in their order; each can be read until the next one is asked for."""
    with path.open("rb") as file:
        size = path.stat().st_size
        if format.name == "zip":
            archive = SafeZip(file, size, limits)
            yield from ((name, partial(archive.read, name)) for name in archive.names)
        else:
            yield from _tar_members(Unpacked(file, format.compression, Budget(size, limits)), limits)


def _tar_members(stream: Unpacked, limits: Limits) -> Iterator[tuple[str, Read]]:
    seen: set[str] = set()
    try:
        for number, member in enumerate(members_of(stream)):
            name = member.info.name
            if number >= limits.members:
                raise BookError(f"it has more than {limits.members:,} members")
            refuse_path(name)
            if member.info.isdir():
                continue
            if name in seen:
                raise BookError(f"two of its members are named {name}")
            seen.add(name)
            yield name, partial(_read_tar, member, limits)
    except DAMAGE as error:
        raise BookError(f"it is no tar file that can be read: {error}") from error


def _read_tar(member: Member, limits: Limits) -> bytes:
    if not member.info.isreg() or member.info.issparse():
        raise BookError("it is a link, a device or sparse: only plain files are read")
    return read_whole(member.open(), limits)
