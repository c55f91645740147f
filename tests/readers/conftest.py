"""What every test of hostile files holds."""

from __future__ import annotations

import time

import psutil
import pytest


@pytest.fixture
def bounded():
    """The test ends soon and takes little memory in this process."""
    begin, before = time.monotonic(), psutil.Process().memory_info().rss
    yield
    assert time.monotonic() - begin < 20
    assert psutil.Process().memory_info().rss - before < 600 << 20
