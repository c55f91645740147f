"""Where requests go."""

import os
from urllib.parse import urlsplit

from provenance.doctor.checks import OK, WARNING, Diagnoses, Diagnosis
from provenance.errors import UsageError
from provenance.storage.stores import checked_endpoint

ENDPOINTS = (
    "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "STORAGE_EMULATOR_HOST", "AZURE_STORAGE_BLOB_ENDPOINT", "HF_ENDPOINT",
)  # fmt: skip
PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")
LOOPBACK = ("localhost", "127.0.0.1", "::1", "[::1]")


def endpoints() -> Diagnoses:
    """Where requests go, if not to where the stores themselves are."""
    settings = []
    for name in ENDPOINTS:
        if not (value := os.environ.get(name)):
            continue
        bare = name == "STORAGE_EMULATOR_HOST" and "://" not in value  # it alone may be a host
        try:
            address = urlsplit(checked_endpoint(name, f"http://{value}" if bare else value))
        except (UsageError, ValueError):
            text = f"{name} is no address: http://HOST[:PORT] or https://HOST[:PORT], without user and password"
            yield Diagnosis("endpoints", WARNING, text, f"correct it, or unset {name}")
            continue
        scheme, host = address.scheme, address.netloc  # a path may be a secret
        settings.append(f"{name} {scheme}://{host}")
        if scheme == "http" and not host.startswith(LOOPBACK):
            text = f"{name} is plain http: who is on the way to {host} can read and change what is fetched"
            yield Diagnosis("endpoints", WARNING, text, "use https, unless that network is yours alone")
    settings += [name for name in PROXIES if os.environ.get(name) or os.environ.get(name.lower())]
    yield Diagnosis("endpoints", OK, ", ".join(settings) or "those of the stores themselves")
