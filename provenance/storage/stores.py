"""Opens a store: S3, GCS and Azure through obstore, which retries, resumes and times out by itself.

Credentials and endpoints come from the ordinary environment variables, nothing from a URI. Requests are signed by what
the environment says, as the stores' own tools read it.
"""

import configparser
import os
import shutil
import socket
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

import obstore
from obstore.store import AzureStore, GCSStore, S3Store

from provenance.errors import UsageError
from provenance.process.extras import load
from provenance.storage.locations import VARIABLES, Location, RemoteObject

if TYPE_CHECKING:
    from provenance.storage.hub import HubStore

CALL_SECONDS = 60.0  # a request is asked again when its answer is not there whole by then
CONNECT_SECONDS = 10.0
RETRY_SECONDS = 180.0  # a store may be busy for so long before a request is given up
RETRIES = 8
AZURE_ENDPOINT = "AZURE_STORAGE_BLOB_ENDPOINT"
METADATA_SERVICE = ("169.254.169.254", 80)  # of a machine in a cloud, which may have a role
METADATA_SECONDS = 1.0

_AWS_ROLES = (
    "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)  # fmt: skip
_AZURE_ROLES = ("AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE")


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


def s3_credentials(elsewhere: bool) -> dict[str, Any]:
    """Options of obstore's S3Store; empty where it finds them by itself. `elsewhere` is a store that is not AWS's.

    Without any, requests are not signed, and the store says that it denies access: asking for a role on a machine that
    has none would take minutes. Raises UsageError for a profile that cannot be used.
    """
    if any(os.environ.get(name) for name in ("AWS_ACCESS_KEY_ID", *_AWS_ROLES)):
        return {}
    profile = aws_profile()
    if "aws_access_key_id" in profile:
        names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
        return {name: profile[name] for name in names if name in profile}
    if profile.keys() & {"role_arn", "sso_session", "sso_start_url", "credential_process"}:
        return {"credential_provider": _boto3_provider()}
    return {"skip_signature": True} if elsewhere or not has_metadata_service() else {}


def aws_profile() -> dict[str, str]:
    """What the files of the AWS command line say of AWS_PROFILE, or of the default profile."""
    name = os.environ.get("AWS_PROFILE") or "default"
    places = (
        ("AWS_CONFIG_FILE", "config", name if name == "default" else f"profile {name}"),
        ("AWS_SHARED_CREDENTIALS_FILE", "credentials", name),
    )
    profile: dict[str, str] = {}
    for variable, file, section in places:
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        try:
            parser.read(os.environ.get(variable) or Path.home() / ".aws" / file)
        except (OSError, configparser.Error, UnicodeDecodeError) as error:
            raise UsageError(f"the AWS {file} file cannot be read: {type(error).__name__}; mend it") from error
        if parser.has_section(section):
            profile |= dict(parser[section])
    if not profile and "AWS_PROFILE" in os.environ:
        raise UsageError(f"there is no profile {name} in the files of the AWS command line: correct AWS_PROFILE")
    return profile


def gcs_credentials() -> dict[str, Any]:
    """Options of obstore's GCSStore; empty where it finds them by itself."""
    saved = Path.home() / ".config" / "gcloud" / "application_default_credentials.json"
    identified = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS") or saved.is_file() or has_metadata_service()
    return {} if identified else {"skip_signature": True}


def azure_credentials() -> dict[str, Any]:
    """Options of obstore's AzureStore; empty where it finds them by itself."""
    key, token = os.environ.get("AZURE_STORAGE_KEY"), os.environ.get("AZURE_STORAGE_SAS_TOKEN")
    if key:
        return {"account_key": key}
    if token:
        return {"sas_key": token.removeprefix("?")}
    role = any(os.environ.get(name) for name in _AZURE_ROLES)
    return {"use_azure_cli": True} if not role and shutil.which("az") else {}


@cache
def has_metadata_service() -> bool:
    """Whether this machine can be asked for a role."""
    if os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        return False
    with suppress(OSError):
        socket.create_connection(METADATA_SERVICE, METADATA_SECONDS).close()
        return True
    return False


def _boto3_provider() -> Any:  # noqa: ANN401  (boto3 is no dependency)
    try:
        from obstore.auth.boto3 import Boto3CredentialProvider
    except ImportError:
        raise UsageError("this AWS profile has no keys but a role or a login: it needs 'pip install boto3'") from None
    return Boto3CredentialProvider()
