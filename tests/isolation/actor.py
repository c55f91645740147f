"""A child process that does what the name of its task says."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import ClassVar

from provenance.errors import UsageError
from provenance.isolation.child import Result, Send, serve
from provenance.isolation.tasks import Answer, Item, Number, Progress, ShardTask


class Part(Answer, frozen=True):
    number: Number


class Done(Answer, frozen=True):
    pid: Number
    again: bool


class Act(ShardTask, frozen=True):
    answer: ClassVar[type[Answer]] = Done
    interim: ClassVar[tuple[type[Answer], ...]] = (Part,)


class Hello(Item, frozen=True):
    start: str = ""


def begin(hello: Hello, payload: memoryview, send: Send) -> Callable[[Act], Result]:
    if hello.start == "refuse":
        raise UsageError("it does not want to")
    if hello.start == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if hello.start == "exit":
        os._exit(7)
    given = bytes(payload)

    def do(task: Act) -> Result:
        if task.shard == "die" or (task.shard == "die once" and not task.again):
            os.kill(os.getpid(), signal.SIGKILL)
        if task.shard == "leave":
            os._exit(3)
        if task.shard == "freeze":
            time.sleep(600)
        if task.shard == "swell" and not task.again:
            raise MemoryError
        if task.shard == "fault":
            raise KeyError("no \ud800 such")
        if task.shard == "surrogate":
            return Part(1), b""  # which is no result
        if task.shard == "parts":
            for number in range(3):
                send(Part(number), bytes([number]))
        if task.shard == "large":
            return Done(os.getpid(), task.again), bytes(range(256)) * (1 << 14)
        send(Progress(5), b"")
        return Done(os.getpid(), task.again), given

    return do


def main() -> None:
    serve(Hello, Act, begin)
