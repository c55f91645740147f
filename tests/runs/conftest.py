"""A Ray cluster for who asks for one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.runs.clusters import RealCluster, real_cluster


@pytest.fixture
def cluster() -> Iterator[RealCluster]:
    with real_cluster() as cluster:
        yield cluster
