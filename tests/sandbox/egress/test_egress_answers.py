"""What comes back through the proxy: answers framed anew, and what is said when there is none."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from blockyard_sandbox.egress import connecting, relay
from blockyard_sandbox.egress.hosts import HostRule

from .plain_http import Ask, Reader, Start, StartHost, Writer, local_rules, parts_of


def _saying(answer: bytes) -> Callable[[Reader, Writer], Awaitable[None]]:
    """Give a host that reads one head, says something, and closes."""

    async def serve(reader: Reader, writer: Writer) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()

    return serve


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n"
                b"2;x=y\r\nab\r\n1\r\nc\r\n0\r\nX-Late: 1\r\n\r\n"
            ),
            (
                b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
            ),
        ),
        (
            b"HTTP/1.0 404 Gone\r\nServer: old\r\n\r\nabc",
            (
                b"HTTP/1.1 404 Gone\r\nServer: old\r\nConnection: close\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
            ),
        ),
        (
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 Nothing\r\nX: y\r\n\r\nsmuggled",
            b"HTTP/1.1 100 \r\n\r\nHTTP/1.1 204 Nothing\r\nX: y\r\nConnection: close\r\n\r\n",
        ),
        (
            b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n",
            (
                b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n"
                b"Connection: close\r\n\r\n"
            ),
        ),
    ],
)
async def test_an_answer_is_framed_anew(
    start_proxy: Start, start_host: StartHost, ask: Ask, said: bytes, expected: bytes
) -> None:
    host = await start_host(_saying(said))
    _, port = await start_proxy(local_rules(host))
    answer = await ask(port, b"GET http://127.0.0.1:%d/ HTTP/1.1\r\nHost: x\r\n\r\n" % host)
    assert answer.lower() == expected.lower()


async def test_an_old_client_gets_no_chunks(
    start_proxy: Start, start_host: StartHost, ask: Ask
) -> None:
    said = b"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    host = await start_host(_saying(said))
    _, port = await start_proxy(local_rules(host))
    answer = await ask(port, b"GET http://127.0.0.1:%d/ HTTP/1.0\r\n\r\n" % host)
    assert answer == b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc"


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"SSH-2.0-x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000,
    ],
)
async def test_an_answer_that_is_none_is_502(
    start_proxy: Start, start_host: StartHost, ask: Ask, said: bytes
) -> None:
    host = await start_host(_saying(said))
    _, port = await start_proxy(local_rules(host))
    answer = await ask(port, b"GET http://127.0.0.1:%d/ HTTP/1.1\r\nHost: x\r\n\r\n" % host)
    first, _, body = parts_of(answer)
    assert first == b"HTTP/1.1 502 Bad Gateway"
    assert body == b"the host's answer is not HTTP/1.1, or is cut short\n"


async def test_a_body_cut_short_is_seen_as_such(
    start_proxy: Start, start_host: StartHost, ask: Ask
) -> None:
    host = await start_host(_saying(b"HTTP/1.1 200 OK\r\n\r\nabc"))
    cut = await start_host(
        _saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc")
    )
    _, port = await start_proxy(local_rules(host) + local_rules(cut))
    request = b"GET http://127.0.0.1:%d/ HTTP/1.1\r\nHost: x\r\n\r\n"
    assert (await ask(port, request % host)).endswith(b"3\r\nabc\r\n0\r\n\r\n")
    try:
        answer = await ask(port, request % cut)
    except ConnectionError:
        return
    assert not answer.endswith(b"0\r\n\r\n")


async def test_an_answer_may_come_before_the_body_has_gone(
    start_proxy: Start, start_host: StartHost, ask: Ask
) -> None:
    host = await start_host(_saying(b"HTTP/1.1 413 Too much\r\nContent-Length: 2\r\n\r\nno"))
    _, port = await start_proxy(local_rules(host))
    head = b"POST http://127.0.0.1:%d/ HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\nfirst"
    first, _, body = parts_of(await ask(port, head % host))
    assert (first, body) == (b"HTTP/1.1 413 Too much", b"no")


async def test_a_host_that_never_answers_is_504(
    start_proxy: Start, start_host: StartHost, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def serve(reader: Reader, writer: Writer) -> None:
        del writer
        await reader.read()

    monkeypatch.setattr(relay, "IDLE_SECONDS", 0.2)
    host = await start_host(serve)
    _, port = await start_proxy(local_rules(host))
    answer = await ask(port, b"GET http://127.0.0.1:%d/ HTTP/1.1\r\nHost: x\r\n\r\n" % host)
    assert parts_of(answer)[0] == b"HTTP/1.1 504 Gateway Timeout"


@pytest.mark.parametrize("form", ["CONNECT 127.0.0.1:{}", "GET http://127.0.0.1:{}/"])
async def test_what_cannot_be_reached_is_502(start_proxy: Start, ask: Ask, form: str) -> None:
    with socket.socket() as silent:  # it does not listen, and nobody else is given its port
        silent.bind(("127.0.0.1", 0))
        nobody: int = silent.getsockname()[1]
        notes: list[str] = []
        _, port = await start_proxy(local_rules(nobody), notes.append)
        request = f"{form.format(nobody)} HTTP/1.1\r\nHost: x\r\n\r\n"
        first, _, body = parts_of(await ask(port, request.encode()))
    assert first == b"HTTP/1.1 502 Bad Gateway"
    assert body == f"127.0.0.1:{nobody} cannot be reached\n".encode()
    assert notes == []


async def test_a_name_without_address_is_502(
    start_proxy: Start, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*_: object, **__: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    _, port = await start_proxy([HostRule("example.com")])
    answer = await ask(port, b"CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n")
    assert parts_of(answer)[0] == b"HTTP/1.1 502 Bad Gateway"
    assert parts_of(answer)[2] == b"example.com has no known address\n"


async def test_slow_look_ups_do_not_pile_up(
    start_proxy: Start, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = most = 0
    answered = asyncio.Event()

    async def slow(*_: object, **__: object) -> object:
        nonlocal running, most
        running += 1
        most = max(most, running)
        try:
            await answered.wait()
        finally:
            running -= 1
        raise socket.gaierror(socket.EAI_AGAIN, "later")

    monkeypatch.setattr(connecting, "LOOKUP_SECONDS", 0.2)
    monkeypatch.setattr(connecting, "_look_up", slow)
    proxy, port = await start_proxy([HostRule("*.example.com")])
    request = b"CONNECT %d.a.example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n"
    answers = await asyncio.gather(*(ask(port, request % number) for number in range(9)))
    assert {parts_of(it)[0] for it in answers} == {b"HTTP/1.1 502 Bad Gateway"}
    assert (running, most) == (4, 4)  # given up, but their threads would go on
    answered.set()
    await ask(port, request % 9)
    assert (running, most) == (0, 4)
    answered.clear()
    await ask(port, request % 10)
    assert running == 1
    await proxy.close()
    assert running == 0
