"""``blockyard serve`` as a process: its first start and its second, signals, and connections that nobody means well with."""

import http.client
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Any

import httpx
import pytest

from blockyard_platform.secrets.errors import SealedError
from blockyard_platform.secrets.sealing import KeyRing
from blockyard_platform.service.protocol import MOST_HEAD_BYTES
from blockyard_platform.service.registry import sealed, tenants
from blockyard_platform.service.registry.database import Database
from blockyard_platform.service.sealing import opener, sealer
from blockyard_platform.service.settings import Settings
from blockyard_platform.service.starting import started
from blockyard_schemas.problems import InvalidDocumentError

from ..store.conftest import place, postgres
from .registry.conftest import ADMIN, SERVICE

__all__ = ["place", "postgres"]

PROGRAM = str(Path(sys.executable).with_name("blockyard"))
ADDRESS = re.compile(r"Blockyard listens on http://([0-9.]+):([0-9]+)")
TOKEN = re.compile(r"shown this once: (by_[0-9a-f]{16}_[0-9a-f]{64})")
PATIENCE = 120


class Served:
    """A server, its address, and the token that it has printed."""

    def __init__(self, process: "subprocess.Popen[str]", out: IO[str]) -> None:
        self.process = process
        found = ADDRESS.fullmatch(out.readline().strip())
        assert found is not None
        self.host, self.port = found[1], int(found[2])
        self.url = f"http://{self.host}:{self.port}"

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal; return the exit code, and what else was printed."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out + err


@contextmanager
def serving(*arguments: str) -> Generator[Served]:
    command = [PROGRAM, "serve", "--port", "0", *arguments]
    environment = {key: it for key, it in os.environ.items() if not key.startswith("BLOCKYARD_")}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    try:
        assert process.stdout is not None
        yield Served(process, process.stdout)
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE)


def is_ok(client: httpx.Client, name: str) -> httpx.Response:
    """Return how the parts stand when the first of them, which has this name, is well: a look at one may come too late at the start."""
    end = time.monotonic() + PATIENCE
    while True:
        ready = client.get("/health/ready")
        first: dict[str, Any] = ready.json()["parts"][0]
        if (first["name"], first["state"]) == (name, "ok"):
            return ready
        assert time.monotonic() < end, first
        time.sleep(0.1)


def test_a_first_start_prints_a_token_and_a_second_does_not(place: str, tmp_path: Path) -> None:
    data = tmp_path / "new" / "data"
    given = (
        "--data",
        str(data),
        "--database",
        place,
        "--worker" if place[0] == "/" else "--no-worker",
    )
    with serving(*given) as server:
        assert server.process.stdout is not None
        token = TOKEN.search(server.process.stdout.readline())
        assert token is not None
        headers = {"Authorization": f"Bearer {token[1]}"}
        with httpx.Client(base_url=server.url, headers=headers, timeout=PATIENCE) as client:
            assert client.get("/api/v1/me").json()["role"] == "admin"
            ready = is_ok(client, "database")
            assert "server" not in ready.headers
            client.post("/api/v1/tenants", json={"name": "ant"})
            put = client.put("/api/v1/tenants/ant/secrets/s", json={"value": "hush"})
            assert put.status_code == 200
        code, rest = server.end()
    assert (code, rest) == (0, "")
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert stat.S_IMODE((data / "keys").stat().st_mode) == 0o600
    with serving(*given) as server:
        me = httpx.get(f"{server.url}/api/v1/me", headers=headers, timeout=PATIENCE)
        assert me.status_code == 200
        code, rest = server.end(signal.SIGINT)
    assert (code, rest) == (0, "")
    with closing(Database(place)) as database, database.reading() as work:
        opened = sealed.reveal(work, SERVICE, "ant", "s", opener(KeyRing.load(data / "keys")))
    assert opened == "hush"


def test_a_request_that_is_under_way_is_ended_first(tmp_path: Path) -> None:
    with serving("--data", str(tmp_path / "data")) as server:
        assert server.process.stdout is not None
        token = TOKEN.search(server.process.stdout.readline())
        assert token is not None
        body = b'{"name": "late"}'
        connection = http.client.HTTPConnection(server.host, server.port, timeout=PATIENCE)
        connection.putrequest("POST", "/api/v1/tenants")
        connection.putheader("Authorization", f"Bearer {token[1]}")
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders()
        connection.send(body[:5])
        assert httpx.get(f"{server.url}/health/live", timeout=PATIENCE).status_code == 200
        server.process.send_signal(signal.SIGTERM)
        connection.send(body[5:])
        assert connection.getresponse().status == 201
        connection.close()
        assert server.process.wait(timeout=PATIENCE) == 0


