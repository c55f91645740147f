"""The connection to a Ray cluster: made, refused, watched, and ended however little of it is left."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from provenance.errors import ClusterLostError, UsageError, first_line

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anybody

try:
    ray: Any = import_module("ray")  # half of it has types, the other half has not
    RayError: type[Exception] = ray.exceptions.RayError
except ImportError as error:
    raise UsageError("--engine ray needs Ray: pip install 'provenance-scanner[ray]'") from error

KNOCK_SECONDS = 2.0  # between two looks whether the head node is still there
RAY_WAITS = "RAY_gcs_rpc_server_reconnect_timeout_s"
"""Environment variable: for so many seconds Ray waits for a head node; then it ends this process."""
HEAD_SECONDS = 30.0  # that the head node may be away; half of what Ray waits, if that is told
ENDING_SECONDS = 10.0  # for scanners to be ended, and again for the connection, or a cluster of this machine


@contextlib.contextmanager
def connected(address: str | None, workers: int | None) -> Iterator[int]:
    """Connect to a cluster, or start one of this machine; its number of cores."""
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR", "configure_logging": False}
    try:
        if address is None:
            here = {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
            context = ray.init(address="local", num_cpus=workers, **here, **quiet)
        else:
            knock(address)
            context = ray.init(address=address, **quiet)
    except (OSError, RuntimeError, ValueError, RayError) as error:
        told = first_line(error)
        raise UsageError(f"no Ray cluster at {address or 'this machine'}: {told}") from error
    seconds = ENDING_SECONDS
    try:
        refuse_open_dashboard(str(context.dashboard_url or ""))
        yield max(1, int(ray.cluster_resources().get("CPU", 1)))
    except ClusterLostError:
        seconds = 1.0  # nobody is there to take leave of
        raise
    finally:
        within(seconds, ray.shutdown)


def knock(address: str, seconds: float = 10) -> None:
    """Raise OSError where nobody listens: Ray would try for minutes."""
    place = urlsplit(address if "//" in address else f"//{address}")
    if place.hostname and place.port:
        socket.create_connection((place.hostname, place.port), timeout=seconds).close()


def refuse_open_dashboard(url: str) -> None:
    """Raise UsageError if whoever reaches the dashboard at `url` could run code on the cluster, and with our data.

    Ray's dashboard starts jobs for anybody unless it asks for a token (CVE-2023-48022); on the loopback only users of
    that machine reach it.
    """
    host = urlsplit(url if "//" in url else f"//{url}").hostname or ""
    if not host or host == "localhost" or host.startswith("127.") or host == "::1":
        return
    if os.environ.get("RAY_AUTH_MODE", "").lower() == "token":
        return
    raise UsageError(
        f"the dashboard of the Ray cluster listens on {host} and asks nobody for a token, so anyone there can run code "
        "on it: start the cluster with --dashboard-host 127.0.0.1, or with RAY_AUTH_MODE=token here and on all nodes"
    )


@dataclass
class Head:
    """The node that holds the cluster together. Without it no lost scanner is replaced, and Ray ends the driver."""

    place: str  # where done units are kept
    address: str = field(default_factory=lambda: str(ray.get_runtime_context().gcs_address))
    most_seconds: float = field(default_factory=lambda: min(HEAD_SECONDS, _ray_waits() / 2))
    lost: bool = False
    _looked: float = field(default_factory=time.monotonic)
    _seen: float = field(default_factory=time.monotonic)

    def look(self) -> None:
        """Raise ClusterLostError when it has been away for too long."""
        if time.monotonic() < self._looked + KNOCK_SECONDS:
            return
        try:
            knock(self.address, KNOCK_SECONDS)
            self._seen = time.monotonic()
        except OSError as error:
            away = time.monotonic() - self._seen
            if away > self.most_seconds:
                self.lost = True
                raise ClusterLostError(
                    f"the head node of the Ray cluster ({self.address}) has not answered for {away:.0f} s: {error}; "
                    f"what is done is kept in {self.place}: start a cluster, and the same command goes on there"
                ) from error
        self._looked = time.monotonic()


def _ray_waits() -> float:
    try:
        return float(os.environ.get(RAY_WAITS, ""))
    except ValueError:
        return 2 * HEAD_SECONDS


def within(seconds: float, what: Callable[[], object]) -> None:
    """Do something that may never return, and wait for it so long."""
    thread = threading.Thread(target=what, daemon=True)
    thread.start()
    thread.join(seconds)
