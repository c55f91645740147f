"""Some rows of shards, for a test that needs texts like those of a run. Child processes read them, as all of shards."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from provenance.errors import ShardError
from provenance.isolation.framing import Payload
from provenance.isolation.supervisor import INSPECTOR, Children
from provenance.isolation.tasks import Failed
from provenance.runs.engine import Means, OneTask, do
from provenance.runs.listed import Listed
from provenance.units.config import ScanConfig
from provenance.units.messages import InspectorHello, SampleAnswer
from provenance.units.messages import Sample as SampleTask
from provenance.units.payloads import from_payload
from provenance.units.sampler import ROW_BYTES, SAMPLE_SCHEMA

MOST_SHARDS = 16  # that rows are taken from


@dataclass(frozen=True, order=True)
class SampledRow:
    """A text of a shard, or a stretch of a long one."""

    shard: str
    row: int
    column: str
    text: bytes
    bytes: int  # of all of it


@dataclass
class Sample:
    """Rows, and what else was met on the way to them."""

    rows: list[SampledRow] = field(default_factory=list)
    shards: list[str] = field(default_factory=list)  # that were read
    unreadable: dict[str, str] = field(default_factory=dict)  # why each of the others could not be
    texts: int = 0
    empty: int = 0
    unscanned: int = 0


def some_shards(names: Sequence[str], seed: int) -> list[str]:
    """Those that rows are taken from."""
    ordered = sorted(names)
    return sorted(random.Random(f"{seed}/shards").sample(ordered, min(MOST_SHARDS, len(ordered))))


def sample_rows(
    listed: Sequence[Listed],
    config: ScanConfig,
    rows: int,
    seed: int,
    children: Children,
    workers: int,
    anonymous: bool = False,
    on_shard: Callable[[], None] = lambda: None,
) -> Sample:
    """Rows of shards that were listed, about as many of each; `children` are of the kind INSPECTOR.

    Equal shards and seeds give the same rows. A shard that cannot be read is named in the result. Objects are fetched
    into a temporary directory, one after another.
    """
    each = -(-rows // max(1, len(listed)))
    hello = InspectorHello(config.to_json(), each, seed)
    jobs = [OneTask(file, lambda name, path: SampleTask(name, str(path))) for file in listed]
    sample = Sample()
    with TemporaryDirectory(prefix="provenance-") as folder:
        means = Means(INSPECTOR, hello, workers, Path(folder), anonymous)
        for task, answer, payload in do(jobs, means, children):
            if isinstance(answer, Failed):
                sample.unreadable[task.shard] = answer.error
            elif isinstance(answer, SampleAnswer):
                _take(sample, task.shard, answer, payload, each)
            on_shard()
    sample.rows.sort()
    sample.shards.sort()
    sample.unreadable = dict(sorted(sample.unreadable.items()))
    return sample


def _take(sample: Sample, shard: str, answer: SampleAnswer, payload: Payload, most: int) -> None:
    rows = from_payload(payload, SAMPLE_SCHEMA, shard).to_pylist()
    if len(rows) > most or any(row["text"] is None or len(row["text"]) > ROW_BYTES for row in rows):
        raise ShardError(f"shard {shard}: its worker's answer makes no sense: it has more than was asked for")
    sample.rows += [SampledRow(shard, row["row"], row["column"], row["text"], row["bytes"]) for row in rows]
    sample.shards.append(shard)
    sample.texts += answer.texts
    sample.empty += answer.empty
    sample.unscanned += answer.unscanned
