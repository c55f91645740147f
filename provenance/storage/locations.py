"""Remote objects and their names: what a URI may say, and what it may not; and lists of names.

A name can come from a list file, so it never decides which host is asked and carries no credential: endpoints,
accounts' keys and tokens come from the environment alone. Keys are taken as they are written and never
percent-decoded, as `aws s3 ls` prints them, so every key is its own spelling.
"""

import codecs
import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Self

from provenance.errors import UsageError
from provenance.isolation.tasks import Item, Number

SCHEMES = {"s3": "s3", "gs": "gs", "gcs": "gs", "abfss": "abfss", "abfs": "abfss", "az": "abfss", "hf": "hf"}
VARIABLES = {  # what a user has to set, by scheme
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "abfss": "AZURE_STORAGE_ACCOUNT with AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN",
    "hf": "HF_TOKEN",
}
KNOWN = "known are s3://, gs://, abfss://, az:// and hf://datasets/"
LONGEST_LIST = 64 << 20  # bytes: about a million names

_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.\-]*(?:::[A-Za-z0-9+.\-:]*)?)://", re.ASCII)
_CONTAINER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]{0,221}", re.ASCII)
_ACCOUNT_HOST = re.compile(r"([a-z0-9]{3,24})\.(?:dfs|blob)\.core\.windows\.net", re.ASCII)
_ACCOUNT = re.compile(r"[a-z0-9]{3,24}", re.ASCII)
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]*", re.ASCII)
_QUERY = re.compile(
    r"\?(versionId|generation|endpoint_override|scheme|region|access_key|secret_key|session_token|sas_token|"
    r"account_key|blob_storage_authority|dfs_storage_authority|X-Amz-[A-Za-z\-]+|sig|sv)=",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Location:
    """Where an object, a prefix or a pattern of keys lies."""

    scheme: str  # s3, gs, abfss or hf
    container: str  # bucket or container; for hf the dataset, ORG/NAME
    key: str  # as written, may be a pattern; empty is the whole dataset
    account: str = ""  # abfss alone
    revision: str = ""  # hf alone: branch, tag or commit, empty for the default branch

    @property
    def uri(self) -> str:
        """The one spelling of this place; parse() gives back an equal Location."""
        if self.scheme == "hf":
            return f"hf://datasets/{self.container}{'@' * bool(self.revision)}{self.revision}/{self.key}"
        if self.scheme == "abfss":
            return f"abfss://{self.container}@{self.account}.dfs.core.windows.net/{self.key}"
        return f"{self.scheme}://{self.container}/{self.key}"

    def at(self, key: str) -> Self:
        """The same container, another key."""
        return replace(self, key=key)


class RemoteObject(Item, frozen=True):
    """An object as it was when a store was asked; what the store did not say is None. fetch() refuses any other."""

    uri: str
    bytes: Number
    etag: str | None
    version: str | None  # S3 version id, GCS generation, commit of a dataset
    modified: str | None  # ISO 8601, whole seconds
    sha256: str | None  # only as the store states it


def is_remote(spec: str) -> bool:
    """Whether this is a URI and not a path of this machine; parse() says which URIs are good."""
    return _SCHEME.match(spec) is not None


def parse(uri: str) -> Location:
    """The Location a URI names; raises UsageError for one that names none or says what only the environment may."""
    refuse_control_characters(uri)
    match = _SCHEME.match(uri)
    if match is None:
        raise UsageError(f"{_shown(uri)} is no URI of remote storage; {KNOWN}")
    scheme, rest = match.group(1).lower(), uri[match.end() :]
    if "::" in scheme:
        raise UsageError(f"{_shown(uri)} chains file systems with '::', which is not allowed: name the object itself")
    if scheme == "file":
        raise UsageError(f"{_shown(uri)}: give the path itself, without file://")
    if scheme not in SCHEMES:
        raise UsageError(f"shards cannot be read from {scheme}:// ({_shown(uri)}); {KNOWN}")
    scheme, place = SCHEMES[scheme], rest.partition("/")[0]
    if query := _QUERY.search(rest):
        places = "Endpoints and credentials are read from environment variables only"
        pinned = "the version is pinned when objects are listed"
        raise UsageError(f"{_shown(uri)}: a URI may not set {query.group(1)}. {places}, and {pinned}")
    if scheme != "hf" and (":" in place or ("@" in place and scheme != "abfss")):
        remedy = f"credentials are read from the environment: {VARIABLES[scheme]}"
        raise UsageError(f"{_shown(uri)}: no user, password or port in a URI; {remedy}")
    location = {"hf": _dataset, "abfss": _azure}.get(scheme, _bucket)(scheme, rest, uri)
    if not location.key and location.scheme != "hf":
        raise UsageError(f"{_shown(uri)} names no object: to scan all of it write {_shown(uri).rstrip('/')}/**")
    return location


def refuse_control_characters(spec: str) -> None:
    """Raises UsageError if a name holds a control character or a lone surrogate: it would spoil every message."""
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in spec):
        raise UsageError(f"a control character in the name {_shown(spec)!a}: objects so named cannot be scanned")


