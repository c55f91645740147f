"""A TCP proxy in front of a real HTTP server that fails as told: drops, cuts, stalls, trickles or answers 503."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

HEADER_END = b"\r\n\r\n"
FAULTS = ("busy", "drop", "half", "cut", "stall", "trickle")
BUSY = b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
DENIED = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass
class Proxy:
    """Each connection carries one request; faults are used up by requests of the method, and to a path with `path`."""

    upstream: int
    method: bytes = b"GET"
    path: bytes = b""
    busy: int = 0  # so many requests are answered with 503
    drop: int = 0  # so many requests are not passed on, the connection closed
    half: int = 0  # so many requests are passed on with half of their body, and then closed on both sides
    cut: int = 0  # so many answers end after `after` bytes
    stall: int = 0  # so many answers stop after `after` bytes, the connection held open
    trickle: int = 0  # so many answers go on after `after` bytes by a byte each quarter of a second
    after: int = 0
    private: bool = False  # whether whatever is not signed is denied, listing too
    on_request: Callable[[int], None] | None = None  # told how many such requests have come, before one is passed on
    seen: int = 0
    _closed: threading.Event = field(default_factory=threading.Event)  # ends what stalls
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _socket: socket.socket = field(default_factory=socket.socket)

    def __enter__(self) -> Proxy:
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._socket.close()

    def recover(self) -> None:
        """Have no more faults."""
        for fault in FAULTS:
            setattr(self, fault, 0)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            request = b""
            while HEADER_END not in request:
                received = client.recv(65536)
                if not received:
                    return
                request += received
            if self.private and b"\r\nauthorization:" not in request.lower():
                client.sendall(DENIED)
                return
            fault = self._fault(request)
            if fault == "busy":
                client.sendall(BUSY)
            if fault in ("busy", "drop"):
                return
            head, _, body = request.partition(HEADER_END)
            length = _length(head)
            with socket.create_connection(("127.0.0.1", self.upstream)) as server:
                server.sendall(head + b"\r\nConnection: close" + HEADER_END)
                if fault == "half":
                    server.sendall(body[: length // 2])
                    return
                server.sendall(body)
                length -= len(body)
                while length > 0 and (received := client.recv(65536)):
                    server.sendall(received)
                    length -= len(received)
                self._answer(server, client, fault)

    def _answer(self, server: socket.socket, client: socket.socket, fault: str) -> None:
        left = self.after if fault else -1
        while received := server.recv(65536):
            if fault and len(received) >= left:
                client.sendall(received[:left])
                if fault == "stall":
                    self._closed.wait(60)
                for byte in received[left:] if fault == "trickle" else b"":
                    client.sendall(bytes([byte]))
                    time.sleep(0.25)
                return
            client.sendall(received)
            left -= len(received)

    def _fault(self, request: bytes) -> str:
        if not request.startswith(self.method + b" ") or self.path not in request.partition(b"\r\n")[0]:
            return ""
        with self._lock:
            self.seen += 1
            seen = self.seen
            fault = next((name for name in FAULTS if getattr(self, name) > 0), "")
            if fault:
                setattr(self, fault, getattr(self, fault) - 1)
        if self.on_request:
            self.on_request(seen)
        return fault


def _length(head: bytes) -> int:
    """How long the body of a request is."""
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0
