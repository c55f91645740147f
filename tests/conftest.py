"""Fixtures that several folders of tests share."""

import contextlib
import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.report.runs_to_report import hostile, rich
from tests.runs.clusters import RealCluster, real_cluster
from tests.shards.fixtures import books, index, rows, tokenizer
from tests.tools.forked import Forking, fork_children

__all__ = ["books", "hostile", "index", "rich", "rows", "tokenizer"]

# a shell that starts tests in the background has them, and all they start, ignore Ctrl-C, which some of them send
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    with contextlib.suppress(ValueError):  # not the main thread
        signal.signal(signal.SIGINT, signal.default_int_handler)

os.environ |= {"RAY_worker_niceness": "0"}  # by default its workers have the cores that nobody else wants

fork_children(Forking(os.environ))
settings.register_profile("shared", deadline=None)  # other tests have the same cores
settings.load_profile("shared")


@pytest.fixture(scope="session")
def cluster() -> Iterator[RealCluster]:
    """A Ray cluster, the same for all tests: who has it lose a node adds one, and its head is left alone."""
    with real_cluster() as cluster:
        yield cluster


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests on the cluster wait: see `markers` in pyproject.toml."""
    for item in items:
        if "cluster" in getattr(item, "fixturenames", ()):
            item.add_marker("waits")


CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Give each of the processes that share the tests a core to itself, for quick tests.

    The commands that it starts have that core too, and so begin one worker, unless a test asks for more, instead of one
    a core each: most of what a small scan costs is that workers start.
    """
    number = os.environ.get("PYTEST_XDIST_WORKER", "")[2:]
    if number and CORES:
        slow = item.get_closest_marker("slow") is not None
        os.sched_setaffinity(0, CORES if slow else {CORES[int(number) % len(CORES)]})
