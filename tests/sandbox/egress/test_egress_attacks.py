"""What a hostile program may try against the proxy, byte by byte."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from blockyard_sandbox.egress import relay, requests
from blockyard_sandbox.egress.hosts import HostRule, read_host, written
from blockyard_sandbox.egress.proxy import EgressProxy
from blockyard_sandbox.egress.requests import MAX_HEAD_BYTES, Refusal, read_request

Start = Callable[..., Awaitable[tuple[EgressProxy, int]]]
StartHost = Callable[..., Awaitable[int]]
Ask = Callable[..., Awaitable[bytes]]
Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class _Recorder:
    """A host that keeps every byte it is sent, a connection each, and answers ``OK`` to the first head."""

    def __init__(self) -> None:
        self.seen: list[bytearray] = []

    async def serve(self, reader: Reader, writer: Writer) -> None:
        got = bytearray()
        self.seen.append(got)
        answered = False
        while data := await reader.read(65536):
            got += data
            if not answered and b"END" in got:
                answered = True
                writer.write(OK)
                await writer.drain()


def _local(port: int, host: str = "127.0.0.1") -> list[HostRule]:
    return [HostRule(host, (port,), private=True)]


def _status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def _text(answer: bytes) -> str:
    return answer.partition(b"\r\n\r\n")[2].decode()


def _connect(target: str) -> bytes:
    return f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode()


def _get(target: str) -> bytes:
    return f"GET {target} HTTP/1.1\r\nHost: example.com\r\nX-Last: END\r\n\r\n".encode()


@pytest.mark.parametrize(
    ("request_", "shown"),
    [
        (_connect("example.net:443"), "example.net:443"),
        (_connect("example.com:22"), "example.com:22"),
        (_connect("www.example.com:443"), "www.example.com:443"),
        (_connect("example.com.evil.example:443"), "example.com.evil.example:443"),
        (_connect("evilexample.com:443"), "evilexample.com:443"),
        (_connect("EXAMPLE.NET.:443"), "example.net:443"),
        (_connect("127.0.0.1:443"), "127.0.0.1:443"),
        (_connect("localhost:443"), "localhost:443"),
        (_connect("169.254.169.254:80"), "169.254.169.254:80"),
        (_connect("[::1]:443"), "[::1]:443"),
        (_connect("[::ffff:7f00:1]:443"), "[::ffff:127.0.0.1]:443"),
        (_connect("0.0.0.0:443"), "0.0.0.0:443"),
        (_get("http://example.com/"), "example.com:80"),
        (_get("http://169.254.169.254/latest/"), "169.254.169.254:80"),
        (_get("http://example.com.:8080?@example.net"), "example.com:8080"),
        (_get("http://[::]:443/"), "[::]:443"),
    ],
)
async def test_what_no_rule_names_is_refused(
    start_proxy: Start,
    ask: Ask,
    monkeypatch: pytest.MonkeyPatch,
    request_: bytes,
    shown: str,
) -> None:
    monkeypatch.delattr(asyncio.BaseEventLoop, "getaddrinfo")  # nothing is looked up either
    notes: list[str] = []
    _, port = await start_proxy([HostRule("example.com")], notes.append)
    answer = await ask(port, request_)
    text = f"the policy's hosts do not allow {shown} (FORBIDDEN_HOST 133)"
    assert _status(answer) == 403
    assert _text(answer) == text + "\n"
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
    recorder = _Recorder()
    port = await start_host(recorder.serve)
    rule = HostRule(host, (port,), private)
    notes: list[str] = []
    _, proxy_port = await start_proxy([rule], notes.append)
    shown = written(rule.host, port)
    text = f"the policy's hosts do not allow the address of {shown} (FORBIDDEN_HOST 133)"
    for request in (_connect(shown), _get(f"http://{shown}/")):
        answer = await ask(proxy_port, request)
        assert (_status(answer), _text(answer)) == (403, text + "\n")
    assert notes == [text]
    assert recorder.seen == []


@pytest.mark.parametrize(
    "host", ["2130706433", "127.1", "0x7f.1", "0x7f000001", "0177.0.0.1", "127.0.0.1.0", "0"]
)
async def test_odd_spellings_of_this_machine_are_bad_requests(
    start_proxy: Start, ask: Ask, host: str
) -> None:
    _, port = await start_proxy(_local(80))
    for request in (_connect(f"{host}:80"), _get(f"http://{host}/")):
        answer = await ask(port, request)
        assert _status(answer) == 400
        assert (
            _text(answer)
            == f"'{host}' is an odd spelling of an address; write it as four numbers\n"
        )


def _answering(*answers: list[str]) -> tuple[Callable[..., Awaitable[object]], list[str]]:
    """Give a resolver that answers differently each time, and the list of the names it is asked for."""
    asked: list[str] = []

    async def getaddrinfo(host: str, port: int, **_: object) -> object:
        asked.append(host)
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in answers[len(asked) - 1]
        ]

    return getaddrinfo, asked


async def test_a_name_is_looked_up_once_and_the_checked_address_is_used(
    start_proxy: Start, start_host: StartHost, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = _Recorder()
    host = await start_host(recorder.serve)
    resolve, asked = _answering(["127.0.0.1"], ["127.0.0.2"])
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    _, port = await start_proxy(_local(host, "rebind.example.com"))
    answer = await ask(port, _get(f"http://rebind.example.com:{host}/"))
    assert answer.endswith(b"\r\n\r\nok")
    assert asked == ["rebind.example.com"]
    assert len(recorder.seen) == 1


async def test_a_name_that_turns_private_is_refused(
    start_proxy: Start, start_host: StartHost, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = _Recorder()
    host = await start_host(recorder.serve)
    resolve, asked = _answering(["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["169.254.169.254"])
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    _, port = await start_proxy([HostRule("*.example.com", (host,))])
    for _ in range(3):
        answer = await ask(port, _get(f"http://rebind.example.com:{host}/"))
        assert _status(answer) == 403
        assert "the address of rebind.example.com" in _text(answer)
    assert len(asked) == 3
    assert recorder.seen == []


async def test_the_host_header_is_that_of_the_url(
    start_proxy: Start, start_host: StartHost, ask: Ask
) -> None:
    recorder = _Recorder()
    host = await start_host(recorder.serve)
    _, port = await start_proxy(_local(host))
    request = (
        f"GET http://127.0.0.1:{host}/ HTTP/1.1\r\nHost: internal.example.net\r\n"
        "Connection: Host, Content-Length\r\nContent-Length: 3\r\n\r\nEND"
    )
    assert _status(await ask(port, request.encode())) == 200
    wanted = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{host}\r\nContent-Length: 3\r\nConnection: close\r\n\r\nEND"
    assert recorder.seen[0].lower() == wanted.lower().encode()


@pytest.mark.parametrize(
    ("body", "sent_on"),
    [
        (
            "Content-Length: 3\r\n\r\nEND",
            "Content-Length: 3\r\nConnection: close\r\n\r\nEND",
        ),
        ("Content-Length: 3, 3\r\n\r\nEND", "Content-Length: 3\r\nConnection: close\r\n\r\nEND"),
        (
            "Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nEND\r\n0\r\nHost: evil\r\n\r\n",
            "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nEND\r\n0\r\n\r\n",
        ),
        ("X: END\r\n\r\n", "X: END\r\nConnection: close\r\n\r\n"),
    ],
)
async def test_no_second_request_follows_the_first(
    start_proxy: Start, start_host: StartHost, ask: Ask, body: str, sent_on: str
) -> None:
    recorder = _Recorder()
    host = await start_host(recorder.serve)
    _, port = await start_proxy(_local(host))
    head = f"POST http://127.0.0.1:{host}/ HTTP/1.1\r\nHost: x\r\n"
    second = f"GET http://127.0.0.1:{host}/2 HTTP/1.1\r\nHost: x\r\nX: END\r\n\r\n"
    third = _get("http://example.com/").decode()
    answer = await ask(port, (head + body + second + third).encode())
    assert answer.lower().count(b"http/1.1 200 ok") == 1
    assert answer.endswith(b"\r\n\r\nok")
    wanted = f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{host}\r\n{sent_on}"
    assert [bytes(it).lower() for it in recorder.seen] == [wanted.lower().encode()]


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("POST {} HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked", 400),
        ("POST {} HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4", 400),
        ("POST {} HTTP/1.1\r\nHost: x\r\nContent-Length: +3", 400),
        ("POST {} HTTP/1.1\r\nHost: x\r\nContent-Length: -1", 400),
        ("POST {} HTTP/1.1\r\nHost: x\r\nContent-Length : 3", 400),
        ("POST {} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked", 400),
        ("POST {} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked", 400),
        ("POST {} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\x0bchunked", 400),
        (
            "POST {} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            400,
        ),
        ("POST {} HTTP/1.0\r\nTransfer-Encoding: chunked", 400),
        ("GET {} HTTP/1.1\r\nHost: x\r\nHost: y", 400),
        ("GET {} HTTP/1.1", 400),
        ("GET {} HTTP/1.1\r\nHost: x\r\nA: b\r\n c", 400),
        ("GET {} HTTP/1.1\r\nHost: x\r\nA: b\r\n\tc", 400),
        ("GET {} HTTP/1.1\r\n Host: x", 400),
        ("GET {} HTTP/1.1\r\nHost: x\nA: b", 400),
        ("GET {} HTTP/1.1\nHost: x", 400),
        ("GET {} HTTP/1.1\r\nHost: x\r\nA: b\rc", 400),
        ("GET {} HTTP/1.1\r\nHost: x\r\nA: b\0c", 400),
        ("GET {}\0 HTTP/1.1\r\nHost: x", 400),
        ("GET {}\r HTTP/1.1\r\nHost: x", 400),
        ("GET {}\n HTTP/1.1\r\nHost: x", 400),
        ("GET {} x HTTP/1.1\r\nHost: x", 400),
        ("GET  {} HTTP/1.1\r\nHost: x", 400),
        ("GET {} HTTP/2.0\r\nHost: x", 400),
        ("GET {}", 400),
        ("G@T {} HTTP/1.1\r\nHost: x", 400),
        ("\r\nGET {} HTTP/1.1\r\nHost: x", 400),
        ("\x16\x03\x01\x02", 400),
        ("PRI * HTTP/2.0", 400),
        ("GET {}\xe9 HTTP/1.1\r\nHost: x", 400),
        ("GET {} HTTP/1.1\r\nHost: x\r\nA: " + "b" * MAX_HEAD_BYTES, 431),
        ("GET {}" + "b" * MAX_HEAD_BYTES + " HTTP/1.1\r\nHost: x", 431),
        ("GET {} HTTP/1.1\r\nHost: x" + "\r\nA: b" * MAX_HEAD_BYTES, 431),
    ],
)
async def test_a_head_that_can_be_read_in_two_ways_is_refused(
    start_proxy: Start, start_host: StartHost, ask: Ask, head: str, status: int
) -> None:
    recorder = _Recorder()
    host = await start_host(recorder.serve)
    _, port = await start_proxy(_local(host))
    request = head.format(f"http://127.0.0.1:{host}/") + "\r\n\r\nEND"
    answer = await ask(port, request.encode("latin-1"))
    assert _status(answer) == status
    assert _text(answer).count("\n") == 1
    assert recorder.seen == []


@pytest.mark.parametrize(
    "target",
    [
        "https://127.0.0.1:{}/",
        "ftp://127.0.0.1:{}/",
        "file:///etc/passwd",
        "//127.0.0.1:{}/",
        "/",
        "*",
        "127.0.0.1:{}",
        "http:/127.0.0.1:{}/",
        "http:127.0.0.1:{}/",
        "http://",
        "http:///",
        "http://:{}/",
        "http://user@127.0.0.1:{}/",
        "http://user:pass@127.0.0.1:{}/",
        "http://127.0.0.1:{}@example.net/",
        "http://127.0.0.1:{}\\@example.net/",
        "http://127.0.0.1:{}/\\x",
        "http://127.0.0.1:{}#@example.net/",
        "http://127.0.0.1:{}/#x",
        "http://127.0.0.1%3a{}/",
        "http://127.0.0.1%00:{}/",
        "http://127.0.0.1:{}%0d%0a/",
        "http://127.0.0.1:/",
        "http://127.0.0.1:0{}/",
        "http://127.0.0.1;:{}/",
    ],
)
async def test_a_target_that_is_no_plain_url_is_refused(
    start_proxy: Start, start_host: StartHost, ask: Ask, target: str
) -> None:
    recorder = _Recorder()
    host = await start_host(recorder.serve)
    _, port = await start_proxy(_local(host))
    assert _status(await ask(port, _get(target.format(host)))) == 400
    assert recorder.seen == []


@pytest.mark.parametrize(
    "request_",
    [
        "CONNECT http://127.0.0.1:{}/ HTTP/1.1\r\nHost: x\r\n\r\n",
        "CONNECT 127.0.0.1 HTTP/1.1\r\nHost: x\r\n\r\n",
        "CONNECT 127.0.0.1:{}/ HTTP/1.1\r\nHost: x\r\n\r\n",
        "CONNECT user@127.0.0.1:{} HTTP/1.1\r\nHost: x\r\n\r\n",
        "CONNECT 127.0.0.1:{},example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n",
        "CONNECT 127.0.0.1:{} HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nEND",
        "CONNECT 127.0.0.1:{} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "connect 127.0.0.1:{} HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
async def test_a_tunnel_goes_to_one_plain_host_and_port(
    start_proxy: Start, start_host: StartHost, ask: Ask, request_: str
) -> None:
    recorder = _Recorder()
    host = await start_host(recorder.serve)
    _, port = await start_proxy(_local(host))
    assert _status(await ask(port, request_.format(host).encode())) == 400
    assert recorder.seen == []


@pytest.mark.parametrize(
    "body",
    [
        "Transfer-Encoding: chunked\r\n\r\nzz\r\nEN",
        "Transfer-Encoding: chunked\r\n\r\n3\r\nABCDEF\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n-3\r\n",
        "Content-Length: 9\r\n\r\nEN",
    ],
)
async def test_a_body_that_is_not_what_its_head_says_is_refused(
    start_proxy: Start, start_host: StartHost, ask: Ask, body: str
) -> None:
    recorder = _Recorder()
    host = await start_host(recorder.serve)
    _, port = await start_proxy(_local(host))
    request = f"POST http://127.0.0.1:{host}/ HTTP/1.1\r\nHost: x\r\n{body}"
    answer = await ask(port, request.encode(), True)
    assert _status(answer) == 400
    assert _text(answer) == "the body of the request is not what its head says\n"


async def test_a_head_that_comes_slowly_or_not_at_all_is_given_up(
    start_proxy: Start, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "HEAD_SECONDS", 0.3)
    _, port = await start_proxy([])
    assert _status(await ask(port, b"")) == 408

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


async def test_a_head_cut_short_is_refused_and_silence_is_not_answered(
    start_proxy: Start, ask: Ask
) -> None:
    _, port = await start_proxy([])
    assert _status(await ask(port, b"GET http://example.com/ HTTP/1.1\n\n", True)) == 400
    assert await ask(port, b"", True) == b""


async def test_no_more_than_so_many_connections_are_served(
    start_proxy: Start, start_host: StartHost, ask: Ask
) -> None:
    recorder = _Recorder()
    host = await start_host(recorder.serve)
    _, port = await start_proxy(_local(host), max_connections=3)
    held: list[Writer] = []
    for _ in range(3):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(_connect(f"127.0.0.1:{host}"))
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        held.append(writer)
    for _ in range(3):
        answer = await ask(port, _connect(f"127.0.0.1:{host}"))
        assert _status(answer) == 503
        assert _text(answer) == "no more than 3 connections may be open\n"
    for writer in held:
        writer.close()
    while len(recorder.seen) < 4:  # until the proxy has seen that they are gone
        with suppress(ConnectionError):
            await ask(port, _get(f"http://127.0.0.1:{host}/"))
    assert (await ask(port, _get(f"http://127.0.0.1:{host}/"))).endswith(b"\r\n\r\nok")


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
    _, port = await start_proxy(_local(host), notes.append, max_bytes=1000)
    streams = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
    for reader, writer in streams:
        writer.write(_connect(f"127.0.0.1:{host}"))
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
    answer = await ask(port, _get(f"http://127.0.0.1:{host}/"))
    assert (_status(answer), _text(answer)) == (403, text + "\n")
    assert notes == [text]
    for _, writer in streams:
        writer.close()


async def test_the_bytes_of_requests_and_answers_count(
    start_proxy: Start, start_host: StartHost, ask: Ask
) -> None:
    recorder = _Recorder()
    host = await start_host(recorder.serve)
    request = _get(f"http://127.0.0.1:{host}/")
    notes: list[str] = []
    _, port = await start_proxy(_local(host), notes.append)
    answer = await ask(port, request)
    enough = len(recorder.seen[0]) + len(answer)
    for bound, told in ((enough, 0), (enough - 1, 1)):
        _, port = await start_proxy(_local(host), notes.append, max_bytes=bound)
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
            assert _status(await ask(port, _connect(f"example.com:{number}"))) == 403
    assert len(notes) == len(set(notes)) == 100


async def test_spent_bytes_are_told_however_much_was_told_before(
    start_proxy: Start, start_host: StartHost, ask: Ask
) -> None:
    recorder = _Recorder()
    host = await start_host(recorder.serve)
    notes: list[str] = []
    _, port = await start_proxy(_local(host), notes.append, max_bytes=1)
    for number in range(1, 103):
        await ask(port, _connect(f"example.com:{number}"))
    with pytest.raises(ConnectionError):
        await ask(port, _get(f"http://127.0.0.1:{host}/"))
    assert notes[100:] == ["the policy allows no more than 1 bytes"]
    assert [bytes(it) for it in recorder.seen] in ([], [b""])


PIECES = (
    (b"GET ", b"CONNECT ", b"http://", b"example.com", b":80", b"[::1]", b"/", b"?", b"@", b"#"),
    (b" HTTP/1.1", b" HTTP/1.0", b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b"Host: x"),
    (b"Content-Length: 1", b"Transfer-Encoding: chunked", b"127.1", b"\xff", b"*."),
)
PIECE = st.sampled_from([piece for some in PIECES for piece in some]) | st.binary(max_size=4)
HEADS = st.lists(PIECE, max_size=20).map(b"".join)
TARGETS = st.lists(PIECE, max_size=8).map(b"".join)


def _read(head: bytes) -> requests.Asked | Refusal | None:
    async def read() -> requests.Asked | Refusal | None:
        reader = asyncio.StreamReader(limit=MAX_HEAD_BYTES)
        reader.feed_data(head + b"\r\n\r\n")
        reader.feed_eof()
        try:
            return await read_request(reader)
        except Refusal as refusal:
            return refusal

    return asyncio.run(read())


@given(
    HEADS
    | TARGETS.map(lambda it: b"GET http://%s HTTP/1.1\r\nHost: x" % it)
    | TARGETS.map(lambda it: b"CONNECT %s HTTP/1.0" % it)
)
@example(b"GET http://example.com HTTP/1.1\r\nHost: x")
@example(b"GET http://[::1]?/x HTTP/1.0\r\nHost: x")
@example(b"CONNECT [::1]:80 HTTP/1.0")
def test_any_head_is_refused_or_plain(head: bytes) -> None:
    asked = _read(head)
    assert asked is not None
    if isinstance(asked, Refusal):
        assert asked.text.isascii()
        assert asked.text.isprintable()
        return
    assert read_host(written(asked.host, asked.port)) == (asked.host, asked.port)
    if asked.onward is not None:
        hosts = [value for name, value in asked.onward.headers if name == b"host"]
        host, port = read_host(hosts[0].decode())
        assert (len(hosts), host, port or 80) == (1, asked.host, asked.port)
        assert asked.onward.target.startswith(b"/")
