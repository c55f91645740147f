"""A Ray cluster for who asks for one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.runs.clusters import RealCluster, real_cluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[RealCluster]:
    """The same for all tests: who has it lose a node adds one, and its head is left alone."""
    with real_cluster() as cluster:
        yield cluster
