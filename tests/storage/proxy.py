"""A TCP proxy before a real server, which misbehaves as told: cuts, delays, and answers of its own."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable


class Proxy:
    """Forwards connections to a port of this machine. `before` may answer instead, `most` cuts answers short."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.requests: list[bytes] = []  # first lines
        self.answer: Callable[[bytes], bytes | None] = lambda request: None
        self.most: Callable[[bytes], int | None] = lambda request: None
        self.delay = 0.0  # seconds before each answer
        self._clients: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Stop, and hang up on everybody who still waits."""
        _hang_up(self._listener)
        self._listener.close()
        for client in self._clients:
            _hang_up(client)

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._clients.append(connection)
                threading.Thread(target=self._one, args=[connection], daemon=True).start()

    def _one(self, client: socket.socket) -> None:
        """One request a connection: the answer is forwarded until its server closes it."""
        with client, contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                block = client.recv(65536)
                if not block:
                    return
                head += block
            request, _, rest = head.partition(b"\r\n")
            self.requests.append(request)
            time.sleep(self.delay)
            if (answer := self.answer(request)) is not None:
                client.sendall(answer)
                return
            with socket.create_connection(("127.0.0.1", self._target)) as server:
                lines = [line for line in rest.split(b"\r\n") if not line.lower().startswith(b"connection:")]
                server.sendall(b"\r\n".join([request, b"Connection: close", *lines]))
                threading.Thread(target=_forward, args=[client, server], daemon=True).start()
                most, sent = self.most(request), 0
                while block := server.recv(65536):
                    if most is not None and sent + len(block) > most:
                        client.sendall(block[: most - sent])
                        _hang_up(client)
                        return
                    client.sendall(block)
                    sent += len(block)


def _hang_up(client: socket.socket) -> None:
    """Closing alone would wait for the thread that reads from it."""
    with contextlib.suppress(OSError):
        client.shutdown(socket.SHUT_RDWR)


def _forward(client: socket.socket, server: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while block := client.recv(65536):
            server.sendall(block)
