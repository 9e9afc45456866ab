"""A package index of our own on the loopback, gateways that show it, and the uv that they show it to."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from uv import find_uv_bin

from blockyard_sandbox.index.gateway import IndexGateway
from blockyard_sandbox.index.settings import Index, IndexSettings

from .index_server import IndexServer


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
    return httpx.AsyncClient(trust_env=False, timeout=120)


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
        told = await asyncio.wait_for(process.communicate(text.encode()), 300)
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
