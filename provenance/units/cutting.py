"""Units: the smallest pieces of scan work. Which there are is known from the listing alone, before a shard is opened.

A shard that can be read in parts has as many *slots* as its text fills units of `unit_bytes`. What a slot holds is
decided when the shard is opened: the parts (row groups, ranges of lines) whose middle lies in it. So 100,000 shards are
planned in seconds, and every task, engine and restart cuts them alike.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from provenance.errors import UsageError
from provenance.shards.opening import ARROW, JSONL, MEGATRON, NPY, PARQUET, kind_of
from provenance.shards.shard import Part
from provenance.shards.streams import SUFFIXES

IN_PARTS = (PARQUET, ARROW, JSONL, NPY, MEGATRON)
"""Formats that can be read in parts, unless compressed as a whole; and what has no known name may be one of them."""

GROWTH = {PARQUET: 2, NPY: 2, MEGATRON: 2}
COMPRESSED_GROWTH = 4
"""Bytes of text that a byte of a file gives, about: English in zstd Parquet 2.4, token ids of two bytes 2, zstd JSON
lines 3.5. They decide how finely a shard is cut, and how work is shared out, and nothing else."""

LEAST_BYTES = 1 << 20  # what a unit counts for at least: it has to be opened too
MOST_SLOTS = 10_000  # of a shard
BYTES_A_SECOND = 250_000_000  # of text that a core scans, about, for `--plan`: see `benchmarks/README.md`


@dataclass(frozen=True)
class Unit:
    """A slot of a shard in one run."""

    digest: str  # its name: of the terms of the run, the shard's name and identity, and the slot
    shard: str
    slot: int  # from 0
    slots: int
    text_bytes: int  # about


def slots_of(name: str, size: int, unit_bytes: int) -> tuple[int, int]:
    """How many slots a shard of this name and size has, and how many bytes of text in all, about."""
    kind = kind_of(name)
    compressed = name.lower().endswith((*SUFFIXES, ".tgz"))
    text = size * (COMPRESSED_GROWTH if compressed else GROWTH.get(kind or "", 1))
    if compressed or (kind is not None and kind not in IN_PARTS):
        return 1, text
    return max(1, min(MOST_SLOTS, -(-text // unit_bytes))), text


def units_of(shard: str, size: int, identity: str, slots: int, terms: str) -> list[Unit]:
    """The units of a shard, in order; `terms` is the digest of the terms of the run."""
    text = slots_of(shard, size, 1)[1] if size else 0
    begin = json.dumps([terms, shard, identity, slots]).encode()
    digests = (hashlib.sha256(begin + b"%d" % slot).hexdigest()[:40] for slot in range(slots))
    return [Unit(digest, shard, slot, slots, max(LEAST_BYTES, text // slots)) for slot, digest in enumerate(digests)]


def parts_in(slot: int, slots: int, parts: Sequence[Part]) -> list[Part]:
    """The parts whose middle, counted in bytes of text, lies in a slot. Every part lies in just one."""
    sizes = [max(1, part.text_bytes) for part in parts]
    total, begin, inside = sum(sizes), 0, []
    for part, size in zip(parts, sizes, strict=True):
        if (2 * begin + size) * slots // (2 * total) == slot:
            inside.append(part)
        begin += size
    return inside


def shares_of(units: Sequence[Unit], tasks: int) -> Iterator[int]:
    """For each unit the task that scans it: consecutive units, about as many bytes of text for each task."""
    total, begin = sum(unit.text_bytes for unit in units), 0
    for unit in units:
        yield (2 * begin + unit.text_bytes) * tasks // (2 * total) + 1
        begin += unit.text_bytes


@dataclass(frozen=True)
class Share:
    """One of several tasks that scan the units of a run between them; numbered from 1."""

    task: int
    tasks: int

    def of(self, units: Iterable[Unit]) -> list[Unit]:
        """Its units. What a unit is, and what its file is called, does not depend on `tasks`."""
        listed = list(units)
        return [unit for unit, task in zip(listed, shares_of(listed, self.tasks), strict=True) if task == self.task]

    def __str__(self) -> str:
        """As on the command line: `3/64`."""
        return f"{self.task}/{self.tasks}"


def parse_share(text: str) -> Share:
    """`3/64` as the third of 64 tasks; raises UsageError."""
    match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text.strip(), re.ASCII)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise UsageError(f"--task is {text!r}; give it as 3/64: the third of 64, counted from 1")
    return Share(int(match[1]), int(match[2]))


def share_of_array(environment: Mapping[str, str]) -> Share | None:
    """The task that a Slurm job array gives this process; None outside of one. Raises UsageError for one with gaps.

    Slurm counts as the user told it to: `--array=0-63`, `1-64` and `0-126:2` are all 64 tasks. Of `--array=7,9,12` it
    tells how many there are, the first and the last, and a step of 1: so no task can know the others.
    """
    if not environment.get("SLURM_ARRAY_TASK_ID"):
        return None
    try:
        task, least, most, step, tasks = (
            int(environment[f"SLURM_ARRAY_TASK_{name}"]) for name in ("ID", "MIN", "MAX", "STEP", "COUNT")
        )
        ids = range(least, most + 1, step)
        if len(ids) != tasks:
            raise ValueError
        return Share(ids.index(task) + 1, tasks)
    except (ValueError, KeyError):
        raise UsageError(
            "the ids of this Slurm array have gaps, or its environment is incomplete: submit as many tasks in a row "
            "(--array=1-3 instead of 7,9,12; what is done is found), or give each its share, --task 3/64"
        ) from None
