"""How requests to a store are signed: by what the environment says, as the stores' own tools read it."""

import configparser
import os
import shutil
import socket
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from provenance.errors import UsageError

METADATA_SERVICE = ("169.254.169.254", 80)  # of a machine in a cloud, which may have a role
METADATA_SECONDS = 1.0

_AWS_ROLES = (
    "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)  # fmt: skip
_AZURE_ROLES = ("AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE")


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
