"""A shard that must be found whatever lies beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.shards import formats


@pytest.fixture
def good(rows, tmp_path) -> Path:
    """A shard whose second row, number 1, is a passage of a book."""
    (tmp_path / "beside").mkdir()
    return formats.parquet(tmp_path / "beside", rows[:2]).rename(tmp_path / "good.parquet")
