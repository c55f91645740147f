"""Lists remote objects: one by its key, all below a prefix, or those a pattern fits; each pinned to what it is now."""

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from obstore.exceptions import BaseError

from provenance.errors import UsageError
from provenance.storage.errors import DENIED, MISSING, is_missing, storage_errors
from provenance.storage.locations import RemoteObject, parse, refuse_control_characters
from provenance.storage.stores import Store, open_reading

_MAGIC = re.compile(r"[*?\[]")


def list_remote(spec: str, anonymous: bool = False) -> list[RemoteObject]:
    """The objects a URI names, sorted; raises UsageError if it names none, StorageError if the store cannot be asked.

    It is taken as the key of an object or a prefix (up to a `/`) of that very name first, and as a pattern (`*`, `?`,
    `[a-z]`, and `**` for any depth) only if there is none. Markers of directories (keys that end in `/`) are no
    objects.
    """
    location = parse(spec)
    objects: dict[str, RemoteObject] = {}
    with storage_errors(location):
        try:
            store, key = open_reading(location, anonymous), location.key
            objects = {item.uri: item for item in _named(store, key)}
            if not objects and _MAGIC.search(key):
                objects = {item.uri: item for item in _matching(store, "", key.split("/"))}
        except (BaseError, FileNotFoundError) as error:
            if not is_missing(error):
                raise
    if not objects:
        raise UsageError(f"nothing matches {spec}: {MISSING}")
    for uri in objects:
        refuse_control_characters(uri)
    return [objects[uri] for uri in sorted(objects)]


def _named(store: Store, key: str) -> Iterator[RemoteObject]:
    """The object of exactly this key, or the objects below it."""
    if key and not key.endswith("/"):
        try:
            yield store.head(key)
            return
        except FileNotFoundError:
            pass
        except DENIED:  # who may not read an object may still list it: fetching it tells, and the rest is scanned
            beside, _ = store.level(key.rpartition("/")[0])
            yield from (item for item in beside if item.uri == store.location.at(key).uri)
    yield from store.below(key)


def _matching(store: Store, base: str, parts: Sequence[str]) -> Iterator[RemoteObject]:
    """Objects below the directory `base` whose further names fit `parts`; no more is listed than can match.

    As with files, a pattern that fits a directory stands for all that lies in it.
    """
    head, tail = parts[0], parts[1:]
    if "**" in head:
        start = len(store.location.at(base).uri)
        yield from (item for item in store.below(base) if _fits(item.uri[start:].split("/"), parts))
    elif _MAGIC.search(head):
        objects, directories = store.level(base)
        yield from (item for item in objects if not tail and fnmatchcase(item.uri.rpartition("/")[2], head))
        for directory in directories:
            if fnmatchcase(directory.rpartition("/")[2], head):
                deeper = _matching(store, f"{directory}/", tail) if any(tail) else store.below(directory)
                yield from deeper
    elif any(tail):
        yield from _matching(store, f"{base}{head}/", tail)
    else:
        yield from _named(store, base + head)


def _fits(names: Sequence[str], parts: Sequence[str]) -> bool:
    """Whether the names of a key fit the parts of a pattern; `**` stands for any number of names, none included."""
    fitting = [*[False] * len(names), True]  # whether the names from each on fit the parts that are behind
    for part in reversed(parts):
        if part == "**":
            fitting = [any(fitting[at:]) for at in range(len(fitting))]
        else:
            here = [fnmatchcase(name, part) for name in names]
            fitting = [*(fits and rest for fits, rest in zip(here, fitting[1:], strict=True)), False]
    return fitting[0]
