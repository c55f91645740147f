"""Opens a store: S3, GCS and Azure through obstore, which retries, resumes and times out by itself.

Credentials and endpoints come from the ordinary environment variables, nothing from a URI.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

import obstore
from obstore.store import AzureStore, GCSStore, S3Store

from provenance.errors import UsageError
from provenance.process.extras import load
from provenance.storage.credentials import aws_profile, azure_credentials, gcs_credentials, s3_credentials
from provenance.storage.locations import VARIABLES, Location, RemoteObject

if TYPE_CHECKING:
    from provenance.storage.hub import HubStore

CALL_SECONDS = 60.0  # a request is asked again when its answer is not there whole by then
CONNECT_SECONDS = 10.0
RETRY_SECONDS = 180.0  # a store may be busy for so long before a request is given up
RETRIES = 8
AZURE_ENDPOINT = "AZURE_STORAGE_BLOB_ENDPOINT"


@dataclass(frozen=True)
class BucketStore:
    """One bucket or container of S3, GCS or Azure, to be read."""

    location: Location  # what it was opened for
    store: Any  # obstore's

    def head(self, key: str) -> RemoteObject:
        """An object, by its exact key; raises FileNotFoundError if there is none."""
        return self._object(obstore.head(self.store, key))

    def below(self, prefix: str) -> Iterable[RemoteObject]:
        """All objects below a directory of keys. Its marker is told from an empty object by asking for it."""
        for batch in obstore.list(self.store, prefix.rstrip("/")):
            yield from (self._object(meta) for meta in batch if meta["size"] or not self._is_marker(meta["path"]))

    def level(self, prefix: str) -> tuple[list[RemoteObject], list[str]]:
        """Objects and directories directly in a directory of keys."""
        listed = obstore.list_with_delimiter(self.store, prefix.rstrip("/"))
        return [self._object(meta) for meta in listed["objects"]], list(listed["common_prefixes"])

    def read(self, item: RemoteObject, begin: int, end: int) -> bytes:
        """Some bytes of an object, from several threads at once if need be; raises PreconditionError for another."""
        options: Any = {"range": (begin, end)}
        if item.etag and not item.etag.startswith("W/"):
            options["if_match"] = f'"{item.etag}"'
        return bytes(obstore.get(self.store, item.uri.removeprefix(self.location.at("").uri), options=options).bytes())

    def _object(self, meta: Any) -> RemoteObject:  # noqa: ANN401
        uri, etag = self.location.at(meta["path"]).uri, meta["e_tag"] or ""
        etag = (etag if etag.startswith("W/") else etag.strip('"')) or None
        modified = meta["last_modified"].replace(microsecond=0).isoformat()  # a listing may tell more than an answer
        return RemoteObject(uri, meta["size"], etag, meta["version"] or None, modified, None)

    def _is_marker(self, key: str) -> bool:
        with suppress(FileNotFoundError):
            obstore.head(self.store, key)
            return False
        return True


Store: TypeAlias = "BucketStore | HubStore"


def open_reading(location: Location, anonymous: bool) -> Store:
    """The store of a location, to be read; a dataset's is asked for its commit. Raises UsageError."""
    if location.scheme == "hf":
        load("huggingface_hub")
        from provenance.storage.hub import open_dataset  # which needs that extra

        return open_dataset(location, anonymous)
    return BucketStore(location, open_store(location, anonymous))


def open_store(location: Location, anonymous: bool) -> Any:  # noqa: ANN401  (there is no common type of obstore's)
    """Obstore's store of a bucket or container; raises UsageError."""
    return {"s3": _s3, "gs": _gcs, "abfss": _azure}[location.scheme](location, anonymous)


def _s3(location: Location, anonymous: bool) -> S3Store:
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    options: dict[str, Any] = {"endpoint": checked_endpoint("AWS_ENDPOINT_URL", endpoint)} if endpoint else {}
    elsewhere = bool(endpoint) and not (urlsplit(str(endpoint)).hostname or "").endswith(".amazonaws.com")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not region:
        region = aws_profile().get("region") or ("us-east-1" if endpoint else _region_of(location.container))
    options |= {"skip_signature": True} if anonymous else s3_credentials(elsewhere)
    return S3Store(location.container, region=region, **options, **_manners(endpoint))


def _region_of(bucket: str) -> str:
    import pyarrow.fs as pafs  # heavy, and seldom needed

    return str(pafs.resolve_s3_region(bucket))


def _gcs(location: Location, anonymous: bool) -> GCSStore:
    if emulator := os.environ.get("STORAGE_EMULATOR_HOST"):
        url = checked_endpoint("STORAGE_EMULATOR_HOST", emulator if "://" in emulator else f"http://{emulator}")
        return GCSStore(location.container, base_url=url, skip_signature=True, **_manners(url))
    options = {"skip_signature": True} if anonymous else gcs_credentials()
    return GCSStore(location.container, **options, **_manners(None))


def _azure(location: Location, anonymous: bool) -> AzureStore:
    if anonymous:
        raise UsageError(f"{location.uri}: Azure is not read anonymously; set {VARIABLES['abfss']}")
    options, endpoint = azure_credentials(), os.environ.get(AZURE_ENDPOINT)
    if endpoint:
        options["endpoint"] = checked_endpoint(AZURE_ENDPOINT, endpoint)
        if endpoint.startswith("http://") and not options.keys() & {"account_key", "sas_key"}:
            raise UsageError(f"{AZURE_ENDPOINT} is not https: set AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN")
    return AzureStore(location.container, account_name=location.account, **options, **_manners(endpoint))


def _manners(endpoint: str | None) -> dict[str, Any]:
    """How long to wait, and how often to ask."""
    call, connection = timedelta(seconds=CALL_SECONDS), timedelta(seconds=CONNECT_SECONDS)
    retries = timedelta(seconds=RETRY_SECONDS)
    backoff = {"base": 2, "init_backoff": timedelta(seconds=0.2), "max_backoff": timedelta(seconds=15)}
    is_http = bool(endpoint) and str(endpoint).startswith("http://")
    return {
        "client_options": {"allow_http": is_http, "timeout": call, "connect_timeout": connection},
        "retry_config": {"max_retries": RETRIES, "retry_timeout": retries, "backoff": backoff},
    }


def checked_endpoint(variable: str, url: str) -> str:
    """The address in a variable; raises UsageError for what is none."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise UsageError(f"{variable} must be http://HOST[:PORT] or https://HOST[:PORT], without user and password")
    return url.rstrip("/")