def _bucket(scheme: str, rest: str, uri: str) -> Location:
    bucket, _, key = rest.partition("/")
    return Location(scheme, _named(_CONTAINER, bucket, "bucket", uri), key)


def _azure(scheme: str, rest: str, uri: str) -> Location:
    place, _, key = rest.partition("/")
    container, at, host = place.partition("@")
    named, ours = _ACCOUNT_HOST.fullmatch(host), os.environ.get("AZURE_STORAGE_ACCOUNT", "")
    if at and named is None:
        raise UsageError(f"{_shown(uri)}: after @ comes ACCOUNT.dfs.core.windows.net and nothing else")
    account = named.group(1) if named else ours
    if not _ACCOUNT.fullmatch(account):
        raise UsageError(f"{_shown(uri)}: no storage account; set AZURE_STORAGE_ACCOUNT")
    if ours and account != ours:  # else a list file could have our token sent to an account of its own
        raise UsageError(f"{_shown(uri)} lies in another account than AZURE_STORAGE_ACCOUNT names, {ours}")
    return Location(scheme, _named(_CONTAINER, container, "container", uri), key, account=account)


def _dataset(scheme: str, rest: str, uri: str) -> Location:
    kind, _, rest = rest.partition("/")
    owner, _, rest = rest.partition("/")
    if kind != "datasets":
        raise UsageError(f"{_shown(uri)}: only datasets can be scanned: hf://datasets/ORG/NAME[@REVISION]/PATH")
    if pinned := re.match(r"([^/@]*)@(~[a-z]+|refs/(?:convert|pr)/[^/]+|[^/]+)(?:/|$)(.*)", rest, re.DOTALL):
        name, revision, key = pinned.groups()
        revision = revision.replace("~", "refs/convert/", 1) if revision.startswith("~") else revision
    else:
        name, _, key = rest.partition("/")
        revision = ""
    container = f"{_named(_REPOSITORY, owner, 'owner', uri)}/{_named(_REPOSITORY, name, 'dataset', uri)}"
    return Location(scheme, container, key, revision=revision.replace("%2F", "/"))


def _named(rule: re.Pattern[str], name: str, what: str, uri: str) -> str:
    if not rule.fullmatch(name):
        raise UsageError(f"{_shown(uri)} names no {what}" + (f" that can exist: {name!r}" if name else ""))
    return name


def _shown(uri: str) -> str:
    """A URI fit for a message: what may be a secret (before @, after ?) is left out."""
    shown = re.sub(r"(://)[^/@]*:[^/]*@", r"\1...@", uri)
    return re.sub(r"(\?[A-Za-z_\-]+=).*", r"\1...", shown, flags=re.DOTALL)


def expand_lists(specs: Sequence[str], stdin: IO[bytes]) -> list[str]:
    """All specs; `@list.txt` is replaced by the lines of a file, `-` by those of the standard input.

    Each remote one is checked, and UsageError names list and line. A list has one spec a line; blank lines and those
    that begin with `#` are left out. Relative paths in it are relative to the working directory, as they are on the
    command line.
    """
    if specs.count("-") > 1:
        raise UsageError("'-' is given twice, but the standard input can be read only once")
    listed: list[str] = []
    for spec in specs:
        if spec == "-":
            listed += _listed_in(stdin, "standard input")
        elif spec.startswith("@"):
            try:
                with Path(spec[1:]).open("rb") as file:
                    listed += _listed_in(file, spec[1:])
            except OSError as error:
                raise UsageError(f"cannot read the list {spec[1:] or spec}: {error.strerror}") from error
        else:
            _check_spec(spec)
            listed.append(spec)
    return listed


def _listed_in(file: IO[bytes], name: str) -> Iterator[str]:
    data = file.read(LONGEST_LIST + 1)
    if len(data) > LONGEST_LIST:
        raise UsageError(f"the list {name} is longer than {LONGEST_LIST >> 20} MB: is it a list of shards? Split it")
    for number, line in enumerate(data.removeprefix(codecs.BOM_UTF8).split(b"\n"), 1):
        try:
            spec = line.removesuffix(b"\r").decode()
            if not spec.strip() or spec.startswith("#"):
                continue
            _check_spec(spec, in_list=True)
        except UnicodeDecodeError as error:
            raise UsageError(f"{name}, line {number} is not UTF-8 (byte {error.start + 1} of it)") from None
        except UsageError as error:
            raise UsageError(f"{name}, line {number}: {error}") from error
        yield spec


def _check_spec(spec: str, in_list: bool = False) -> None:
    if in_list and (spec.startswith("@") or spec == "-"):
        raise UsageError(f"a list cannot name another list: {spec}. A file so named is written ./{spec}")
    if not spec:
        raise UsageError("an empty name: give a file, a directory or a pattern")
    if is_remote(spec):
        parse(spec)
    elif in_list:
        refuse_control_characters(spec)
