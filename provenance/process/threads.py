"""What several threads make, in the order in which it was asked for."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def in_order(
    started: Iterable[tuple[int, Future[T]]], most: int, most_held: int = 0, keep: bool = False
) -> Iterator[T]:
    """Results in order of what is started, each with its size, as soon as they are there.

    What is under way is at most `most`, and of about `most_held` in all, if that is more than the first of it. Where
    nobody takes the rest, what has not begun is cancelled; with `keep` it is done all the same.
    """
    ahead = deque[tuple[int, Future[T]]]()
    held = 0
    try:
        for size, future in started:
            ahead.append((size, future))
            held += size
            while ahead and (held > most_held or len(ahead) > most or ahead[0][1].done()):
                size, done = ahead.popleft()
                held -= size
                yield done.result()
        while ahead:
            yield ahead.popleft()[1].result()
    finally:
        if not keep:
            for _, future in ahead:
                future.cancel()
