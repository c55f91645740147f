"""Calls over a network: each in a thread of its own that can be given up, repeated with backoff, until a deadline.

The clients' own timeouts do not suffice: Arrow's S3 request timeout has no effect on Linux, and a server that sends
one byte a minute never trips them. A call given up goes on in its daemon thread, which ends with the process.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from provenance.errors import StorageError
from provenance.storage.failures import final_reason, is_of_storage, reason

T = TypeVar("T")


@dataclass(frozen=True)
class RetryPolicy:
    """How long to try; the defaults bear a link of 1 MB/s and a store that is busy for half a minute."""

    attempts: int = 6  # of each call, the first included
    first_wait: float = 0.5  # seconds before the second attempt; doubles from one to the next
    most_wait: float = 20.0  # seconds
    read_seconds: float = 120.0  # for one call: a listing, or one part of an object
    object_seconds: float = 3600.0  # for an object, or a listing, with all its calls and waits

    def wait(self, failures: int) -> float:
        """Seconds to wait after so many failures: doubling, and jittered so that clients do not come back together."""
        longest = min(self.most_wait, self.first_wait * 2.0 ** (failures - 1))
        return longest * random.uniform(0.5, 1.0)


@dataclass(frozen=True)
class _Call(Generic[T]):
    """A call under way in a thread of its own."""

    what: Callable[[], T]
    answer: Future[T] = field(default_factory=Future)
    started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        try:
            self.answer.set_result(self.what())
        except Exception as error:  # handed to who waits, who knows what to do with it
            self.answer.set_exception(error)

    def result(self, until: float) -> T:
        """The answer, or what the call raised; TimeoutError if there is none by then."""
        done, _ = wait([self.answer], timeout=max(0.0, until - time.monotonic()))
        if not done:
            raise TimeoutError(f"no answer within {until - self.started:.3g} s")
        return self.answer.result()


class Patience:
    """The retries and the deadline of one object or one listing, `uri`, over all its calls."""

    def __init__(self, policy: RetryPolicy, uri: str, scheme: str) -> None:
        self.retries = 0
        self._policy, self._uri, self._scheme = policy, uri, scheme
        self._deadline = time.monotonic() + policy.object_seconds

    def call(self, what: Callable[[], T]) -> T:
        """The answer of a call, repeated as the policy allows; raises StorageError."""
        return self._finish(_Call(what))

    def in_order(self, calls: Iterable[Callable[[], T]], width: int) -> Iterator[T]:
        """The answers of calls in their order, `width` of them under way at a time."""
        under_way: deque[_Call[T]] = deque()
        for what in calls:
            under_way.append(_Call(what))
            if len(under_way) == width:
                yield self._finish(under_way.popleft())
        while under_way:
            yield self._finish(under_way.popleft())

    def _finish(self, call: _Call[T]) -> T:
        failures = 0
        while True:
            try:
                return call.result(min(self._deadline, call.started + self._policy.read_seconds))
            except Exception as error:
                if not is_of_storage(error):
                    raise
                failures += 1
                pause = self._policy.wait(failures)
                self._give_up_if_useless(error, failures, pause)
                time.sleep(pause)
            self.retries += 1
            call = _Call(call.what)

    def _give_up_if_useless(self, error: Exception, failures: int, pause: float) -> None:
        if final := final_reason(error, self._scheme):
            raise StorageError(f"{self._uri}: {final}") from error
        late = time.monotonic() + pause >= self._deadline
        if failures >= self._policy.attempts or late:
            limit = f"the limit of {self._policy.object_seconds:g} s is reached" if late else "none succeeded"
            tried = f"{failures} attempt{'s' * (failures > 1)}"
            raise StorageError(
                f"{self._uri} cannot be read: {reason(error)} ({tried}, {limit}): check the network and the store, "
                "then resume the run"
            ) from error
