"""Addresses of objects: `s3://bucket/key` and its kin. Only these schemes are known, and none can carry a command."""

from __future__ import annotations

import re
from typing import NamedTuple

from provenance.errors import UsageError

SCHEMES = ("s3", "gs", "abfss", "hf")
SAME_AS = {"s3a": "s3", "gcs": "gs", "abfs": "abfss", "az": "abfss"}
CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Location(NamedTuple):
    """An object, a directory of them, or a pattern. Names are taken as they are: nothing in them is an escape."""

    scheme: str
    account: str  # of Azure; else empty
    root: str  # bucket or container; for the Hub `datasets/ORG/NAME` with `@REVISION` if one was given
    key: str

    @property
    def path(self) -> str:
        """As Arrow's file systems take it."""
        return f"{self.root}/{self.key}" if self.key else self.root

    def uri(self, path: str) -> str:
        """The address of a path in the same store."""
        if self.scheme == "abfss" and self.account:
            root, _, key = path.partition("/")
            return f"abfss://{root}@{self.account}.dfs.core.windows.net/{key}"
        return f"{self.scheme}://{path}"


def is_remote(spec: str) -> bool:
    """Whether a spec is an address and no path."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.:-]*://", spec) is not None


def parse(uri: str) -> Location:
    """Take an address apart; raises UsageError for one of an unknown kind or without bucket."""
    scheme, _, rest = uri.partition("://")
    scheme = SAME_AS.get(scheme.lower(), scheme.lower())
    if scheme not in SCHEMES:
        known = ", ".join(f"{name}://" for name in SCHEMES)
        raise UsageError(f"{uri} is no address that can be scanned: give a path, or one that begins with {known}")
    if CONTROL.search(uri):
        raise UsageError(f"{uri!r} has control characters: it is no address")
    if scheme == "hf":
        return _of_the_hub(uri, rest)
    root, _, key = rest.partition("/")
    account = ""
    if scheme == "abfss" and "@" in root:
        root, _, host = root.partition("@")
        account = host.partition(".")[0]
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", root):
        raise UsageError(
            f"{uri} has no proper bucket: write {scheme}://BUCKET/KEY; credentials come from the environment"
        )
    if "?versionId=" in key:
        raise UsageError(f"{uri} asks for a version: only the newest can be read; its version is recorded")
    return Location(scheme, account, root, key)


def _of_the_hub(uri: str, rest: str) -> Location:
    match = re.fullmatch(r"(datasets/[^/@]+/[^/@]+(?:@[^/]+)?)(?:/(.*))?", rest, re.DOTALL)
    if match is None:
        raise UsageError(f"{uri} is no data set of the Hub: write hf://datasets/ORG/NAME/PATH, or NAME@REVISION")
    return Location("hf", "", match[1], match[2] or "")
