"""A package index on the loopback, and wheels made on the fly for it to serve."""

import base64
import contextlib
import hashlib
import io
import json
import os
import re
import ssl
import threading
import zipfile
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from blockyard_sandbox.index.pages import JSON_TYPE
from blockyard_sandbox.index.settings import Index

LOGIN = "Basic " + base64.b64encode(b"me:secret").decode()


def wheel(name: str, version: str = "1.0", *needs: str, padding: int = 0) -> tuple[str, bytes]:
    """Return the file name and the bytes of a wheel of one module."""
    module, info = name.replace("-", "_"), f"{name.replace('-', '_')}-{version}.dist-info"
    metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"]
    metadata += [f"Requires-Dist: {need}\n" for need in needs]
    files = {
        f"{module}.py": f"VALUE = {version!r}\n".encode(),
        f"{info}/METADATA": "".join(metadata).encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if padding:
        files[f"{module}.bin"] = os.urandom(padding)
    record = ""
    for path, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        record += f"{path},sha256={digest},{len(content)}\n"
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return f"{module}-{version}-py3-none-any.whl", made.getvalue()


@dataclass
class Seen:
    """A request that reached the index."""

    method: str
    path: str
    authorization: str | None
    range: str | None


@dataclass
class Answer:
    """What the index answers at a path, whatever else it serves there."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict[str, str])


class IndexServer:
    """An index: files by project, served as JSON or HTML, with Basic auth when ``login`` is set."""

    def __init__(self) -> None:
        """Listen on a free port, in a thread. It waits for ``gate`` before, and for ``half`` amid its answers."""
        self.files: dict[str, dict[str, bytes]] = {}
        self.entries: dict[str, dict[str, Any]] = {}
        self.answers: dict[str, Answer] = {}
        self.login: str | None = None
        self.html = False
        self.metadata = False
        self.page_headers: dict[str, str] = {}
        self.files_at: str | None = None
        self.seen: list[Seen] = []
        self.gate = threading.Event()
        self.gate.set()
        self.half = threading.Event()
        self.half.set()
        self._scheme = "http"
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def origin(self) -> str:
        """Return where it listens."""
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}"

    def speak_https(self, context: ssl.SSLContext) -> None:
        """Speak https from now on; the handshake is done in the thread of a connection, by its first read."""
        plain, self._scheme = self._server.socket, "https"
        wrapped = context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
        self._server.socket = wrapped

    @property
    def url(self) -> str:
        """Return the index's address."""
        return f"{self.origin}/simple"

    def add(self, project: str, made: tuple[str, bytes], **entry: Any) -> str:
        """Serve a file; ``entry`` overrides what the page says of it. Returns its name."""
        self.files.setdefault(project, {})[made[0]] = made[1]
        self.entries[made[0]] = entry
        return made[0]

    def count(self, part: str, method: str = "GET") -> int:
        """Return how many requests had this in their path."""
        return sum(part in seen.path and seen.method == method for seen in self.seen)

    def close(self) -> None:
        """Stop, and wait for what is being answered."""
        self.gate.set()
        self.half.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def page(self, project: str) -> tuple[str, bytes]:
        """Return the type and the text of a project's page."""
        told = [self.told(project, name) for name in self.files[project]]
        if self.html:
            links = "".join(_link(entry) for entry in told)
            return "text/html", f"<!DOCTYPE html><html><body>{links}</body></html>".encode()
        page = {"meta": {"api-version": "1.1"}, "name": project, "files": told}
        return JSON_TYPE, json.dumps(page).encode()

    def told(self, project: str, name: str) -> dict[str, Any]:
        """Return what the page says of a file."""
        content = self.files[project][name]
        entry: dict[str, Any] = {
            "filename": name,
            "url": f"{self.files_at or '../..'}/packages/{name}",
            "hashes": {"sha256": hashlib.sha256(content).hexdigest()},
            "size": len(content),
        }
        if self.metadata:
            inner = _metadata(content)
            entry["core-metadata"] = {"sha256": hashlib.sha256(inner).hexdigest()}
        return entry | self.entries[name]

    def content(self, path: str) -> bytes | None:
        """Return the file at a path."""
        name = path.removeprefix("/packages/")
        held = {name: content for files in self.files.values() for name, content in files.items()}
        if name.endswith(".metadata") and (whole := held.get(name.removesuffix(".metadata"))):
            return _metadata(whole)
        return held.get(name) if path.startswith("/packages/") else None


def _metadata(content: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("/METADATA")]
        return archive.read(name)


def _link(entry: dict[str, Any]) -> str:
    url = entry["url"]
    if digest := entry["hashes"].get("sha256"):
        url += f"#sha256={digest}"
    more = ""
    if entry.get("yanked"):
        more += f' data-yanked="{entry["yanked"]}"'
    if "core-metadata" in entry:
        more += f' data-core-metadata="sha256={entry["core-metadata"]["sha256"]}"'
    return f'<a href="{url}"{more}>{entry["filename"]}</a><br>\n'


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients here hang up on purpose."""


def _handler(index: IndexServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 120

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            return

        def do_GET(self) -> None:
            login, asked = self.headers["authorization"], self.headers["range"]
            index.seen.append(Seen(self.command, self.path, login, asked))
            index.gate.wait(120)
            if self.path in index.answers:
                answer = index.answers[self.path]
                self.reply(answer.status, answer.body, answer.headers)
            elif index.login is not None and login != index.login:
                self.reply(401, b"the secret reason", {"www-authenticate": "Basic"})
            elif (place := re.fullmatch(r"/simple/([a-z0-9-]+)/", self.path)) and (
                place[1] in index.files
            ):
                kind, body = index.page(place[1])
                self.reply(200, body, {"content-type": kind} | index.page_headers)
            elif (content := index.content(self.path)) is not None:
                self.file(content, asked)
            else:
                self.reply(404, b"no such thing", {})

        do_HEAD = do_GET

        def file(self, content: bytes, asked: str | None) -> None:
            place = re.fullmatch(r"bytes=(\d*)-(\d*)", asked or "")
            if place is None:
                self.reply(200, content, {"accept-ranges": "bytes"})
                return
            size = len(content)
            first = int(place[1]) if place[1] else size - int(place[2])
            last = int(place[2]) if place[1] and place[2] else size - 1
            told = {"content-range": f"bytes {first}-{last}/{size}", "accept-ranges": "bytes"}
            self.reply(206, content[first : last + 1], told)

        def reply(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            with contextlib.suppress(ConnectionError):
                self.send_response(status)
                for name, text in ({"content-length": str(len(body))} | headers).items():
                    self.send_header(name, text)
                self.end_headers()
                if self.command != "HEAD":
                    middle = len(body) // 2
                    self.wfile.write(body[:middle])
                    index.half.wait(120)
                    self.wfile.write(body[middle:])

    return Handler


def logged_in(server: IndexServer) -> Index:
    """Have an index ask for a login; return how it is reached with one."""
    server.login = LOGIN
    return Index(server.url, "me", "secret")