def test_who_listens_for_others_without_tls_is_warned(tmp_path: Path) -> None:
    with serving("--data", str(tmp_path), "--host", "0.0.0.0") as server:  # noqa: S104
        _, rest = server.end()
    assert "Tokens and documents travel readable" in rest


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [PROGRAM, "serve", "--data", str(tmp_path)]
        done = subprocess.run(
            [*command, "--port", port],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
    assert done.returncode == 2
    assert f"cannot listen on 127.0.0.1, port {port}" in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "blockyard.db").exists()


def answered(server: Served, sent: list[bytes]) -> bytes:
    """Return all that a connection is answered, when it is closed at its end."""
    with socket.create_connection((server.host, server.port), timeout=PATIENCE) as connection:
        found = b""
        try:
            for each in sent:
                connection.sendall(each)
            while chunk := connection.recv(65536):
                found += chunk
        except (ConnectionResetError, BrokenPipeError):
            pass
        return found


def test_heads_are_bounded(tmp_path: Path) -> None:
    with serving("--data", str(tmp_path)) as server:
        start = b"GET /health/live HTTP/1.1\r\nHost: x\r\n"
        piece = b"x" * 16_384
        many = [start, b"A: ", *[piece] * (MOST_HEAD_BYTES // len(piece) + 64)]
        assert b" 200 " not in answered(server, many)
        lines = [b"A%d: %s\r\n" % (number, b"y" * 1_000) for number in range(1_000)]
        assert b" 200 " not in answered(server, [start, *lines, b"\r\n"])
        fits = [start, b"A: ", b"x" * 30_000, b"\r\nConnection: close\r\n\r\n"]
        assert b"HTTP/1.1 200 OK" in answered(server, fits)
        injected = (
            b"GET /health/live HTTP/1.1\r\nHost: x\r\nA: b\rC: d\r\nConnection: close\r\n\r\n"
        )
        assert b"HTTP/1.1 400" in answered(server, [injected])
        both = b"POST /api/v1/tenants HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n"
        both += b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n"
        assert b"HTTP/1.1 400" in answered(server, [both])
        assert httpx.get(f"{server.url}/health/live", timeout=PATIENCE).status_code == 200


def test_secrets_without_their_keys_are_not_given_new_ones(place: str, tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, database=place)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with started(settings) as first:
        assert first.token is not None
        assert first.token not in repr(first)
        with first.parts.database.writing() as work:
            tenants.create(work, ADMIN, "ant")
            sealed.put(work, ADMIN, "ant", "s", "hush", sealer(first.parts.keys))
    with started(settings) as second:
        assert second.token is None
        assert second.parts.keys.ids == first.parts.keys.ids
    (tmp_path / "keys").unlink()
    with pytest.raises(InvalidDocumentError, match="no key file"), started(settings):
        pass
    assert not (tmp_path / "keys").exists()


def test_a_secret_is_sealed_for_its_version(tmp_path: Path) -> None:
    keys = KeyRing.create(tmp_path / "keys")
    here = sealed.Place("ant", "s", 1)
    text = sealer(keys)("hush", here)
    assert opener(keys)(text, here) == "hush"
    for other in (
        sealed.Place("ant", "s", 2),
        sealed.Place("ant", "t", 1),
        sealed.Place("bee", "s", 1),
    ):
        with pytest.raises(SealedError):
            opener(keys)(text, other)


def test_a_catalog_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    with (
        pytest.raises(InvalidDocumentError, match="there is no folder"),
        started(Settings(data=tmp_path, catalog=(tmp_path / "none",))),
    ):
        pass
    (tmp_path / "blocks").mkdir()
    (tmp_path / "blocks" / "mine.py").write_text("import nothing_of_this_name\n")
    with (
        pytest.raises(InvalidDocumentError, match="the catalog cannot be made"),
        started(Settings(data=tmp_path, catalog=(tmp_path / "blocks",))),
    ):
        pass
