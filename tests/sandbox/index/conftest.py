"""A package index of our own on the loopback, wheels made on the fly, and gateways that show the one to uv."""

import asyncio
import base64
import contextlib
import hashlib
import io
import json
import os
import re
import socket
import ssl
import threading
import zipfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from uv import find_uv_bin

from blockyard_sandbox.index.gateway import IndexGateway
from blockyard_sandbox.index.pages import JSON_TYPE
from blockyard_sandbox.index.settings import Index, IndexSettings


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
        timeout = 5

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            return

        def do_GET(self) -> None:
            login, asked = self.headers["authorization"], self.headers["range"]
            index.seen.append(Seen(self.command, self.path, login, asked))
            index.gate.wait(20)
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
                    index.half.wait(20)
                    self.wfile.write(body[middle:])

    return Handler


@dataclass
class Shown:
    """A gateway that is started, and what it noted."""

    gateway: IndexGateway
    listening: socket.socket
    notes: list[str]
    port: int

    @property
    def base(self) -> str:
        """Return where the gateway listens."""
        return f"http://127.0.0.1:{self.port}"

    def url(self, number: int = 0) -> str:
        """Return the address of one of its indexes."""
        return f"{self.base}/{number}/simple/"

    async def page(self, project: str) -> dict[str, dict[str, Any]]:
        """Return what the page says of each file."""
        async with client() as asking:
            answer = await asking.get(f"{self.url()}{project}/")
        assert answer.status_code == 200, answer.text
        return {file["filename"]: file for file in answer.json()["files"]}

    async def get(self, target: str, **headers: str) -> httpx.Response:
        """Ask the gateway for a path."""
        async with client() as asking:
            return await asking.get(self.base + target, headers=headers)


def client() -> httpx.AsyncClient:
    """Return a client that takes no proxy from the environment."""
    return httpx.AsyncClient(trust_env=False, timeout=30)


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def upstream() -> Iterator[IndexServer]:
    """Yield a running index."""
    server = IndexServer()
    yield server
    server.close()


@pytest.fixture
def other() -> Iterator[IndexServer]:
    """Yield a second one, which is another host: it has another port."""
    server = IndexServer()
    yield server
    server.close()


class Gateways:
    """Starts gateways on free ports."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._started: list[IndexGateway] = []

    async def show(
        self, *indexes: Index, cache: Path | None = None, port: int = 0, **options: Any
    ) -> Shown:
        """Start a gateway of these indexes."""
        notes: list[str] = []
        settings = IndexSettings(indexes)
        gateway = IndexGateway(settings, cache, on_note=notes.append, **options)
        self._started.append(gateway)
        listening = bound(port)
        port = listening.getsockname()[1]
        await gateway.start(listening)
        return Shown(gateway, listening, notes, port)

    async def close(self) -> None:
        """Close them all."""
        for gateway in self._started:
            await gateway.close()


def bound(port: int = 0) -> socket.socket:
    """Return a socket that is bound to a port, by default a free one."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    return listening


@pytest.fixture
async def gateways() -> AsyncIterator[Gateways]:
    """Yield what starts gateways; they are closed in the end."""
    starting = Gateways()
    yield starting
    await starting.close()


@dataclass
class Ran:
    """How uv ended."""

    code: int
    stdout: str
    stderr: str


class Uv:
    """Runs the real uv with a home and a cache of its own."""

    def __init__(self, folder: Path) -> None:
        """Keep the folder of home and cache."""
        self._folder = folder

    async def run(self, *words: str, text: str = "") -> Ran:
        """Run uv; ``text`` is its standard input."""
        own = {"HOME": str(self._folder), "UV_NO_CONFIG": "1", "UV_PYTHON_DOWNLOADS": "never"}
        process = await asyncio.create_subprocess_exec(
            find_uv_bin(),
            *words,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"PATH": os.environ["PATH"], "UV_HTTP_RETRIES": "0"} | own,
        )
        told = await asyncio.wait_for(process.communicate(text.encode()), 60)
        return Ran(process.returncode or 0, told[0].decode(), told[1].decode())

    async def compile(self, needs: str, url: str, *more: str) -> Ran:
        """Resolve what is needed, with hashes."""
        plain = ["--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url"]
        return await self.run(
            "pip", "compile", "-", *plain, "--default-index", url, *more, text=needs
        )

    async def install(self, pins: str, url: str, target: Path, *more: str) -> Ran:
        """Install pins with hashes into a folder."""
        place = ["--target", str(target), "--require-hashes", "--no-cache", "-r", "-"]
        return await self.run("pip", "install", *place, "--default-index", url, *more, text=pins)


@pytest.fixture
def uv(tmp_path: Path) -> Uv:
    """Return a uv of this test."""
    folder = tmp_path / "uv"
    folder.mkdir()
    return Uv(folder)
