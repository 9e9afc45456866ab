"""The proxy serves what the rules allow, over real sockets."""

import asyncio
import contextlib
import json
import os
import shutil
import socket
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from engines import unavailable

from blockyard_sandbox.egress.proxy import EgressProxy

from .plain_http import Ask, Reader, Start, StartHost, Writer, local_rules, parts_of

needs_curl = pytest.mark.skipif(
    shutil.which("curl") is None and os.environ.get("BLOCKYARD_REQUIRE") != "all",
    reason="curl is not installed",
)


class _Echo(BaseHTTPRequestHandler):
    """Answers with what it was asked, as JSON."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        body = self.rfile.read(length)
        seen = {
            "method": self.command,
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "size": len(body),
        }
        data = json.dumps(seen).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Keep-Alive", "timeout=5")
        self.send_header("Proxy-Authenticate", "Basic")
        self.send_header("X-Kept", "yes")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    do_POST = do_HEAD = do_PUT = do_GET

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        del format, args


@pytest.fixture
def web() -> Iterator[int]:
    """An ordinary web server on a thread: its port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


async def _curl(*arguments: str) -> bytes:
    process = await asyncio.create_subprocess_exec(
        "curl", "-sS", "--max-time", "120", *arguments, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out


async def test_a_request_is_passed_on(start_proxy: Start, ask: Ask, web: int) -> None:
    _, port = await start_proxy(local_rules(web))
    answer = await ask(
        port,
        b"GET HTTP://127.0.0.1:%d/a%%20b?c=d&e HTTP/1.1\r\nHost: x\r\nAccept: text/plain\r\n"
        b"X-Hop: 1\r\nConnection: keep-alive, X-Hop\r\nKeep-Alive: 5\r\nTE: trailers\r\nUpgrade: h2c\r\n"
        b"Proxy-Connection: keep-alive\r\nProxy-Authorization: Basic eA==\r\n\r\n" % web,
    )
    first, headers, body = parts_of(answer)
    assert first == b"HTTP/1.1 200 OK"
    assert headers[b"x-kept"] == b"yes"
    assert headers[b"connection"] == b"close"
    assert b"keep-alive" not in headers
    assert b"proxy-authenticate" not in headers
    assert json.loads(body) == {
        "method": "GET",
        "path": "/a%20b?c=d&e",
        "headers": {"host": f"127.0.0.1:{web}", "accept": "text/plain", "connection": "close"},
        "size": 0,
    }


@pytest.mark.parametrize(("rest", "path"), [("", "/"), ("?a=b/c", "/?a=b/c"), ("/x//y", "/x//y")])
async def test_a_path_is_as_in_the_url(
    start_proxy: Start, ask: Ask, web: int, rest: str, path: str
) -> None:
    _, port = await start_proxy(local_rules(web))
    url = f"http://127.0.0.1:{web}{rest}".encode()
    answer = await ask(port, b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % url)
    assert json.loads(parts_of(answer)[2])["path"] == path


@needs_curl
async def test_curl_gets_through(start_proxy: Start, web: int) -> None:
    _, port = await start_proxy(local_rules(web, "localhost"))
    url = f"http://localhost:{web}/x"
    for way in ((), ("--proxytunnel",)):
        seen = json.loads(await _curl("--proxy", f"http://127.0.0.1:{port}", *way, url))
        assert seen["path"] == "/x"
        assert seen["headers"]["host"] == f"localhost:{web}"


@needs_curl
@pytest.mark.parametrize("way", [(), ("--proxytunnel",), ("-H", "Expect: 100-continue")])
async def test_curl_sends_a_large_body(
    start_proxy: Start, web: int, tmp_path: Path, way: tuple[str, ...]
) -> None:
    body = tmp_path / "body"
    body.write_bytes(b"x" * 3_000_000)
    _, port = await start_proxy(local_rules(web))
    out = await _curl(
        *("--proxy", f"http://127.0.0.1:{port}", *way, "--data-binary", f"@{body}"),
        f"http://127.0.0.1:{web}/",
    )
    assert json.loads(out)["size"] == 3_000_000


@needs_curl
async def test_a_head_request_has_no_body(start_proxy: Start, web: int) -> None:
    _, port = await start_proxy(local_rules(web))
    out = await _curl("--proxy", f"http://127.0.0.1:{port}", "-I", f"http://127.0.0.1:{web}/")
    assert out.startswith(b"HTTP/1.1 200 OK\r\n")
    assert out.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("version", [b"1.1\r\nHost: x", b"1.0"])
async def test_a_tunnel_passes_the_end_of_each_side_on(
    start_proxy: Start, start_host: StartHost, ask: Ask, version: bytes
) -> None:
    async def serve(reader: Reader, writer: Writer) -> None:
        data = await reader.read()  # until the client has ended
        writer.write(data[::-1])
        await writer.drain()

    host = await start_host(serve)
    _, port = await start_proxy(local_rules(host))
    early = b"CONNECT 127.0.0.1:%d HTTP/%s\r\n\r\n" % (host, version) + b"\0abc\n"
    assert await ask(port, early, True) == b"HTTP/1.1 200 Connection Established\r\n\r\n\ncba\0"


async def test_a_tunnel_goes_on_when_the_host_has_ended(
    start_proxy: Start, start_host: StartHost
) -> None:
    got: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def serve(reader: Reader, writer: Writer) -> None:
        writer.write(b"bye")
        writer.write_eof()
        got.set_result(await reader.read())

    host = await start_host(serve)
    _, port = await start_proxy(local_rules(host))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: x\r\n\r\n" % host)
    assert (await reader.read()).endswith(b"\r\n\r\nbye")
    writer.write(b"late" * 100_000)
    writer.write_eof()
    assert await got == b"late" * 100_000
    writer.close()
    await asyncio.sleep(0)


async def test_a_tunnel_does_not_pile_up(start_proxy: Start, start_host: StartHost) -> None:
    sent = 0

    async def serve(reader: Reader, writer: Writer) -> None:
        nonlocal sent
        del reader
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()
            sent += 65536

    host = await start_host(serve)
    _, port = await start_proxy(local_rules(host))
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    client.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(client, ("127.0.0.1", port))
    await loop.sock_sendall(client, b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: x\r\n\r\n" % host)
    async with asyncio.timeout(60):
        while not sent:
            await asyncio.sleep(0.01)
    before = 0
    while sent != before:  # until nothing moves any more
        before = sent
        await asyncio.sleep(0.3)
        assert sent < 64_000_000
    client.close()


async def test_a_proxy_starts_once_on_a_listening_socket() -> None:
    proxy = EgressProxy([])
    with socket.socket() as silent, pytest.raises(ValueError, match="not a listening TCP"):
        await proxy.start(silent)
    with socket.socket(type=socket.SOCK_DGRAM) as other, pytest.raises(ValueError, match="TCP"):
        await proxy.start(other)
    listening = socket.create_server(("127.0.0.1", 0))
    await proxy.start(listening)
    with pytest.raises(RuntimeError, match="once"):
        await proxy.start(listening)
    await proxy.close()
    await proxy.close()
    assert listening.fileno() == -1


async def test_close_ends_connections_and_the_socket_of_others_too(
    start_host: StartHost, start_proxy: Start
) -> None:
    ended = asyncio.Event()

    async def serve(reader: Reader, writer: Writer) -> None:
        writer.write(b"hello")
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        ended.set()

    host = await start_host(serve)
    proxy, port = await start_proxy(local_rules(host))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: x\r\n\r\n" % host)
    await reader.readuntil(b"hello")
    await proxy.close()
    with pytest.raises(ConnectionError):
        await reader.readexactly(1)
    await asyncio.wait_for(ended.wait(), 30)
    writer.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_a_copy_of_the_socket_is_of_no_use_after_close() -> None:
    proxy = EgressProxy([])
    listening = socket.create_server(("127.0.0.1", 0))
    with listening.dup() as copy:
        await proxy.start(listening)
        await proxy.close()
        with pytest.raises(OSError, match="Invalid argument"):
            copy.accept()


async def test_a_proxy_that_never_started_closes() -> None:
    proxy = EgressProxy([])
    await proxy.close()
    with socket.create_server(("127.0.0.1", 0)) as it, pytest.raises(RuntimeError, match="once"):
        await proxy.start(it)


_IN_NAMESPACE = """
import fcntl, socket, struct, sys, urllib.request
with socket.socket() as any_socket:
    fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP
with socket.create_server(("127.0.0.1", 3128)) as listening:
    with socket.socket(fileno=0) as platform:
        socket.send_fds(platform, [b"x"], [listening.fileno()])
        platform.recv(1)
opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": "http://127.0.0.1:3128"}))
print(opener.open(sys.argv[1], timeout=120).read().decode())
try:
    socket.create_connection(("127.0.0.1", int(sys.argv[2])), timeout=120)
except ConnectionRefusedError:
    print("no other way")
"""


async def test_a_namespace_without_network_reaches_what_is_allowed(web: int) -> None:
    if shutil.which("unshare") is None:
        unavailable("unshare is not installed")
    ours, theirs = socket.socketpair()
    program = ("unshare", "--map-root-user", "--net", sys.executable, "-c", _IN_NAMESPACE)
    with ours, theirs:
        process = await asyncio.create_subprocess_exec(
            *program,
            f"http://127.0.0.1:{web}/in",
            str(web),
            stdin=theirs.fileno(),
            stdout=asyncio.subprocess.PIPE,
        )
        theirs.close()
        _, descriptors, _, _ = await asyncio.to_thread(socket.recv_fds, ours, 1, 1)
        if not descriptors:
            await process.wait()
            unavailable("this machine gives no namespaces")
        proxy = EgressProxy(local_rules(web))
        await proxy.start(socket.socket(fileno=descriptors[0]))
        ours.send(b"x")
        out, _ = await process.communicate()
        await proxy.close()
    answer, _, rest = out.decode().partition("\n")
    assert json.loads(answer)["path"] == "/in"
    assert rest == "no other way\n"
