"""The rig is made once: its corpus, its index, and the run that nothing disturbs."""

from __future__ import annotations

import pytest

from tests.faults.rig import Rig, make_rig


@pytest.fixture(scope="session")
def rig(tmp_path_factory) -> Rig:
    return make_rig(tmp_path_factory.mktemp("faults"))
