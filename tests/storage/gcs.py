"""A real HTTP server that speaks the part of Google Cloud Storage's XML API that listing and reading need.

It writes what Google documents: a generation in a header of each object, times of a listing to the millisecond, and
those of an answer to the second.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape


@dataclass(frozen=True)
class Stored:
    data: bytes
    generation: int
    modified: datetime

    @property
    def etag(self) -> str:
        return f'"{hashlib.md5(self.data).hexdigest()}"'


@dataclass
class Google:
    """One bucket."""

    bucket: str
    objects: dict[str, Stored] = field(default_factory=dict)
    url: str = ""
    puts: int = 0

    def put(self, key: str, data: bytes) -> None:
        self.puts += 1
        self.objects[key] = Stored(data, self.puts, datetime.now(UTC))

    def listing(self, prefix: str, delimiter: str) -> str:
        inside = {key: stored for key, stored in sorted(self.objects.items()) if key.startswith(prefix)}
        deeper = {key for key in inside if delimiter and delimiter in key[len(prefix) :]}
        folders = sorted({prefix + key[len(prefix) :].partition(delimiter)[0] + delimiter for key in deeper})
        contents = [
            f"<Contents><Key>{escape(key)}</Key><Generation>{stored.generation}</Generation>"
            f"<LastModified>{stored.modified.isoformat(timespec='milliseconds')}</LastModified>"
            f"<ETag>{escape(stored.etag)}</ETag><Size>{len(stored.data)}</Size></Contents>"
            for key, stored in inside.items()
            if key not in deeper
        ]
        prefixes = [f"<CommonPrefixes><Prefix>{escape(folder)}</Prefix></CommonPrefixes>" for folder in folders]
        return f"<ListBucketResult><IsTruncated>false</IsTruncated>{''.join(contents + prefixes)}</ListBucketResult>"


@contextmanager
def serving(google: Google) -> Iterator[Google]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None: ...

        def do_GET(self) -> None:
            address = urlsplit(self.path)
            bucket, _, key = unquote(address.path).removeprefix("/").partition("/")
            query = {name: values[0] for name, values in parse_qs(address.query).items()}
            if bucket != google.bucket:
                self.answer(404, b"<Error><Code>NoSuchBucket</Code></Error>")
            elif query.get("list-type") == "2":
                self.answer(200, google.listing(query.get("prefix", ""), query.get("delimiter", "")).encode())
            elif key not in google.objects:
                self.answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
            else:
                self.part(google.objects[key])

        do_HEAD = do_GET

        def part(self, stored: Stored) -> None:
            headers = {
                "ETag": stored.etag,
                "x-goog-generation": str(stored.generation),
                "Last-Modified": format_datetime(stored.modified, usegmt=True),
            }
            if self.headers.get("If-Match", stored.etag) != stored.etag:
                self.answer(412, b"<Error><Code>PreconditionFailed</Code></Error>")
            elif span := re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", "")):
                headers["Content-Range"] = f"bytes {span[1]}-{span[2]}/{len(stored.data)}"
                self.answer(206, stored.data[int(span[1]) : int(span[2]) + 1], headers)
            else:
                self.answer(200, stored.data, headers)

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
    google.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield google
    finally:
        server.shutdown()
        server.server_close()
