"""Arrow file systems for addresses. Endpoints and credentials come from the environment alone, as each vendor names it.

S3: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL(_S3).
Google: GOOGLE_APPLICATION_CREDENTIALS, STORAGE_EMULATOR_HOST. Azure: AZURE_STORAGE_ACCOUNT, AZURE_STORAGE_KEY,
AZURE_STORAGE_SAS_TOKEN, AZURE_STORAGE_BLOB_ENDPOINT. Hub: HF_TOKEN, HF_ENDPOINT.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from provenance.errors import StorageError, UsageError
from provenance.storage.locations import Location

if TYPE_CHECKING:
    import pyarrow.fs

CONNECT_SECONDS, REQUEST_SECONDS = 10, 30
ATTEMPTS = 2  # of a client by itself; `RetryPolicy` has the rest
REMEDIES = {
    "s3": "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE, or pass --anonymous for public data",
    "gs": "set GOOGLE_APPLICATION_CREDENTIALS, or pass --anonymous for public data",
    "abfss": "set AZURE_STORAGE_ACCOUNT with AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN",
    "hf": "set HF_TOKEN if the data set is not public",
}
DENIED = (
    "ACCESS_DENIED",
    "Forbidden",
    "403",
    "401",
    "credentials",
    "Unauthorized",
    "INVALID_ACCESS_KEY",
    "SignatureDoes",
)


def file_system(location: Location, anonymous: bool) -> pyarrow.fs.FileSystem:
    """The client for an address; raises StorageError where it cannot be made, UsageError where something is not set."""
    try:
        return _OPENERS[location.scheme](location, anonymous)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise StorageError(f"cannot open {location.scheme}://{location.root}: {explained(error, location)}") from error


def explained(error: BaseException, location: Location) -> str:
    """What a client has to say, on one line, with what to do where it was refused."""
    message = " ".join(str(error).split())[:300] or type(error).__name__
    if any(word in message for word in DENIED):
        return f"{message}: {REMEDIES[location.scheme]}"
    return message


def is_refusal(error: BaseException) -> bool:
    """Whether asking again is no use: the credentials do not suffice."""
    return any(word in str(error) for word in DENIED)


def identity_of(source: pa.NativeFile, client: pyarrow.fs.FileSystem, path: str) -> tuple[str | None, str | None]:
    """ETag and version of an opened object, as far as its store tells; the Hub's version is the commit in the path."""
    if client.type_name.startswith("py"):
        known = client.handler.fs.info(path)
        return known.get("blob_id"), path.partition("@")[2].partition("/")[0] or None
    told = {name.lower(): value.decode() for name, value in (source.metadata() or {}).items()}
    version = told.get("versionid") or told.get("x-amz-version-id") or told.get("generation")
    return (told["etag"].strip('"') if told.get("etag") else None), version


def _s3(location: Location, anonymous: bool) -> pyarrow.fs.FileSystem:
    from pyarrow.fs import AwsStandardS3RetryStrategy, S3FileSystem

    options: dict[str, Any] = {}
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if endpoint:
        scheme, _, host = endpoint.rpartition("://")
        options = {"scheme": scheme or "https", "endpoint_override": host.rstrip("/")}
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if region is None and endpoint:
        region = "us-east-1"  # Arrow would ask Amazon where a bucket is that Amazon does not have
    elif region is None:
        from pyarrow.fs import resolve_s3_region

        region = resolve_s3_region(location.root)
    return S3FileSystem(
        anonymous=anonymous,
        region=region,
        connect_timeout=CONNECT_SECONDS,
        request_timeout=REQUEST_SECONDS,
        retry_strategy=AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
        **options,
    )


def _gs(location: Location, anonymous: bool) -> pyarrow.fs.FileSystem:
    from pyarrow.fs import GcsFileSystem

    limit = timedelta(seconds=REQUEST_SECONDS)
    if endpoint := os.environ.get("STORAGE_EMULATOR_HOST"):
        scheme, _, host = endpoint.rpartition("://")
        return GcsFileSystem(
            anonymous=True, scheme=scheme or "http", endpoint_override=host.rstrip("/"), retry_time_limit=limit
        )
    return GcsFileSystem(anonymous=anonymous, retry_time_limit=limit)


def _abfss(location: Location, anonymous: bool) -> pyarrow.fs.FileSystem:
    from pyarrow.fs import AzureFileSystem

    account = location.account or os.environ.get("AZURE_STORAGE_ACCOUNT", "")
    if not account:
        raise UsageError(
            "no Azure account: set AZURE_STORAGE_ACCOUNT, or write abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/KEY"
        )
    options: dict[str, Any] = {}
    if endpoint := os.environ.get("AZURE_STORAGE_BLOB_ENDPOINT"):
        scheme, _, host = endpoint.rpartition("://")
        host = host.rstrip("/").partition("/")[0]
        options = {
            "blob_storage_authority": host, "blob_storage_scheme": scheme or "https",
            "dfs_storage_authority": host, "dfs_storage_scheme": scheme or "https",
        }  # fmt: skip
    if not anonymous:
        options["account_key"] = os.environ.get("AZURE_STORAGE_KEY")
        options["sas_token"] = None if options["account_key"] else os.environ.get("AZURE_STORAGE_SAS_TOKEN")
    return AzureFileSystem(account, **{name: value for name, value in options.items() if value})


def _hf(location: Location, anonymous: bool) -> pyarrow.fs.FileSystem:
    from pyarrow.fs import FSSpecHandler, PyFileSystem

    try:
        from huggingface_hub import HfFileSystem
    except ImportError as error:
        raise UsageError("hf:// needs: pip install 'provenance-scanner[hf]'") from error
    return PyFileSystem(FSSpecHandler(HfFileSystem(token=False if anonymous else None, use_listings_cache=False)))


_OPENERS = {"s3": _s3, "gs": _gs, "abfss": _abfss, "hf": _hf}
