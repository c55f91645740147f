"""Real servers on this machine: S3 by moto, Google's by its emulator."""

from __future__ import annotations

import logging
import uuid
from http.server import ThreadingHTTPServer

import pytest
from gcp_storage_emulator import server as gcs_emulator
from moto.server import ThreadedMotoServer
from pyarrow.fs import GcsFileSystem, S3FileSystem

SETTINGS = ("AWS_", "GOOGLE_", "AZURE_", "STORAGE_EMULATOR_HOST", "HF_")


@pytest.fixture(scope="session")
def s3_port():
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield server.get_host_and_port()[1]
    server.stop()


@pytest.fixture
def s3(s3_port, monkeypatch):
    """A client that writes, with the environment of one that reads."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{s3_port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return S3FileSystem(
        access_key="key",
        secret_key="secret",
        region="us-east-1",
        scheme="http",
        endpoint_override=f"127.0.0.1:{s3_port}",
        allow_bucket_creation=True,
    )


@pytest.fixture
def bucket(s3):
    name = f"bucket-{uuid.uuid4().hex[:12]}"
    s3.create_dir(name)
    return name


@pytest.fixture
def put(s3, bucket):
    def write(key: str, data: bytes) -> str:
        with s3.open_output_stream(f"{bucket}/{key}", compression=None) as file:
            file.write(data)
        return f"s3://{bucket}/{key}"

    return write


@pytest.fixture
def gcs(monkeypatch):
    """A client that writes to the emulator. Its server takes one connection at a time; clients keep several open."""
    monkeypatch.setattr(gcs_emulator.server, "HTTPServer", ThreadingHTTPServer)
    server = gcs_emulator.create_server("127.0.0.1", 0, in_memory=True, default_bucket="bucket")
    server.start()
    host = f"127.0.0.1:{server._api._httpd.server_address[1]}"
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://{host}")
    yield GcsFileSystem(anonymous=True, scheme="http", endpoint_override=host)
    server.stop()
