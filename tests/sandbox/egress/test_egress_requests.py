"""What a hostile program may say to the proxy, byte by byte: heads, targets, bodies."""

import asyncio

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from blockyard_sandbox.egress import requests
from blockyard_sandbox.egress.hosts import read_host, written
from blockyard_sandbox.egress.requests import MAX_HEAD_BYTES, Refusal, read_request

from .plain_http import Ask, Recorder, Start, StartHost, get, local_rules, status_of, text_of


async def test_the_host_header_is_that_of_the_url(
    start_proxy: Start, start_host: StartHost, ask: Ask
) -> None:
    recorder = Recorder()
    host = await start_host(recorder.serve)
    _, port = await start_proxy(local_rules(host))
    request = (
        f"GET http://127.0.0.1:{host}/ HTTP/1.1\r\nHost: internal.example.net\r\n"
        "Connection: Host, Content-Length\r\nContent-Length: 3\r\n\r\nEND"
    )
    assert status_of(await ask(port, request.encode())) == 200
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
    recorder = Recorder()
    host = await start_host(recorder.serve)
    _, port = await start_proxy(local_rules(host))
    head = f"POST http://127.0.0.1:{host}/ HTTP/1.1\r\nHost: x\r\n"
    second = f"GET http://127.0.0.1:{host}/2 HTTP/1.1\r\nHost: x\r\nX: END\r\n\r\n"
    third = get("http://example.com/").decode()
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
    recorder = Recorder()
    host = await start_host(recorder.serve)
    _, port = await start_proxy(local_rules(host))
    request = head.format(f"http://127.0.0.1:{host}/") + "\r\n\r\nEND"
    answer = await ask(port, request.encode("latin-1"))
    assert status_of(answer) == status
    assert text_of(answer).count("\n") == 1
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
    recorder = Recorder()
    host = await start_host(recorder.serve)
    _, port = await start_proxy(local_rules(host))
    assert status_of(await ask(port, get(target.format(host)))) == 400
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
    recorder = Recorder()
    host = await start_host(recorder.serve)
    _, port = await start_proxy(local_rules(host))
    assert status_of(await ask(port, request_.format(host).encode())) == 400
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
    recorder = Recorder()
    host = await start_host(recorder.serve)
    _, port = await start_proxy(local_rules(host))
    request = f"POST http://127.0.0.1:{host}/ HTTP/1.1\r\nHost: x\r\n{body}"
    answer = await ask(port, request.encode(), True)
    assert status_of(answer) == 400
    assert text_of(answer) == "the body of the request is not what its head says\n"


async def test_a_head_cut_short_is_refused_and_silence_is_not_answered(
    start_proxy: Start, ask: Ask
) -> None:
    _, port = await start_proxy([])
    assert status_of(await ask(port, b"GET http://example.com/ HTTP/1.1\n\n", True)) == 400
    assert await ask(port, b"", True) == b""


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
