"""Stores to test against: moto's S3 server, started once, and one that speaks as Google's does."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest

from provenance.storage import stores
from tests.storage.gcs import Google, serving

FOREIGN = (
    "AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL_S3",
    "AWS_EC2_METADATA_DISABLED", "GOOGLE_APPLICATION_CREDENTIALS", "AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_KEY",
    "AZURE_STORAGE_SAS_TOKEN", "HF_TOKEN", "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY",
)  # fmt: skip


@dataclass(frozen=True)
class Store:
    """A bucket of a local server: written with boto3, never with the code under test."""

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
    monkeypatch.setattr(stores, "has_metadata_service", lambda: False)


@pytest.fixture
def impatient(monkeypatch) -> None:
    """A client that gives up within seconds."""
    monkeypatch.setattr(stores, "CALL_SECONDS", 1.0)
    monkeypatch.setattr(stores, "RETRY_SECONDS", 1.5)


@pytest.fixture
def s3(ports, environment, monkeypatch, request) -> Store:
    """An empty bucket; AWS_ENDPOINT_URL points to its server."""
    url = f"http://127.0.0.1:{ports['s3']}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    store = Store(url, f"bucket-{abs(hash(request.node.nodeid)):x}", ports["s3"])
    store.boto.create_bucket(Bucket=store.bucket)
    return store


@pytest.fixture
def gcs(environment, monkeypatch) -> Iterator[Google]:
    """An empty bucket; STORAGE_EMULATOR_HOST points to its server."""
    with serving(Google("bucket")) as google:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", google.url)
        yield google
