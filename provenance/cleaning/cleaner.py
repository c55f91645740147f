"""The child process that writes shards anew, where it is told to."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from provenance.cleaning import jsonl, parquet
from provenance.cleaning.edits import DONE_SCHEMA, Edits
from provenance.cleaning.messages import Clean, CleanAnswer, CleanerHello
from provenance.cleaning.selection import PASSAGES
from provenance.errors import ShardError
from provenance.files.digests import BLOCK, file_sha256
from provenance.isolation.child import Result, Send, confine, serve
from provenance.isolation.tasks import Progress
from provenance.shards.opening import open_shard
from provenance.shards.shard import Options, read_errors
from provenance.units.config import ScanConfig
from provenance.units.payloads import to_payload
from provenance.units.worker import SHARD_LADDER, lighten, pinned

PROGRESS_BLOCKS = 64  # of a file that is copied, between two signs of progress


class Cleaner:
    """Checks the digests of shards, and copies them or writes them anew."""

    def __init__(self, hello: CleanerHello, send: Send) -> None:
        self._options = Options.of(ScanConfig.from_json(hello.config))
        self._mode, self._marker = hello.mode, hello.marker.encode()
        self._send = send

    def do(self, task: Clean) -> Result:
        """The result of a task; raises ShardError for a file that is another one, or changes meanwhile."""
        before = pinned(task, task.identity)
        answer, done = self._copy(task) if task.passages is None else self._rewrite(task, task.passages)
        pinned(task, before)
        return answer, to_payload(done)

    def _tell(self, size: int) -> None:
        self._send(Progress(size), b"")

    def _digest(self, path: str) -> str:
        return file_sha256(Path(path), lambda: self._tell(0))

    def _copy(self, task: Clean) -> tuple[CleanAnswer, pa.Table]:
        """Copy a shard in which nothing is to be changed."""
        digest, size, blocks = hashlib.sha256(), 0, 0
        with Path(task.path).open("rb") as file, Path(task.target).open("wb") as out:
            while block := file.read(BLOCK):
                digest.update(block)
                out.write(block)
                size, blocks = size + len(block), blocks + 1
                if blocks % PROGRESS_BLOCKS == 0:
                    self._tell(0)
        _refuse_other(task, digest.hexdigest())
        return CleanAnswer(None, None, 0, 0, size, digest.hexdigest(), ""), DONE_SCHEMA.empty_table()

    def _rewrite(self, task: Clean, passages: str) -> tuple[CleanAnswer, pa.Table]:
        path, name, target = task.path, task.shard, task.target
        _refuse_other(task, self._digest(path))
        edits = Edits(name, self._mode, self._marker, pq.read_table(passages, schema=PASSAGES))
        with open_shard(path, name, self._options) as shard:
            kind, columns = shard.kind, shard.choose_columns()
        format_of_shard = parquet if kind == "parquet" else jsonl  # no other is asked for
        with read_errors(f"shard {name} cannot be written anew"):
            lost = format_of_shard.rewrite(path, target, columns, edits, self._options, self._tell)
        if edits.untouched:
            raise ShardError(f"shard {name}: {edits.untouched} passages lie in rows that it does not have")
        size, sha256 = Path(target).stat().st_size, self._digest(target)
        answer = CleanAnswer(edits.rows, edits.kept, edits.changed, edits.spans, size, sha256, lost)
        return answer, edits.done_table()


def _refuse_other(task: Clean, sha256: str) -> None:
    if sha256 != task.sha256:
        digests = f"its SHA-256 is {sha256}, and was {task.sha256}"
        raise ShardError(f"shard {task.shard} is not the one that was scanned: {digests}; scan it again")


def begin(hello: CleanerHello, payload: memoryview, send: Send) -> Callable[[Clean], Result]:
    """What does tasks, confined."""
    confine(hello.memory)
    return Cleaner(hello, send).do


def main() -> None:
    """Serve tasks until standard input ends."""
    lighten()
    serve(CleanerHello, Clean, begin, SHARD_LADDER)
