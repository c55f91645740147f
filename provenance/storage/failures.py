"""What an error of a storage client means: whether trying again can help, and what the user can do; never a secret."""

from __future__ import annotations

import os
import re

from provenance.storage.locations import VARIABLES

MISSING = "there is no such object, bucket or dataset: check the name"

_DENIED = re.compile(
    r"ACCESS_DENIED|INVALID_ACCESS_KEY_ID|SIGNATURE_DOES_NOT_MATCH|INVALID_CLIENT_TOKEN_ID|EXPIRED_?TOKEN|"
    r"PERMISSION_DENIED|UNAUTHENTICATED|AuthenticationFailed|AuthorizationFailure|AuthorizationPermissionMismatch|"
    r"InvalidAuthenticationInfo|NoAuthenticationInformation|PublicAccessNotPermitted|failed to get token|"
    r"[Cc]ould not find .*credentials|HTTP status code[: ]*40[13]|\b40[13] (?:Client Error|Forbidden|Unauthorized)|"
    r"HTTP response code:? 40[13]|Default ?Credential",
)
_MISSING = re.compile(r"NO_SUCH_BUCKET|NO_SUCH_KEY|RESOURCE_NOT_FOUND|ContainerNotFound|BlobNotFound|Bucket.*not found")
_REFUSED = re.compile(r"Azure Error: \[\w+\] 4(?!08|29)\d\d")
_SECRETS = (
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AZURE_STORAGE_KEY", "AZURE_STORAGE_SAS_TOKEN",
    "AZURE_CLIENT_SECRET", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN",
)  # fmt: skip
LONGEST = 300  # characters of a client's own words that a message repeats


def is_of_storage(error: Exception) -> bool:
    """Whether a store or the network can have caused it; anything else is a fault of ours and must be seen as one."""
    return isinstance(error, OSError | ValueError) or type(error).__module__.partition(".")[0] in ("httpx", "httpx2")


def final_reason(error: Exception, scheme: str) -> str:
    """Why trying again is of no use and what to do, or an empty string if it may help."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in (401, 403) or isinstance(error, PermissionError) or _DENIED.search(str(error)):
        public = "" if scheme == "abfss" else ", or pass --anonymous if it is public"
        return f"access denied ({reason(error)}): set {VARIABLES[scheme]}{public}"
    if status == 404 or isinstance(error, FileNotFoundError) or _MISSING.search(str(error)):
        return MISSING
    if isinstance(error, ValueError) or _REFUSED.search(str(error)):  # pyarrow.ArrowInvalid is one
        return f"it cannot be asked for: {reason(error)}"
    return ""


def reason(error: Exception) -> str:
    """A client's own words in one line, shortened, without what may be a secret."""
    text = " ".join(str(error).split()) or type(error).__name__
    text = re.sub(r"\?[^\s\"']*", "?...", text)
    for name in _SECRETS:
        if secret := os.environ.get(name):
            text = text.replace(secret, "***")
    return text if len(text) <= LONGEST else text[:LONGEST] + "..."
