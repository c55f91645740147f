"""The folder in which the docs are true, made once, and a bucket that holds the same."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.docs.world import environment, make_world
from tests.storage.conftest import Store, ports
from tests.tools.shared import made_once

__all__ = ["ports"]


@pytest.fixture(scope="session")
def world(ports, tmp_path_factory) -> tuple[Path, dict[str, str]]:
    """The folder, and the variables of a shell; `s3://bucket` has the same data and the same index."""
    base = tmp_path_factory.mktemp("docs")
    url = f"http://127.0.0.1:{ports['s3']}"
    keys = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "very-secret", "AWS_ENDPOINT_URL": url}
    nowhere = str(base / "nothing")
    home = {"AWS_CONFIG_FILE": nowhere, "AWS_SHARED_CREDENTIALS_FILE": nowhere, "PROVENANCE_CACHE": str(base / "cache")}
    variables = environment(base / "bin", {**keys, **home, "AWS_REGION": "us-east-1", "RAY_USAGE_STATS_ENABLED": "0"})
    folder = made_once(tmp_path_factory, "world", lambda place: make_world(place / "world", variables)) / "world"
    store = Store(url, "bucket", ports["s3"])
    store.boto.create_bucket(Bucket=store.bucket)
    for prefix, below in {"data": "data", "index": "indexes/books"}.items():
        for path in (folder / below).iterdir():
            store.put(f"{prefix}/{path.name}", path.read_bytes())
    return folder, variables


@pytest.fixture
def page_folder(tmp_path):
    """Where a page is run; removed when it is done, for it holds a copy of all."""
    yield tmp_path / "page"
    shutil.rmtree(tmp_path / "page", ignore_errors=True)
