"""A role whose children do what the names of their tasks say, in a process of their own."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest


@pytest.fixture
def importable(monkeypatch) -> None:
    """Children find the modules of tests."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parents[2]), *sys.path]))
