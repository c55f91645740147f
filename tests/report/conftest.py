"""Runs that several tests report; each is made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.report.runs_to_report import make_hostile, make_rich


@pytest.fixture(scope="session")
def rich(tmp_path_factory) -> Path:
    return make_rich(tmp_path_factory.mktemp("rich"))


@pytest.fixture(scope="session")
def hostile(tmp_path_factory) -> Path:
    return make_hostile(tmp_path_factory.mktemp("hostile"))
