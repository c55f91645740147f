"""Where new shards go: under the names they had, below the folder that all of them lay in."""

from collections.abc import Sequence
from itertools import takewhile
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
    levels = zip(*(names[:-1] for names in parts.values()), strict=False)
    common = len(list(takewhile(lambda level: len(set(level)) == 1, levels)))
    shard_of: dict[str, str] = {}
    for shard, names in parts.items():
        below = names[common:]
        if any(name in ("", ".", "..", STATE) for name in below):
            raise UsageError(f"shard {shard} cannot keep its name: {'/'.join(below)} is no plain path")
        target = str(PurePosixPath(*below))
        if target in shard_of:
            raise UsageError(f"shard {shard} has the same name as another, {target}: clean runs of them one by one")
        shard_of[target] = shard
    return {shard: target for target, shard in shard_of.items()}


def _parts(shard: str) -> tuple[str, ...]:
    if not is_remote(shard):
        return Path(abspath(shard)).parts  # noqa: PTH100  (resolve() would follow links)
    location = parse(shard)
    return (f"{location.scheme}:", location.account, location.container, location.revision, *location.key.split("/"))
