"""What a store's client raises, as errors of ours: one line, with a remedy and without a secret."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from obstore import exceptions
from obstore.exceptions import BaseError

from provenance.errors import MOST_MESSAGE, ObjectChangedError, OutputError, StorageError
from provenance.storage.locations import VARIABLES, Location

MISSING = "there is no such object, bucket or dataset: check the name"
CHANGED = "list it again in a new run, when nobody writes to it"

DENIED = (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError, PermissionError)
_DENIED = re.compile(r"status code: 40[13]|[Cc]redential|[Tt]oken request")
_NO_BUCKET = re.compile(r"NoSuchBucket|ContainerNotFound")
_SECRETS = (
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AZURE_STORAGE_KEY", "AZURE_STORAGE_SAS_TOKEN",
    "AZURE_CLIENT_SECRET", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN",
)  # fmt: skip


@contextmanager
def storage_errors(location: Location) -> Iterator[None]:
    """While an object is read or listed: raises StorageError or ObjectChangedError; errors of ours pass."""
    try:
        yield
    except exceptions.PreconditionError as error:
        raise ObjectChangedError(f"{location.uri} changed while it was being read: {CHANGED}") from error
    except (BaseError, OSError, ValueError) as error:
        raise StorageError(_read_message(error, location)) from error


@contextmanager
def object_output_errors(location: Location) -> Iterator[None]:
    """While an object is written or removed: raises OutputError, or FileExistsError where it is there already."""
    try:
        yield
    except exceptions.AlreadyExistsError as error:
        raise FileExistsError(location.uri) from error
    except (BaseError, OSError, ValueError) as error:
        if _NO_BUCKET.search(str(error)):
            remedy = _no_bucket(location)
        elif _is_denied(error):
            remedy = f"access denied ({reason(error)}): set {VARIABLES[location.scheme]}"
        else:
            remedy = f"{reason(error)}: check the network and the store"
        raise OutputError(f"{location.uri} cannot be written: {remedy}") from error


def is_missing(error: Exception) -> bool:
    """Whether a store says that there is no such object, bucket or dataset."""
    return isinstance(error, FileNotFoundError) or _NO_BUCKET.search(str(error)) is not None


@contextmanager
def object_may_be_missing() -> Iterator[None]:
    """Passes over what a store says where there is no such object, in a bucket that is there."""
    try:
        yield
    except FileNotFoundError as error:
        if _NO_BUCKET.search(str(error)):
            raise


def reason(error: Exception) -> str:
    """A client's own words in one line, shortened, without what may be a secret."""
    text = str(error).partition("Debug source:")[0]
    code = re.search(r"<Code>(\w+)</Code>", text)
    text = " ".join(text.partition("<?xml")[0].split()).rstrip(": ") or type(error).__name__
    text = re.sub(r"\?[^\s\"']*", "?...", text) + (f" ({code[1]})" if code else "")
    for name in _SECRETS:
        if secret := os.environ.get(name):
            text = text.replace(secret, "***")
    return text if len(text) <= MOST_MESSAGE else text[:MOST_MESSAGE] + "..."


def _read_message(error: Exception, location: Location) -> str:
    if _is_denied(error):
        public = "" if location.scheme == "abfss" else ", or pass --anonymous if it is public"
        return f"{location.uri}: access denied ({reason(error)}): set {VARIABLES[location.scheme]}{public}"
    if _NO_BUCKET.search(str(error)):
        return f"{location.uri} cannot be read: {_no_bucket(location)}"
    if is_missing(error):
        return f"{location.uri}: {MISSING}"
    return f"{location.uri} cannot be read: {reason(error)}: check the network and the store, then resume the run"


def _no_bucket(location: Location) -> str:
    return f"there is no bucket {location.container}: make it, or name another place"


def _is_denied(error: Exception) -> bool:
    return isinstance(error, DENIED) or _DENIED.search(str(error)) is not None
