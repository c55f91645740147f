"""Compares two runs: which works and documents were gained, lost or changed, and why. docs/gate.md has the reasons.

Identical inputs give identical results, so every difference of results has a reason among the differences of inputs.
"""

import json
import tempfile
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from provenance.errors import UsageError
from provenance.files.writing import atomic_write
from provenance.runs.terms import OPTIONS, flat, shown
from provenance.store.changes import EDITIONS, UNEXPLAINED, WORKS, WORKS_OF_INDEX, Changes

MOST_EXAMPLES = 20

INDEX, PARAMETERS, SOFTWARE = "index", "parameters", "software"

_KINDS = {"index": INDEX, "key_id": INDEX, "tool_version": SOFTWARE, "text_rules": SOFTWARE}
_OF_THE_RUN = (
    ("sketch", INDEX, "the sketch of the index"),
    ("background", PARAMETERS, "what was learned from --background"),
    ("unicode", SOFTWARE, "the version of Unicode"),
    ("code_sha256", SOFTWARE, "the code"),
)
_IGNORED = ("shards", "ledger")  # data are compared by their digests, and the run's files are no results


@dataclass(frozen=True)
class Differing:
    """Something that decides results, and its values."""

    kind: str  # INDEX, PARAMETERS or SOFTWARE
    name: str  # of the option, or of what it is
    earlier: Any
    later: Any

    def __str__(self) -> str:
        """For people; may hold text of data."""
        return f"{self.name} was {shown(self.earlier)}, then {shown(self.later)}"


@dataclass(frozen=True)
class Comparison:
    """Two runs compared; `earlier` and `later` are only names: either may be older."""

    earlier: str
    later: str
    made_with: list[Differing]
    index: dict[str, Any]  # works and editions that only one of the two indexes has, counts and examples
    shards: dict[str, int]  # how many are same, renamed, gained, lost, changed, unknown
    shard_examples: dict[str, list[dict[str, Any]]]
    outcomes: tuple[str, str]  # `complete` or `incomplete`
    scanned_once: int  # shards of both that had another outcome in the later run
    scanned_once_examples: list[dict[str, Any]]
    works: list[dict[str, Any]]  # all that differ, each with `reasons`: how many of its documents for which
    documents: dict[str, dict[str, int]]  # gained, lost and changed ones, by reason
    examples: dict[str, list[dict[str, Any]]]
    said: list[dict[str, Any]]  # what people added; no difference of results

    @property
    def different(self) -> bool:
        """Whether anything differs but what people added."""
        data = sum(count for change, count in self.shards.items() if change not in ("same", "unknown"))
        return bool(
            self.made_with or self.index["works"] or self.index["editions"] or data or self.scanned_once
            or self.outcomes[0] != self.outcomes[1] or self.works or any(self.documents.values())
        )  # fmt: skip

    @property
    def unexplained(self) -> int:
        """Differences for which there is no reason: there should be none."""
        documents = sum(reasons.get(UNEXPLAINED, 0) for reasons in self.documents.values())
        return documents + sum(UNEXPLAINED in work["reasons"] for work in self.works)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**asdict(self), "different": self.different, "unexplained": self.unexplained}


def compare(
    earlier: str | Path, later: str | Path, most: int = MOST_EXAMPLES, out: str | Path | None = None
) -> Comparison:
    """Compare two run databases; with `out` all documents that differ are written there as Parquet, sorted.

    Raises StoreError for what is no run, UsageError for the same file twice or a negative number of examples,
    OutputError where `out` cannot be written.
    """
    if most < 0:
        raise UsageError(f"{most} examples are asked for; it is a number from 0")
    scratch = tempfile.TemporaryDirectory(prefix="provenance-")
    with scratch as folder, Changes(Path(earlier), Path(later), Path(folder)) as changes:
        runs = changes.runs()
        made_with = differing(*runs)
        editions, works_of_index = changes.query(EDITIONS), changes.query(WORKS_OF_INDEX)
        otherwise = _otherwise(made_with, bool(editions or works_of_index))
        changes.compare_documents(otherwise)
        reasons = changes.reasons_of_works()
        works = [{**work, "reasons": reasons.get(work["work_id"]) or {otherwise: 0}} for work in changes.query(WORKS)]
        shards, shard_examples = changes.shards(most)
        scanned_once, scanned_once_examples = changes.scanned_once(most)
        if out is not None:
            schema, batches = changes.all_documents()
            with atomic_write(Path(out)) as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
                for batch in batches:
                    writer.write_batch(batch)
        return Comparison(
            earlier=str(earlier), later=str(later), made_with=made_with,
            index={
                "works": dict(Counter(row["change"] for row in works_of_index)),
                "editions": dict(Counter(row["change"] for row in editions)),
                "examples": [*works_of_index[:most], *editions[:most]],
            },
            shards=shards, shard_examples=shard_examples, outcomes=(runs[0]["outcome"], runs[1]["outcome"]),
            scanned_once=scanned_once, scanned_once_examples=scanned_once_examples, works=works,
            documents=changes.documents(),
            examples={change: changes.examples(change, most) for change in ("gained", "lost", "changed")},
            said=changes.said(),
        )  # fmt: skip


def differing(earlier: dict[str, Any], later: dict[str, Any]) -> list[Differing]:
    """What differs between two rows of the table `run`, in a fixed order."""
    ours, theirs = (dict(flat(json.loads(run["terms"]))) for run in (earlier, later))
    if ours.get("tokenizer_sha256") == theirs.get("tokenizer_sha256"):
        theirs["config.tokenizer"] = ours.get("config.tokenizer")  # the same file elsewhere
    differences = [
        Differing(_KINDS.get(name, PARAMETERS), OPTIONS.get(name, name), ours.get(name), theirs.get(name))
        for name in sorted({*ours, *theirs})
        if name not in _IGNORED and ours.get(name) != theirs.get(name)
    ]
    differences += [
        Differing(kind, label, earlier.get(column), later.get(column))
        for column, kind, label in _OF_THE_RUN
        if earlier.get(column) != later.get(column)
    ]
    return sorted(differences, key=lambda one: (INDEX, PARAMETERS, SOFTWARE).index(one.kind))


def _otherwise(made_with: list[Differing], other_books: bool) -> str:
    """The reason for what differs in rows whose bytes are the same and which both runs scanned.

    Decoys are part of the index that is scanned with; where it differs in nothing else, they are the reason.
    """
    kinds = {one.kind for one in made_with}
    of_index = [one.name for one in made_with if one.kind == INDEX]
    only_decoys = of_index == ["--index"] and not other_books and any(one.name == "--decoys" for one in made_with)
    if INDEX in kinds and not only_decoys:
        return INDEX
    return next((kind for kind in (PARAMETERS, SOFTWARE) if kind in kinds), UNEXPLAINED)
