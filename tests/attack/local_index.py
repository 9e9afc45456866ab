"""A package index on loopback: real wheels made from text, served as the Simple API says, behind a password when one is given."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import socket
import tarfile
import threading
import zipfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

LONG_AGO = "2020-01-01T00:00:00Z"


@dataclass(frozen=True)
class Release:
    """A release: the text of its modules by path, and what it requires; ``source`` makes it one that has to be built."""

    name: str
    version: str = "1.0"
    files: Mapping[str, str] = field(default_factory=dict[str, str])
    requires: tuple[str, ...] = ()
    uploaded: str = LONG_AGO
    source: bool = False

    @property
    def filename(self) -> str:
        """The name of its file."""
        stem = f"{self.name.replace('-', '_')}-{self.version}"
        return f"{stem}.tar.gz" if self.source else f"{stem}-py3-none-any.whl"

    @cached_property
    def content(self) -> bytes:
        """The bytes of its file."""
        return _archive(self) if self.source else _wheel(self)


def _metadata(release: Release) -> str:
    lines = ["Metadata-Version: 2.1", f"Name: {release.name}", f"Version: {release.version}"]
    return "\n".join([*lines, *(f"Requires-Dist: {each}" for each in release.requires), ""])


def _wheel(release: Release) -> bytes:
    info = f"{release.name.replace('-', '_')}-{release.version}.dist-info"
    files = {
        **release.files,
        f"{info}/METADATA": _metadata(release),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0)), text)
    return data.getvalue()


def _archive(release: Release) -> bytes:
    top = f"{release.name.replace('-', '_')}-{release.version}"
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for path, text in {**release.files, "PKG-INFO": _metadata(release)}.items():
            member = tarfile.TarInfo(f"{top}/{path}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return data.getvalue()


class CountingServer(ThreadingHTTPServer):
    """Counts its visits where it takes them, one after the other, and knows which of them last."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, *given: Any) -> None:
        """Listen."""
        self.visits = 0
        self.open: set[socket.socket] = set()
        super().__init__(*given)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Take a visit."""
        request, address = super().get_request()
        self.visits += 1
        self.open.add(request)
        return request, address

    def close_request(self, request: Any) -> None:
        """End a visit."""
        super().close_request(request)
        self.open.discard(request)


class LocalIndex:
    """An index of releases, as a context manager. ``asked`` counts the paths, ``visitors`` keeps what each request said of itself."""

    def __init__(self, *releases: Release, login: tuple[str, str] | None = None) -> None:
        """Serve nothing yet."""
        self.releases = list(releases)
        self.login = login
        self.asked: Counter[str] = Counter()
        self.closed = False
        self._server = CountingServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """The address of the index."""
        return f"http://127.0.0.1:{self._server.server_port}/simple"

    def __enter__(self) -> Self:
        """Begin to serve."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def page(self, name: str) -> bytes | None:
        """Return the page of a project, or nothing when there is none."""
        found = [it for it in self.releases if it.name == name]
        if not found:
            return None
        files = [
            {
                "filename": it.filename,
                "url": f"../../files/{it.filename}",
                "hashes": {"sha256": hashlib.sha256(it.content).hexdigest()},
                "upload-time": it.uploaded,
                "size": len(it.content),
            }
            for it in found
        ]
        return json.dumps({"meta": {"api-version": "1.1"}, "name": name, "files": files}).encode()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        index = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                index.asked[self.path] += 1
                if index.closed:
                    self._say(503, b"", "text/plain")
                elif not index.admits(self.headers.get("Authorization")):
                    self._say(401, b"who are you", "text/plain")
                else:
                    self._serve()

            do_HEAD = do_GET

            def _serve(self) -> None:
                *_, kind, name = self.path.rstrip("/").split("/")
                if kind == "simple" and (page := index.page(name)) is not None:
                    self._say(200, page, "application/vnd.pypi.simple.v1+json")
                elif kind == "files" and (found := index.file(name)) is not None:
                    self._say(200, found, "application/octet-stream")
                else:
                    self._say(404, b"no such thing", "text/plain")

            def _say(self, status: int, body: bytes, kind: str) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (its names are the library's)
                """Say nothing."""

        return Handler

    def file(self, name: str) -> bytes | None:
        """Return the bytes of a file."""
        return next((it.content for it in self.releases if it.filename == name), None)

    def admits(self, header: str | None) -> bool:
        """Whether a request shows the right login."""
        if self.login is None:
            return True
        return header == "Basic " + base64.b64encode(":".join(self.login).encode()).decode()
