"""Learns what is common in ordinary text: fingerprints of the index that stand in several documents of a background."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import numpy as np
import numpy.typing as npt

from provenance.errors import ShardError, UsageError
from provenance.files.digests import text_digest
from provenance.isolation.supervisor import WORKER, Children
from provenance.isolation.tasks import Failed, Outcome, Task
from provenance.matching.common import CommonText, joined
from provenance.runs.engine import Means, Step, do
from provenance.runs.listed import Listed
from provenance.shards.listing import list_shards
from provenance.shards.shard import plan_units
from provenance.units.config import ScanConfig
from provenance.units.messages import Describe, DescribeAnswer, Digest, DigestAnswer, Learn, LearnAnswer, WorkerHello
from provenance.units.payloads import from_payload
from provenance.units.unit import LEARNED_SCHEMA


@dataclass(frozen=True)
class Background:
    """What was learned, and from what; by default nothing."""

    fingerprints: npt.NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, dtype=np.uint64))  # rising
    record: dict[str, Any] = field(default_factory=dict)  # as it stands in the record of the run


class _LearnSteps:
    """The steps of a file of ordinary text, whose results are the outcomes of its tasks."""

    def __init__(self, file: Listed, unit_bytes: int) -> None:
        self.file, self._unit_bytes = file, unit_bytes

    def begin(self, path: Path) -> Sequence[Task]:
        return [Describe(self.file.name, str(path))]

    def take(self, outcome: Outcome) -> Step[Outcome]:
        answer, name = outcome.answer, self.file.name
        if not isinstance(answer, DescribeAnswer):
            return Step(results=[outcome])
        units = plan_units(answer.parts, self._unit_bytes)
        learns = [Learn(name, name, answer.identity, columns=answer.columns, parts=tuple(parts)) for parts in units]
        return Step([*learns, Digest(name, name, answer.identity)])


def learn(paths: Sequence[str], hello: WorkerHello, config: ScanConfig, workers: int) -> Background:
    """Read shards of ordinary text in worker processes of their own, which are told `hello`.

    A fingerprint counts once for each document. One document may be a copy of a book, so `background_documents` have to
    agree. Raises UsageError where there is none, ShardError for a file that cannot be read.
    """
    if not paths:
        return Background()
    files: dict[str, dict[str, Any]] = {
        file.path: {"path": file.path, "skipped": file.skipped, "sha256": None, "documents": 0}
        for file in list_shards(paths)
    }
    jobs = [_LearnSteps(Listed(path), config.unit_bytes) for path, file in files.items() if not file["skipped"]]
    if not jobs:
        raise UsageError(f"no shard to learn background from in {', '.join(paths)}")
    background = joined([])
    means = Means(WORKER, hello, min(workers, 2 * len(files)), Path(gettempdir()))  # nothing is fetched
    with Children() as children:
        for task, answer, payload in do(jobs, means, children):
            if isinstance(answer, Failed):
                raise ShardError(f"background cannot be learned: {answer.error}")
            if isinstance(answer, DigestAnswer):
                files[task.shard]["sha256"] = answer.sha256
            elif isinstance(answer, LearnAnswer):
                files[task.shard]["documents"] += answer.documents
                columns = from_payload(payload, LEARNED_SCHEMA, task.shard).columns
                background = joined([background, CommonText(*(column.to_numpy() for column in columns))])
    fingerprints = background.fingerprints[background.documents >= config.background_documents]
    record = {
        "files": list(files.values()),
        "documents": sum(file["documents"] for file in files.values()),
        "least_documents": config.background_documents,
        "fingerprints": int(fingerprints.size),
        "xxh3_128": text_digest(fingerprints.astype("<u8").tobytes()),
    }
    return Background(fingerprints, record)
