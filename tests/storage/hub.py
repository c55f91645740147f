"""A real HTTP server that speaks the part of the Hub's API that a dataset's listing and reading need."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TOKEN = "hf_secret"


@dataclass
class Hub:
    """One dataset, org/books, of one commit; private if `private`."""

    files: dict[str, bytes]
    private: bool = False
    stated: dict[str, str] = field(default_factory=dict)  # SHA-256 it states of a file, where it is not the true one
    short: int = 0  # so many answers hold a byte less than was asked for, and claim no more
    url: str = ""

    def described(self, path: str) -> dict[str, object]:
        data = self.files[path]
        sha256 = self.stated.get(path, hashlib.sha256(data).hexdigest())
        lfs = {"oid": sha256, "size": len(data), "pointerSize": 134} if path.endswith(".parquet") else None
        oid = hashlib.sha1(data).hexdigest()
        return {"type": "file", "path": path, "size": len(data), "oid": oid} | ({"lfs": lfs} if lfs else {})

    def tree(self, folder: str, recursive: bool) -> list[dict[str, object]]:
        start = folder + "/" if folder else ""
        inside = [path for path in sorted(self.files) if path.startswith(start)]
        folders = sorted({start + path[len(start) :].split("/")[0] for path in inside if "/" in path[len(start) :]})
        files = [self.described(path) for path in inside if recursive or "/" not in path[len(start) :]]
        return [{"type": "directory", "path": path, "oid": "0" * 40} for path in folders] + files


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None: ...

        def do_GET(self) -> None:
            address = urlsplit(self.path)
            path = unquote(address.path)
            if hub.private and self.headers.get("Authorization") != f"Bearer {TOKEN}":
                self.answer(401, b"{}")
            elif path.removeprefix("/api/datasets/org/books") in ("", "/revision/main", f"/revision/{COMMIT}"):
                self.say({"id": "org/books", "sha": COMMIT, "private": hub.private, "tags": [], "siblings": []})
            elif found := re.fullmatch(f"/api/datasets/org/books/tree/{COMMIT}/?(.*)", path):
                recursive = parse_qs(address.query).get("recursive", ["false"])[0].lower() == "true"
                entries = hub.tree(found[1], recursive)
                self.say(entries) if entries else self.answer(404, b"{}", {"X-Error-Code": "EntryNotFound"})
            elif (found := re.fullmatch(f"/datasets/org/books/resolve/{COMMIT}/(.*)", path)) and found[1] in hub.files:
                self.part(hub.files[found[1]])
            else:
                self.answer(404, b"{}")

        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            if unquote(self.path) == f"/api/datasets/org/books/paths-info/{COMMIT}":
                self.say([hub.described(path) for path in form["paths"] if path in hub.files])
            else:
                self.answer(404, b"{}")

        do_HEAD = do_GET

        def part(self, data: bytes) -> None:
            asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "bytes=0-"))
            assert asked
            first, last = int(asked[1]), int(asked[2] or len(data) - 1)
            if hub.short:
                hub.short, last = hub.short - 1, last - 1
            self.answer(206, data[first : last + 1], {"Content-Range": f"bytes {first}-{last}/{len(data)}"})

        def say(self, value: object) -> None:
            self.answer(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

        def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
