"""The shards as they are now against the SHA-256 of what was scanned."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from provenance.files.digests import file_sha256
from provenance.isolation.supervisor import Children, Fetching, Task
from provenance.runs.listed import FETCHERS, Listed
from provenance.verify.check import Check, check


def check_shards(
    recorded: Sequence[dict[str, Any]],
    listed: Sequence[Listed],
    scratch: Path,
    anonymous: bool,
    workers: int,
    on_shard: Callable[[int], None],
) -> Check:
    """Hash every shard of which a digest was recorded; `recorded` are rows of the table `shard`.

    Objects are fetched whole into `scratch`, at most two at a time. One that has another version or ETag by now is
    another object, whatever is in it: it counts as different.
    """
    expected = {str(row["shard"]): row["sha256"] for row in recorded if row["outcome"] != "skipped"}
    without = [f"shard {name}: no digest of it was recorded" for name, sha256 in expected.items() if not sha256]
    hashed = {name: sha256 for name, sha256 in expected.items() if sha256}
    objects = {file.name: file.objects for file in listed if file.objects}
    equal, different, unchecked = 0, list[str](), without

    def judge(name: str, found: str | None, problem: str = "") -> None:
        nonlocal equal
        on_shard(len(hashed))
        if found is None:
            unchecked.append(problem)
        elif found == hashed[name]:
            equal += 1
        else:
            different.append(f"shard {name}: its SHA-256 is {found}, and was {hashed[name]}")

    here = [name for name in hashed if name not in objects]
    with ThreadPoolExecutor(workers) as pool:  # hashing needs no interpreter lock
        for name, (found, problem) in zip(here, pool.map(_hashed, here), strict=True):
            judge(name, found, problem)
    for name, header in _fetched({name: objects[name] for name in hashed if name in objects}, scratch, anonymous):
        if header.get("error_name") == "ObjectChangedError":
            on_shard(len(hashed))
            different.append(header["error"])
        else:
            judge(name, header.get("sha256"), header.get("error", ""))
    return check("shards", f"{equal:,} shards have the SHA-256 that was recorded", different, unchecked, "shards")


def _hashed(name: str) -> tuple[str | None, str]:
    try:
        return file_sha256(Path(name)), ""
    except (OSError, ValueError) as error:
        return None, f"shard {name} cannot be read: {getattr(error, 'strerror', None) or error}"


def _fetched(
    objects: dict[str, tuple[dict[str, Any], ...]], scratch: Path, anonymous: bool
) -> Iterator[tuple[str, dict[str, Any]]]:
    """What fetchers tell of the first object of each shard; that is the one whose digest is recorded."""
    tasks = deque[Task]()
    for number, (name, items) in enumerate(objects.items()):
        target = scratch / f"{number:06}"
        tasks.append({"task": "fetch", "shard": name, "objects": [items[0]], "targets": [str(target)]})
    targets = {task["shard"]: Path(task["targets"][0]) for task in tasks}
    if not tasks:
        return
    scratch.mkdir(parents=True, exist_ok=True)
    fetching = Fetching({"anonymous": anonymous}, tasks, min(FETCHERS, len(tasks)))
    with Children() as children:
        for header, _ in children.run({}, deque(), 0, lambda size: None, lambda: None, fetching=fetching):
            with suppress(OSError):
                targets[header["shard"]].unlink()
            yield str(header["shard"]), header
