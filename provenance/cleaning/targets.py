"""Where new shards go: under the names they had, below the folder that all of them lay in."""

from __future__ import annotations

from collections.abc import Sequence
from os.path import abspath
from pathlib import Path, PurePosixPath

from provenance.errors import UsageError
from provenance.shards.listing import OURS
from provenance.storage.locations import is_remote, parse

STATE = OURS
"""Of a folder with new shards the one with what was done: hidden, so that nobody reads it for data."""


def targets_of(shards: Sequence[str]) -> dict[str, str]:
    """For each shard its name below the folder that is common to all.

    Raises UsageError for names that would lie elsewhere, or fall together.
    """
    parts = {shard: _parts(shard) for shard in shards}
    common = 0
    for level in zip(*(names[:-1] for names in parts.values()), strict=False):
        if len(set(level)) > 1:
            break
        common += 1
    targets: dict[str, str] = {}
    for shard, names in parts.items():
        below = names[common:]
        if any(name in ("", ".", "..", STATE) for name in below):
            raise UsageError(f"shard {shard} cannot keep its name: {'/'.join(below)} is no plain path")
        target = str(PurePosixPath(*below))
        if target in targets.values():
            raise UsageError(f"shard {shard} has the same name as another, {target}: clean runs of them one by one")
        targets[shard] = target
    return targets


def _parts(shard: str) -> tuple[str, ...]:
    if not is_remote(shard):
        return Path(abspath(shard)).parts  # noqa: PTH100  (resolve() would follow links)
    location = parse(shard)
    return (f"{location.scheme}:", location.account, location.container, location.revision, *location.key.split("/"))
