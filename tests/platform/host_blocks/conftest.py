"""Hosts to ask, names that lead where a test says, and a short way to call a host block from a document."""

import asyncio
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from blockyard_platform import Runner
from blockyard_platform.results import StageRecord
from blockyard_platform.secrets.providers import GivenSecrets
from blockyard_sandbox.sandbox import Sandbox
from blockyard_sandbox.spec import JailSpec

Use = Callable[..., Awaitable[StageRecord]]


def reply(status: int = 200, body: bytes = b"", **headers: str) -> bytes:
    """Write an answer; an underscore in a header's name stands for a dash."""
    lines = [f"{name.replace('_', '-')}: {text}" for name, text in headers.items()]
    if "content_length" not in headers and "transfer_encoding" not in headers:
        lines.append(f"content-length: {len(body)}")
    head = "\r\n".join([f"HTTP/1.1 {status} Some", *lines])
    return head.encode() + b"\r\n\r\n" + body


@contextmanager
def silent(port: int) -> Generator[None]:
    """Keep a port on which nobody listens any more: it could be anybody's, and who connects to it could even meet himself."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", port))
        yield


class Site:
    """A host on this machine that answers with given bytes, and keeps what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, bytes] = {}
        self.first: dict[str, bytes] = {}
        """Paths that are answered otherwise the first time."""
        self.endless: dict[str, tuple[bytes, bytes, float]] = {}
        """Paths that are answered with some bytes first, and others again and again after so many seconds each."""
        self.asked: list[bytes] = []
        self.port = 0
        self.server: asyncio.Server | None = None

    async def start(self, context: ssl.SSLContext | None = None) -> None:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context)
        self.port = self.server.sockets[0].getsockname()[1]

    def url(self, path: str = "/", host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    def rule(self, host: str = "127.0.0.1") -> dict[str, Any]:
        return {"host": host, "ports": [self.port], "private": True}

    def head(self, name: str, index: int = -1) -> str | None:
        """Return a header of a request."""
        for line in self.asked[index].partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]:
            key, _, text = line.partition(": ")
            if key.lower() == name:
                return text
        return None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.set_write_buffer_limits(0)  # what was drained has gone, before the end
        try:
            await self._answer(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        size = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        body = await reader.readexactly(int(size[0].partition(b":")[2])) if size else b""
        self.asked.append(head + body)
        path = head.split(b" ")[1].partition(b"?")[0].decode()
        if path in self.endless:
            first, again, seconds = self.endless[path]
            writer.write(first)
            while True:
                writer.write(again)
                await writer.drain()
                await asyncio.sleep(seconds)
        writer.write(self.first.pop(path, b"") or self.answers.get(path, reply(404)))
        await writer.drain()

    async def close(self) -> None:
        if self.server is not None:
            self.server.close()
            await asyncio.sleep(0)


@pytest_asyncio.fixture
async def site() -> AsyncIterator[Site]:
    """Yield a host."""
    found = Site()
    await found.start()
    yield found
    await found.close()


@pytest_asyncio.fixture
async def other() -> AsyncIterator[Site]:
    """Yield another host."""
    found = Site()
    await found.start()
    yield found
    await found.close()


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[list[str]]]:
    """Return what names lead to: the addresses of each look-up, one after the other; the last is left."""
    known: dict[str, list[list[str]]] = {}
    real = socket.getaddrinfo

    def found(host: Any, port: Any, *more: Any, **options: Any) -> Any:
        if host not in known:
            return real(host, port, *more, **options)
        answers = known[host]
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        return [
            (
                socket.AF_INET6 if ":" in each else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (each, port),
            )
            for each in addresses
        ]

    monkeypatch.setattr(socket, "getaddrinfo", found)
    return known


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a certificate that proves api.example.com and 127.0.0.1 and is its own authority, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "host.pem", folder / "host.key"
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=h"
    names = "subjectAltName=DNS:api.example.com,IP:127.0.0.1"
    more = ["-addext", names, "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(["openssl", *words.split(), *more], check=True, capture_output=True, timeout=60)
    return certificate, key


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return the platform's folder for data."""
    return tmp_path / "data"


@pytest.fixture
def use(data: Path) -> Use:
    """Use a host block in a document, under a policy with some more keys; return the stage's record.

    ``secrets_held`` are secrets by name.
    """

    async def called(uses: str, given: dict[str, Any], **policy: Any) -> StageRecord:
        tag = uses.partition(".")[0]
        secrets = policy.pop("secrets_held", None)
        rules = {"name": "acme", "tags": [tag], "stages": ["call"], **policy}
        # A sandbox that is given is not started before it is needed, and no host block needs one.
        async with Runner(
            policy=rules,
            sandbox=Sandbox(JailSpec()),
            data=data,
            secrets=None if secrets is None else GivenSecrets(secrets),
        ) as runner:
            stages = [{"id": "it", "uses": uses, "with": given}]
            result = await runner.run({"name": "t", "stages": stages})
            assert not result.problems, result.problems
            return result.jobs["main"].stages["it"]

    return called
