"""Opens the client of a store: credentials and endpoints from the ordinary environment variables, nothing from a URI.

What each store says of an object, measured with pyarrow 26: S3 gives ETag, Last-Modified (whole seconds) and, in a
versioned bucket, VersionId; GCS gives etag, generation and updated; Azure gives ETag and Last-Modified.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol
from urllib.parse import urlsplit

import pyarrow.fs as pafs

from provenance.errors import UsageError
from provenance.storage.locations import VARIABLES, Location

CONNECT_SECONDS = 10.0
AZURE_ENDPOINT = "AZURE_STORAGE_BLOB_ENDPOINT"


@dataclass(frozen=True)
class Properties:
    """What a store says of an object; what it does not say is None."""

    bytes: int
    etag: str | None = None
    version: str | None = None  # S3 version id, GCS generation, commit of a dataset
    modified: datetime | None = None
    sha256: str | None = None  # of the object's bytes, where the store keeps it


@dataclass(frozen=True)
class Opened:
    """An object ready to be read; `read_at(offset, length)` may be called from several threads at once."""

    properties: Properties
    read_at: Callable[[int, int], bytes]


@dataclass(frozen=True)
class Entry:
    """A key met while listing, or a directory of keys."""

    key: str
    is_directory: bool


class Client(Protocol):
    """One store, seen from one bucket, container or dataset."""

    @property
    def location(self) -> Location:
        """What it was opened for, with the revision that was pinned."""

    def open(self, key: str) -> Opened:
        """An object, which is asked for but not yet read; raises FileNotFoundError if there is none."""

    def entries(self, prefix: str, recursive: bool) -> Iterator[Entry]:
        """What lies below a directory of keys; raises FileNotFoundError if there is none."""


@dataclass(frozen=True)
class ArrowClient:
    """S3, GCS and Azure through Arrow's own clients."""

    location: Location
    files: pafs.FileSystem

    def open(self, key: str) -> Opened:
        """An object, by its exact key."""
        file = self.files.open_input_file(f"{self.location.container}/{key}")
        properties = _properties(file.size(), file.metadata())
        return Opened(properties, lambda offset, length: file.read_at(length, offset))

    def entries(self, prefix: str, recursive: bool) -> Iterator[Entry]:
        """Keys and directories below a prefix; zero-byte directory markers are seen by Arrow as directories."""
        base = f"{self.location.container}/{prefix}".rstrip("/")
        for info in self.files.get_file_info(pafs.FileSelector(base, recursive=recursive, allow_not_found=True)):
            key = info.path.removeprefix(self.location.container + "/")
            yield Entry(key, info.type == pafs.FileType.Directory)


def open_client(location: Location, anonymous: bool, sdk_attempts: int = 1) -> Client:
    """The client for a location; may ask the network. `sdk_attempts` counts S3's own, hidden retries."""
    match location.scheme:
        case "s3":
            return ArrowClient(location, _s3(location, anonymous, sdk_attempts))
        case "gs":
            return ArrowClient(location, _gcs(anonymous))
        case "abfss":
            return ArrowClient(location, _azure(location, anonymous))
        case _:
            from provenance.storage.hub import open_dataset  # the hub's package is an extra

            return open_dataset(location, anonymous)


def _s3(location: Location, anonymous: bool, attempts: int) -> pafs.FileSystem:
    environment = os.environ
    endpoint = environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL")
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    scheme, host = split_endpoint("AWS_ENDPOINT_URL", endpoint) if endpoint else (None, None)
    if host and not host.endswith(".amazonaws.com"):  # a store elsewhere has no EC2 roles: do not wait for them
        environment.setdefault("AWS_EC2_METADATA_DISABLED", "true")
    return pafs.S3FileSystem(
        anonymous=anonymous,
        region=region or ("us-east-1" if endpoint else pafs.resolve_s3_region(location.container)),
        scheme=scheme,
        endpoint_override=host,
        connect_timeout=CONNECT_SECONDS,
        retry_strategy=pafs.AwsStandardS3RetryStrategy(max_attempts=attempts),
    )


def _gcs(anonymous: bool) -> pafs.FileSystem:
    limit = timedelta(seconds=2 * CONNECT_SECONDS)  # for the client's own retries, which ours follow
    if emulator := os.environ.get("STORAGE_EMULATOR_HOST"):
        scheme, host = split_endpoint("STORAGE_EMULATOR_HOST", emulator if "://" in emulator else f"http://{emulator}")
        return pafs.GcsFileSystem(anonymous=True, scheme=scheme, endpoint_override=host, retry_time_limit=limit)
    return pafs.GcsFileSystem(anonymous=anonymous, retry_time_limit=limit)


def _azure(location: Location, anonymous: bool) -> pafs.FileSystem:
    if anonymous:
        raise UsageError(f"{location.uri}: Azure is not read anonymously; set {VARIABLES['abfss']}")
    key, token = os.environ.get("AZURE_STORAGE_KEY"), os.environ.get("AZURE_STORAGE_SAS_TOKEN")
    options: dict[str, str] = {}
    if key:
        options["account_key"] = key
    elif token:
        options["sas_token"] = "?" + token.removeprefix("?")  # Arrow appends it to the address as it is
    if endpoint := os.environ.get(AZURE_ENDPOINT):
        scheme, host = split_endpoint(AZURE_ENDPOINT, endpoint)
        if scheme == "http" and not options:  # Azure's library ends the process here
            raise UsageError(f"{AZURE_ENDPOINT} is not https: set AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN")
        options |= {"blob_storage_authority": host, "dfs_storage_authority": host}
        options |= {"blob_storage_scheme": scheme, "dfs_storage_scheme": scheme}
    return pafs.AzureFileSystem(location.account, **options)


def split_endpoint(variable: str, url: str) -> tuple[str, str]:
    """Scheme, and host with port and path, of the address in a variable; raises UsageError for what is none."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise UsageError(f"{variable} must be http://HOST[:PORT] or https://HOST[:PORT], without user and password")
    return parts.scheme, parts.netloc + parts.path.rstrip("/")


def _properties(size: int, metadata: Mapping[str | bytes, bytes] | None) -> Properties:
    said = {_text(name).lower(): _text(value) for name, value in (metadata or {}).items()}
    modified = said.get("last-modified") or said.get("updated")
    return Properties(
        bytes=size,
        etag=said.get("etag", "").strip('"') or None,
        version=said.get("versionid") or said.get("generation") or None,
        modified=datetime.fromisoformat(modified).astimezone(UTC) if modified else None,
    )


def _text(said: str | bytes) -> str:
    return said if isinstance(said, str) else said.decode("utf-8", "replace")
