"""What a hostile program does not get past: hosts, addresses, connections, bytes and time."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress

import pytest

from blockyard_sandbox.egress import relay, requests
from blockyard_sandbox.egress.hosts import HostRule, written

from .plain_http import (
    Ask,
    Reader,
    Recorder,
    Start,
    StartHost,
    Writer,
    connect,
    get,
    local_rules,
    status_of,
    text_of,
)


@pytest.mark.parametrize(
    ("request_", "shown"),
    [
        (connect("example.net:443"), "example.net:443"),
        (connect("example.com:22"), "example.com:22"),
        (connect("www.example.com:443"), "www.example.com:443"),
        (connect("example.com.evil.example:443"), "example.com.evil.example:443"),
        (connect("evilexample.com:443"), "evilexample.com:443"),
        (connect("EXAMPLE.NET.:443"), "example.net:443"),
        (connect("127.0.0.1:443"), "127.0.0.1:443"),
        (connect("localhost:443"), "localhost:443"),
        (connect("169.254.169.254:80"), "169.254.169.254:80"),
        (connect("[::1]:443"), "[::1]:443"),
        (connect("[::ffff:7f00:1]:443"), "[::ffff:127.0.0.1]:443"),
        (connect("0.0.0.0:443"), "0.0.0.0:443"),
        (get("http://example.com/"), "example.com:80"),
        (get("http://169.254.169.254/latest/"), "169.254.169.254:80"),
        (get("http://example.com.:8080?@example.net"), "example.com:8080"),
        (get("http://[::]:443/"), "[::]:443"),
    ],
)
async def test_what_no_rule_names_is_refused(
    start_proxy: Start,
    ask: Ask,
    monkeypatch: pytest.MonkeyPatch,
    request_: bytes,
    shown: str,
) -> None:
    monkeypatch.delattr(socket, "getaddrinfo")  # nothing is looked up either
    notes: list[str] = []
    _, port = await start_proxy([HostRule("example.com")], notes.append)
    answer = await ask(port, request_)
    text = f"the policy's hosts do not allow {shown} (FORBIDDEN_HOST 133)"
    assert status_of(answer) == 403
    assert text_of(answer) == text + "\n"
    assert notes == [text]


@pytest.mark.parametrize(
    ("host", "private"),
    [
        ("127.0.0.1", False),
        ("localhost", False),
        ("10.0.0.1", False),
        ("::1", False),
        ("::ffff:127.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("169.254.169.254", True),
        ("::ffff:169.254.169.254", True),
        ("fd00:ec2::254", True),
        ("fe80::1", True),
        ("0.0.0.0", True),  # noqa: S104
        ("::", True),
        ("::ffff:0.0.0.0", True),
        ("224.0.0.1", True),
        ("ff02::1", True),
    ],
)
async def test_a_rule_does_not_open_an_address_that_it_may_not(
    start_proxy: Start, start_host: StartHost, ask: Ask, host: str, private: bool
) -> None:
    recorder = Recorder()
    port = await start_host(recorder.serve)
    rule = HostRule(host, (port,), private)
    notes: list[str] = []
    _, proxy_port = await start_proxy([rule], notes.append)
    shown = written(rule.host, port)
    text = f"the policy's hosts do not allow the address of {shown} (FORBIDDEN_HOST 133)"
    for request in (connect(shown), get(f"http://{shown}/")):
        answer = await ask(proxy_port, request)
        assert (status_of(answer), text_of(answer)) == (403, text + "\n")
    assert notes == [text]
    assert recorder.seen == []


@pytest.mark.parametrize(
    "host", ["2130706433", "127.1", "0x7f.1", "0x7f000001", "0177.0.0.1", "127.0.0.1.0", "0"]
)
async def test_odd_spellings_of_this_machine_are_bad_requests(
    start_proxy: Start, ask: Ask, host: str
) -> None:
    _, port = await start_proxy(local_rules(80))
    for request in (connect(f"{host}:80"), get(f"http://{host}/")):
        answer = await ask(port, request)
        assert status_of(answer) == 400
        assert (
            text_of(answer)
            == f"'{host}' is an odd spelling of an address; write it as four numbers\n"
        )


def _answering(*answers: list[str]) -> tuple[Callable[..., object], list[str]]:
    """Give a resolver that answers differently each time, and the list of the names it is asked for."""
    asked: list[str] = []

    def getaddrinfo(host: str, port: int, **_: object) -> object:
        asked.append(host)
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in answers[len(asked) - 1]
        ]

    return getaddrinfo, asked


async def test_a_name_is_looked_up_once_and_the_checked_address_is_used(
    start_proxy: Start, start_host: StartHost, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder()
    host = await start_host(recorder.serve)
    resolve, asked = _answering(["127.0.0.1"], ["127.0.0.2"])
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    _, port = await start_proxy(local_rules(host, "rebind.example.com"))
    answer = await ask(port, get(f"http://rebind.example.com:{host}/"))
    assert answer.endswith(b"\r\n\r\nok")
    assert asked == ["rebind.example.com"]
    assert len(recorder.seen) == 1


async def test_a_name_that_turns_private_is_refused(
    start_proxy: Start, start_host: StartHost, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder()
    host = await start_host(recorder.serve)
    resolve, asked = _answering(["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["169.254.169.254"])
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    _, port = await start_proxy([HostRule("*.example.com", (host,))])
    for _ in range(3):
        answer = await ask(port, get(f"http://rebind.example.com:{host}/"))
        assert status_of(answer) == 403
        assert "the address of rebind.example.com" in text_of(answer)
    assert len(asked) == 3
    assert recorder.seen == []


async def test_a_head_that_comes_slowly_or_not_at_all_is_given_up(
    start_proxy: Start, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "HEAD_SECONDS", 0.3)
    _, port = await start_proxy([])
    assert status_of(await ask(port, b"")) == 408

    async def drip(writer: Writer) -> None:
        while True:
            writer.write(b"X: y\r\n")
            await asyncio.sleep(0.02)

    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET http://example.com/ HTTP/1.1\r\n")
    dripping = asyncio.create_task(drip(writer))
    answer = await reader.readline()
    dripping.cancel()
    writer.close()
    assert answer == b"HTTP/1.1 408 Request Timeout\r\n"


async def test_no_more_than_so_many_connections_are_served(
    start_proxy: Start, start_host: StartHost, ask: Ask
) -> None:
    recorder = Recorder()
    host = await start_host(recorder.serve)
    _, port = await start_proxy(local_rules(host), max_connections=3)
    held: list[Writer] = []
    for _ in range(3):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(connect(f"127.0.0.1:{host}"))
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        held.append(writer)
    for _ in range(3):
        answer = await ask(port, connect(f"127.0.0.1:{host}"))
        assert status_of(answer) == 503
        assert text_of(answer) == "no more than 3 connections may be open\n"
    for writer in held:
        writer.close()
    answer = b""
    async with asyncio.timeout(60):
        while not answer or status_of(answer) == 503:  # until the proxy has seen that they are gone
            with suppress(ConnectionError):
                answer = await ask(port, get(f"http://127.0.0.1:{host}/"))
    assert answer.endswith(b"\r\n\r\nok")


async def test_a_flood_of_connections_holds_few_descriptors(
    start_proxy: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "LINGER_SECONDS", 60.0)
    proxy, port = await start_proxy([], max_connections=5)
    flood = [await asyncio.open_connection("127.0.0.1", port) for _ in range(60)]
    ends = [asyncio.create_task(reader.read()) for reader, _ in flood]
    await asyncio.wait(ends[10:])
    assert [isinstance(end.exception(), ConnectionError) for end in ends[10:]] == [True] * 50
    assert [end.done() for end in ends[:5]] == [False] * 5
    await proxy.close()
    await asyncio.wait(ends)
    assert [isinstance(end.exception(), ConnectionError) for end in ends[:5]] == [True] * 5
    for _, writer in flood:
        writer.close()
    await asyncio.sleep(0)


async def test_the_bytes_of_all_connections_are_bounded(
    start_proxy: Start, start_host: StartHost, ask: Ask
) -> None:
    got = bytearray()

    async def serve(reader: Reader, writer: Writer) -> None:
        while data := await reader.read(65536):
            got.extend(data)
            writer.write(data)

    host = await start_host(serve)
    notes: list[str] = []
    _, port = await start_proxy(local_rules(host), notes.append, max_bytes=1000)
    streams = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
    for reader, writer in streams:
        writer.write(connect(f"127.0.0.1:{host}"))
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"x" * 250)
        assert await reader.readexactly(250) == b"x" * 250  # 250 there, and 250 back
    assert notes == []
    streams[0][1].write(b"y")
    for reader, _ in streams:
        with pytest.raises(ConnectionError):
            await reader.read()
    assert bytes(got) == b"x" * 500
    text = "the policy allows no more than 1000 bytes"
    answer = await ask(port, get(f"http://127.0.0.1:{host}/"))
    assert (status_of(answer), text_of(answer)) == (403, text + "\n")
    assert notes == [text]
    for _, writer in streams:
        writer.close()


async def test_the_bytes_of_requests_and_answers_count(
    start_proxy: Start, start_host: StartHost, ask: Ask
) -> None:
    recorder = Recorder()
    host = await start_host(recorder.serve)
    request = get(f"http://127.0.0.1:{host}/")
    notes: list[str] = []
    _, port = await start_proxy(local_rules(host), notes.append)
    answer = await ask(port, request)
    enough = len(recorder.seen[0]) + len(answer)
    for bound, told in ((enough, 0), (enough - 1, 1)):
        _, port = await start_proxy(local_rules(host), notes.append, max_bytes=bound)
        if told:
            with pytest.raises(ConnectionError):
                await ask(port, request)
        else:
            assert await ask(port, request) == answer
        assert len(notes) == told


async def test_notes_do_not_flood_the_platform(start_proxy: Start, ask: Ask) -> None:
    notes: list[str] = []
    _, port = await start_proxy([], notes.append)
    for number in range(1, 121):
        for _ in range(2):
            assert status_of(await ask(port, connect(f"example.com:{number}"))) == 403
    assert len(notes) == len(set(notes)) == 100


async def test_spent_bytes_are_told_however_much_was_told_before(
    start_proxy: Start, start_host: StartHost, ask: Ask
) -> None:
    recorder = Recorder()
    host = await start_host(recorder.serve)
    notes: list[str] = []
    _, port = await start_proxy(local_rules(host), notes.append, max_bytes=1)
    for number in range(1, 103):
        await ask(port, connect(f"example.com:{number}"))
    with pytest.raises(ConnectionError):
        await ask(port, get(f"http://127.0.0.1:{host}/"))
    assert notes[100:] == ["the policy allows no more than 1 bytes"]
    assert [bytes(it) for it in recorder.seen] in ([], [b""])
