"""Stores to test against: moto's S3 server and the GCS emulator, started once."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import boto3
import pyarrow.fs as pafs
import pytest

from provenance.storage.patience import RetryPolicy

QUICK = RetryPolicy(attempts=3, first_wait=0.01, most_wait=0.05, read_seconds=5.0, object_seconds=20.0)
FOREIGN = (
    "AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL_S3",
    "AWS_EC2_METADATA_DISABLED", "GOOGLE_APPLICATION_CREDENTIALS", "AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_KEY",
    "AZURE_STORAGE_SAS_TOKEN", "HF_TOKEN", "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY",
)  # fmt: skip


@dataclass(frozen=True)
class Store:
    """A bucket of a local server: written with boto3 or Arrow, never with the code under test."""

    url: str
    bucket: str
    port: int

    @property
    def boto(self):
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id="x",
            aws_secret_access_key="y",
        )

    def put(self, key: str, data: bytes) -> None:
        self.boto.put_object(Bucket=self.bucket, Key=key, Body=data)


@pytest.fixture(scope="session")
def ports() -> Iterator[dict[str, int]]:
    script = Path(__file__).with_name("servers.py")
    with subprocess.Popen(
        [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as server:
        assert server.stdout is not None
        yield json.loads(server.stdout.readline())
        server.communicate()


@pytest.fixture
def environment(monkeypatch, tmp_path) -> None:
    """The environment of a user with credentials and no files or variables of this machine."""
    for name in FOREIGN:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret")


@pytest.fixture
def s3(ports, environment, monkeypatch, request) -> Store:
    """An empty bucket; AWS_ENDPOINT_URL points to its server."""
    url = f"http://127.0.0.1:{ports['s3']}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    store = Store(url, f"bucket-{abs(hash(request.node.nodeid)):x}", ports["s3"])
    store.boto.create_bucket(Bucket=store.bucket)
    return store


@pytest.fixture
def gcs(ports, environment, monkeypatch, request) -> tuple[str, pafs.FileSystem]:
    """The name of an empty bucket and a client that can write to it; STORAGE_EMULATOR_HOST points to its server."""
    host = f"127.0.0.1:{ports['gcs']}"
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://{host}")
    files = pafs.GcsFileSystem(anonymous=True, scheme="http", endpoint_override=host, project_id="test")
    bucket = f"bucket-{abs(hash(request.node.nodeid)):x}"
    files.create_dir(bucket)
    return bucket, files
