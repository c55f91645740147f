"""The connection to a Ray cluster: made, refused, watched, and ended however little of it is left."""

import contextlib
import logging
import os
import platform
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from importlib import import_module
from typing import IO, Any, TextIO, TypeVar, cast
from urllib.parse import urlsplit

from provenance.errors import ClusterLostError, UsageError, first_line

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anybody

try:
    ray: Any = import_module("ray")  # half of it has types, the other half has not
    RayError: type[Exception] = ray.exceptions.RayError
    private: Any = ray._private
    usage_lib: Any = import_module("ray._common.usage.usage_lib")
except ImportError as error:
    raise UsageError("--engine ray needs Ray: pip install 'provenance-scanner[ray]'") from error

KNOCK_SECONDS = 2.0  # between two looks whether the head node is still there
RAY_WAITS = "RAY_gcs_rpc_server_reconnect_timeout_s"
"""Environment variable: for so many seconds Ray waits for a head node; then it ends this process."""
HEAD_SECONDS = 30.0  # that the head node may be away; half of what Ray waits, if that is told
CONNECT_SECONDS = 20.0  # for a cluster to answer; Ray itself would try for minutes
START_SECONDS = 300.0  # for a cluster of this machine
ENDING_SECONDS = 10.0  # for actors to be ended, and again for the connection, or a cluster of this machine
SETTINGS = 4  # the type of the frame that HTTP/2 begins with, on both sides (RFC 9113, 3.4)

T = TypeVar("T")


@contextlib.contextmanager
def connected(address: str | None, workers: int | None) -> Iterator[int]:
    """Connect to a cluster, or start one of this machine; its number of cores.

    Ray's own messages stay in its log files, and signals are handled as before. Raises UsageError.
    """
    logging.getLogger("ray").setLevel(logging.CRITICAL)
    quiet: dict[str, Any] = {"log_to_driver": False, "configure_logging": False}
    over = threading.Event()
    with contextlib.redirect_stdout(cast(IO[str], _WithoutRay(sys.stdout))):
        try:
            if address is None:
                here = {"include_dashboard": False, "_node_ip_address": "127.0.0.1", "num_cpus": workers}
                context = within(START_SECONDS, lambda: ray.init(address="local", **here, **quiet), over)
            else:
                context = within(CONNECT_SECONDS, lambda: _joined(address, quiet))
        except (OSError, RuntimeError, ValueError, RayError) as error:
            raise UsageError(_no_cluster(address, error)) from error
        seconds = ENDING_SECONDS
        try:
            refuse_open_dashboard(str(context.dashboard_url or ""))
            yield max(1, int(ray.cluster_resources().get("CPU", 1)))
        except ClusterLostError:
            seconds = 1.0  # nobody is there to take leave of
            raise
        finally:
            with contextlib.suppress(TimeoutError):
                within(seconds, ray.shutdown)
            over.set()


class _WithoutRay:
    """Standard output, which is for results, without what threads of Ray write to it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  (of any of its attributes)
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        is_rays = threading.current_thread().name.startswith("ray_")
        return len(text) if is_rays else self._stream.write(text)


def _joined(address: str, quiet: dict[str, Any]) -> Any:  # noqa: ANN401  (Ray has no type for it)
    """Join a cluster, where Ray would look for it; what it would find out after minutes is seen to first."""
    place = private.services.canonicalize_bootstrap_address(address)
    knock(place)
    versions = usage_lib.get_cluster_metadata(ray._raylet.GcsClient(address=place))
    try:
        private.utils.check_version_info(versions, "this machine")
    except RuntimeError as error:
        raise UsageError(
            f"the cluster at {address} has Ray {versions['ray_version']} and Python {versions['python_version']}, "
            f"this machine has {_versions()}: it takes the same on all to scan there"
        ) from error
    return ray.init(address=address, **quiet)


def _no_cluster(address: str | None, error: Exception) -> str:
    if address is None:
        return f"no Ray cluster can be started on this machine, with {_versions()}: {first_line(error)}"
    return (
        f"no Ray cluster at {address}: {first_line(error)}; this machine has {_versions()}. Give the address that `ray "
        "start --head` printed, HOST:PORT; a head on its loopback only, or with other versions, cannot be joined"
    )


def _versions() -> str:
    return f"Ray {ray.__version__} and Python {platform.python_version()}"


def knock(address: str, seconds: float = 5) -> None:
    """Raise OSError where nobody listens who speaks HTTP/2, as a head node does: Ray would try for minutes."""
    place = urlsplit(f"//{address}")
    try:
        with socket.create_connection((place.hostname, place.port), timeout=seconds) as connection:
            if os.environ.get("RAY_USE_TLS") == "1":
                return
            connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, SETTINGS, 0, 0, 0, 0, 0)))
            answer = connection.recv(9)
    except OSError as error:
        raise OSError(f"{address} does not answer ({error})") from error
    if answer[3:4] != bytes((SETTINGS,)):
        raise OSError(f"what answers at {address} is no head node of Ray")


def refuse_open_dashboard(url: str) -> None:
    """Raise UsageError if whoever reaches the dashboard at `url` could run code on the cluster, and with our data.

    Ray's dashboard starts jobs for anybody unless it asks for a token (CVE-2023-48022); on the loopback only users of
    that machine reach it.
    """
    host = urlsplit(url if "//" in url else f"//{url}").hostname or ""
    is_loopback = host in ("", "localhost", "::1") or host.startswith("127.")
    if is_loopback or os.environ.get("RAY_AUTH_MODE", "").lower() == "token":
        return
    raise UsageError(
        f"the dashboard of the Ray cluster listens on {host} and asks nobody for a token, so anyone there can run code "
        "on it: start the cluster with --dashboard-host 127.0.0.1, or with RAY_AUTH_MODE=token here and on all nodes"
    )


@dataclass
class Head:
    """The node that holds the cluster together. Without it no lost actor is replaced, and Ray ends the driver."""

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


def within(seconds: float, what: Callable[[], T], over: threading.Event | None = None) -> T:
    """Do something that may never return, in a thread; raises TimeoutError after so many seconds, and what it raises.

    Ray has SIGTERM end the process without a word, in Python and in C++. Here what was set stays. With `over` the
    thread lives until then: Linux ends the processes of a cluster of this machine with the thread that started them.
    """
    answer = Future[T]()

    def run() -> None:
        try:
            answer.set_result(what())
            if over is not None:
                over.wait()
        except Exception as error:
            answer.set_exception(error)

    threading.Thread(target=run, daemon=True, name="ray_call").start()  # see _WithoutRay
    deadline = time.monotonic() + seconds
    while not wait([answer], 0.05).done and time.monotonic() < deadline:
        _keep_handler()
    _keep_handler()
    if not answer.done():
        raise TimeoutError(f"it did not answer within {seconds:g} s")
    return answer.result()


def _keep_handler() -> None:
    if threading.current_thread() is threading.main_thread():
        handler = signal.getsignal(signal.SIGTERM)  # Python's; C++ may have set another one without its knowledge
        signal.signal(signal.SIGTERM, signal.SIG_DFL if handler is None else handler)
