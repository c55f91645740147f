"""Lists remote objects: one by its key, all below a prefix, or those a pattern fits; each pinned to what it is now."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase

from provenance.errors import UsageError
from provenance.storage.clients import Client, Entry, Opened, Properties, open_client
from provenance.storage.failures import MISSING, final_reason
from provenance.storage.locations import parse, refuse_control_characters
from provenance.storage.patience import Patience, RetryPolicy

ASKED_AT_ONCE = 16  # objects whose ETag is asked for
SDK_ATTEMPTS = 3  # of each page of a listing, within one of our attempts
_MAGIC = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class RemoteObject:
    """An object as it was when it was listed; what the store did not say is None. fetch() refuses any other."""

    uri: str
    bytes: int | None  # None: the store would not tell, and fetching it will say why
    etag: str | None = None
    version: str | None = None  # S3 version id, GCS generation, commit of a dataset
    modified: datetime | None = None
    sha256: str | None = None  # only as the store states it


def list_remote(spec: str, anonymous: bool = False, policy: RetryPolicy | None = None) -> list[RemoteObject]:
    """The objects a URI names, sorted; raises UsageError if it names none, StorageError if the store cannot be asked.

    It is taken as the key of an object or a prefix (up to a `/`) of that very name first, and as a pattern (`*`, `?`,
    `[a-z]`, and `**` for any depth) only if there is none. Markers of directories (keys that end in `/`) are no
    objects. Every object's properties are asked for, one request each: listings alone tell no ETag.
    """
    location = parse(spec)
    patience = Patience(policy or RetryPolicy(), location.uri, location.scheme)
    client = patience.call(lambda: open_client(location, anonymous, SDK_ATTEMPTS))
    keys = patience.call(lambda: sorted(set(_keys(client, location.key))))
    if not keys:
        raise UsageError(f"nothing matches {spec}: {MISSING}")
    for key in keys:
        refuse_control_characters(key)
    asked = (_asking(client, key) for key in keys)
    opened = patience.in_order(asked, ASKED_AT_ONCE)
    return [
        pinned(client.location.at(key).uri, each.properties)
        if each
        else RemoteObject(client.location.at(key).uri, None)
        for key, each in zip(keys, opened, strict=True)
    ]


def _asking(client: Client, key: str) -> Callable[[], Opened | None]:
    """A call for an object's properties; None where trying again is of no use: fetching it will tell the reason."""

    def ask() -> Opened | None:
        try:
            return client.open(key)
        except Exception as error:
            if final_reason(error, client.location.scheme):
                return None
            raise

    return ask


def pinned(uri: str, said: Properties) -> RemoteObject:
    """An object with what the store says of it now."""
    return RemoteObject(uri, said.bytes, said.etag, said.version, said.modified, said.sha256)


def _keys(client: Client, key: str) -> Iterator[str]:
    named = list(_named(client, key))
    if named or not _MAGIC.search(key):
        yield from named
    else:
        yield from _matching(client, "", key.split("/"))


def _named(client: Client, key: str) -> Iterator[str]:
    """The object of exactly this key, or the objects below it."""
    if key and not key.endswith("/"):
        try:
            client.open(key)
        except Exception as error:
            if not _is_missing(error, client):
                raise
        else:
            yield key
            return
    yield from (entry.key for entry in _entries(client, key, recursive=True) if not entry.is_directory)


def _matching(client: Client, base: str, parts: Sequence[str]) -> Iterator[str]:
    """Objects below the directory `base` whose further names fit `parts`; no more is listed than can match.

    As with files, a pattern that fits a directory stands for all that lies in it.
    """
    head, tail = parts[0], parts[1:]
    if "**" in head:
        for entry in _entries(client, base, recursive=True):
            if not entry.is_directory and _fits(entry.key[len(base) :].strip("/").split("/"), parts):
                yield entry.key
    elif _MAGIC.search(head):
        for entry in _entries(client, base, recursive=False):
            if not fnmatchcase(entry.key.rstrip("/").rpartition("/")[2], head):
                continue
            if entry.is_directory and any(tail):
                yield from _matching(client, entry.key + "/", tail)
            elif entry.is_directory:
                yield from _named(client, entry.key + "/")
            elif not tail:
                yield entry.key
    elif any(tail):
        yield from _matching(client, f"{base}{head}/", tail)
    else:
        yield from _named(client, base + head)


def _fits(names: Sequence[str], parts: Sequence[str]) -> bool:
    """Whether the names of a key fit the parts of a pattern; `**` stands for any number of names, none included."""
    reached = {0}  # how many parts the names so far can have used up
    for name in names:
        reached = _past_stars(reached, parts)
        reached = {
            at + (parts[at] != "**")
            for at in reached
            if at < len(parts) and (parts[at] == "**" or fnmatchcase(name, parts[at]))
        }
    return len(parts) in _past_stars(reached, parts)


def _past_stars(reached: set[int], parts: Sequence[str]) -> set[int]:
    further = set(reached)
    for at in range(len(parts)):
        if at in further and parts[at] == "**":
            further.add(at + 1)
    return further


def _entries(client: Client, prefix: str, recursive: bool) -> list[Entry]:
    try:
        return list(client.entries(prefix, recursive))
    except Exception as error:
        if _is_missing(error, client):
            return []
        raise


def _is_missing(error: Exception, client: Client) -> bool:
    return final_reason(error, client.location.scheme) == MISSING
