"""The texts that all adapters are given, what must come out, and another index at the same place."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

import provenance
from tests.adapters.oracle import texts_of, told


@pytest.fixture(scope="session")
def texts(rows) -> list[str]:
    return texts_of(rows)


@pytest.fixture(scope="session")
def expected(index, texts) -> list[dict[str, Any]]:
    found = told(index, texts)
    assert 10 <= sum(row["prov_works"] != [] for row in found) < len(found) - 6
    return found


@pytest.fixture
def own_index(index, tmp_path) -> Path:
    """The index at a place where a test may put another."""
    return Path(shutil.copytree(index, tmp_path / "own index"))


@pytest.fixture
def replace_index(books, own_index, tmp_path):
    """Puts an index of one book less in the place of the test's."""

    def replace() -> None:
        (tmp_path / "fewer").mkdir()
        for name, text in sorted(books.items())[1:]:
            (tmp_path / "fewer" / f"{name}.txt").write_text(text, encoding="utf-8")
        provenance.build_index([tmp_path / "fewer"], own_index, overwrite=True)

    return replace
