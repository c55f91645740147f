"""The child process that parses shards and matches texts."""

import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from provenance.errors import ProvenanceError, ShardError
from provenance.files.digests import file_identity, file_sha256
from provenance.index.opening import Index
from provenance.isolation.child import LADDER, Result, Send, confine, serve
from provenance.isolation.framing import Payload
from provenance.isolation.tasks import Compiling, Progress, ShardTask
from provenance.kernels.compiling import compile_seconds, on_first_compile
from provenance.matching.matcher import Matcher
from provenance.process.lean import do_without
from provenance.shards.opening import open_shard
from provenance.shards.shard import Options, Shard
from provenance.sketch import FracMinHash, Key
from provenance.units import messages
from provenance.units.config import ScanConfig
from provenance.units.located import Source
from provenance.units.payloads import to_payload
from provenance.units.unit import learn_unit, scan_unit

PROGRESS_BYTES = 16 << 20  # of text between two progress messages
PROGRESS_SECONDS = 1.0  # or so long, if something was done: a worker that tells nothing is taken for stuck
RELEASE_BYTES = 32 << 20  # of text, after which memory that decoding left goes back: some 60 MB, for 1 % of the time

WorkerTask = messages.Describe | messages.Digest | messages.Learn | messages.Scan | messages.ScanWhole

SHARD_LADDER = (*LADDER, (pa.ArrowException, "unreadable"))


class Worker:
    """Holds the index and does tasks."""

    def __init__(self, hello: messages.WorkerHello, background: memoryview, send: Send) -> None:
        self._config = ScanConfig.from_json(hello.config)
        self._options = Options.of(self._config)
        index = Index(Path(hello.index), Key.from_message(hello.key), self._config.scale)
        if index.digest != hello.index_digest:
            raise ProvenanceError(f"index {hello.index} changed while the scan was starting")
        if isinstance(index.sketch, FracMinHash):
            do_without("scipy")  # banded sketches ask datasketch, which needs it; numba would only load its BLAS
        self._matcher = Matcher(index, self._config.match, np.frombuffer(background, dtype="<u8"))
        self._send = send

    def do(self, task: WorkerTask) -> Result:
        """The result of a task; raises ShardError where the file changes meanwhile."""
        before = pinned(task, task.identity)
        result = self._result(task, before)
        pinned(task, before)
        return result

    def _result(self, task: WorkerTask, identity: str) -> Result:
        match task:
            case messages.Describe():
                with open_shard(task.path, task.shard, self._options) as shard:
                    return _description(shard, identity), b""
            case messages.Digest():
                return messages.DigestAnswer(self._digest(task)), b""
            case messages.Learn():
                fingerprints, documents = learn_unit(self._source(task), task.parts, self._matcher.index)
                return messages.LearnAnswer(documents), to_payload(fingerprints)
            case messages.Scan():
                return self._scan(task)
            case messages.ScanWhole():
                with open_shard(task.path, task.shard, self._options) as shard:
                    description = _description(shard, identity)
                    columns, parts = description.columns, description.parts
                    scan = messages.Scan(task.shard, task.path, slot=0, columns=columns, parts=parts)
                    scanned, matches = self._scan(scan, shard)
                return messages.ScanWholeAnswer(description, self._digest(task), scanned), matches

    def _digest(self, task: ShardTask) -> str:
        return file_sha256(Path(task.path), lambda: self._send(Progress(0), b""))

    def _scan(self, task: messages.Scan, opened: Shard | None = None) -> tuple[messages.ScanAnswer, Payload]:
        progress = _Progress(self._send)
        source, add = self._source(task), progress.add
        result = scan_unit(source, task.parts, self._matcher, self._config, add, task.again, opened)
        answer = messages.ScanAnswer(
            result.counts, result.rows_read, progress.unsent, compile_seconds(), tuple(result.problems),
            tuple(result.origins.rows()),
        )  # fmt: skip
        return answer, to_payload(result.matches)

    def _source(self, task: messages.Learn | messages.Scan) -> Source:
        return Source(task.shard, task.path, task.columns, self._options)


def _description(shard: Shard, identity: str) -> messages.DescribeAnswer:
    columns = shard.choose_columns()
    parts, size = tuple(shard.parts(columns)), Path(shard.path).stat().st_size
    return messages.DescribeAnswer(shard.kind, shard.rows, shard.groups or None, size, columns, parts, identity)


class _Progress:
    """Says now and then how much text was done, and gives memory back."""

    def __init__(self, send: Send) -> None:
        self._send, self._last = send, time.monotonic()
        self.unsent = self._held = 0

    def add(self, size: int) -> None:
        """So many bytes of text are done."""
        self.unsent, self._held = self.unsent + size, self._held + size
        if self._held >= RELEASE_BYTES:
            pa.default_memory_pool().release_unused()
            self._held = 0
        if self.unsent >= PROGRESS_BYTES or time.monotonic() > self._last + PROGRESS_SECONDS:
            self._send(Progress(self.unsent), b"")
            self.unsent, self._last = 0, time.monotonic()


def pinned(task: ShardTask, identity: str | None) -> str:
    """What tells the bytes of a shard from others; raises ShardError where they are not those of the first look."""
    now = file_identity(task.path)
    if identity not in (None, now):
        raise ShardError(f"shard {task.shard} changed while it was being scanned: scan it again")
    return now


def lighten() -> None:
    """Load no more than shards need, with the fastest allocator there is."""
    do_without("pandas", "dateutil")
    if "mimalloc" in pa.supported_memory_backends():
        pa.set_memory_pool(pa.mimalloc_memory_pool())


def begin(hello: messages.WorkerHello, background: memoryview, send: Send) -> Worker:
    """A worker, confined."""
    confine(hello.memory)
    on_first_compile(lambda: send(Compiling(), b""))
    return Worker(hello, background, send)


def main() -> None:
    """Serve tasks until standard input ends."""
    lighten()
    serve(messages.WorkerHello, WorkerTask, lambda *hello: begin(*hello).do, SHARD_LADDER)


if __name__ == "__main__":
    main()
