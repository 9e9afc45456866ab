"""Servers that mean no good, or are not what they are taken for."""

import socket
from collections.abc import Iterator

import pytest

from blockyard_platform.client import (
    ONCE,
    AsyncClient,
    BadAnswerError,
    Client,
    ForbiddenError,
    InvalidError,
    NotEndedError,
    NotFoundError,
    ServerError,
    ThrottledError,
    UnauthorizedError,
    UnreachableError,
    calls,
    flows,
)
from blockyard_platform.client.sse import MOST_BYTES, Parser

from .scripted import Piece, Scripted, answer, problem

RUN = (
    '{"id":"r","tenant":"t","workflow":"w","version":null,"state":"%s","status":"%s","origin":"api",'
    '"priority":0,"author":null,"created":"2026-01-01T00:00:00Z","ended":null,"params":{},"policy":1,'
    '"concurrency":null,"cpu_seconds":0,"outputs":{},"problems":[],"jobs":{},"waits":[],"queued":null}'
)
ENDED, RUNNING = answer(RUN % ("ended", "SUCCESS")), answer(RUN % ("running", "WAIT"))
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
CHUNKED = STREAM.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n")
NONE = answer('{"items":[]}')


def event(seq: int, more: str = "") -> bytes:
    data = f'{{"at":1.5,"path":"a"{more}}}'
    return f"id: {seq}\nevent: log\ndata: {data}\n\n".encode()


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def client(server: Scripted, **more: object) -> Client:
    return Client(server.url, "token", tenant="t", **{"retry": ONCE} | more)  # type: ignore[arg-type]


def raises(error: type[Exception], words: str) -> pytest.RaisesExc[Exception]:
    return pytest.raises(error, match=words)


@pytest.mark.parametrize(
    ("said", "error", "words"),
    [
        (answer("{"), BadAnswerError, "not what this API gives"),
        (answer("<html>hello</html>"), BadAnswerError, "not what this API gives"),
        (answer("[" * 100_000), BadAnswerError, "not what this API gives"),
        (answer('{"id": "r"}'), BadAnswerError, "Field required at tenant"),
        (answer(b"\xff\xfe"), BadAnswerError, "not what this API gives"),
        (answer("x", "200 OK", "Content-Encoding: gzip"), BadAnswerError, "compressed"),
        (answer("", "302 Found", "Location: http://evil.example/"), BadAnswerError, "elsewhere"),
        (answer("", "307 X", "Location: /api/v1/me"), BadAnswerError, "elsewhere"),
        (answer("", "199 X"), UnreachableError, "no answer came"),
        (answer("", "304 X"), BadAnswerError, "elsewhere"),
        (answer("gateway", "502 Bad Gateway"), ServerError, "status 502 .Bad Gateway., and not"),
        (answer("x", "599 X"), ServerError, "an unknown status"),
        (answer("x", "401 X"), UnauthorizedError, "not from the service"),
        (answer('{"status": 200}', "403 X"), ForbiddenError, "not from the service"),
        (problem(403, "not-admitted"), ForbiddenError, "no"),
        (problem(418, "tea"), InvalidError, "no"),
        (problem(429, "throttled", "slow", "Retry-After: 1e9"), ThrottledError, "slow"),
        (b"", UnreachableError, "no answer came"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", UnreachableError, "no answer came"),
        (b"SSH-2.0-OpenSSH_9\r\n", UnreachableError, "no answer came"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: " + b"x" * 200_000, UnreachableError, "no answer came"),
    ],
)  # fmt: skip
def test_an_answer_that_is_none(said: Piece, error: type[Exception], words: str) -> None:
    with Scripted([said]) as server, client(server) as it:
        with pytest.raises(error, match=words) as caught:
            it.get_run("r")
        assert type(caught.value) is error
        assert len(server.heads) == 1


async def test_the_other_client_finds_the_same() -> None:
    with Scripted([answer("{"), answer("", "302 X", "Location: /x"), b""]) as server:
        async with AsyncClient(server.url, "token", tenant="t", retry=ONCE) as it:
            with pytest.raises(BadAnswerError, match="not what this API gives"):
                await it.get_run("r")
            with pytest.raises(BadAnswerError, match="elsewhere"):
                await it.get_run("r")
            with pytest.raises(UnreachableError, match="no answer came"):
                await it.get_run("r")


def test_an_answer_without_end_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def endless() -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
        while True:
            yield b"[" * 1024 * 1024

    words = f"longer than {calls.MOST_BYTES} bytes"
    with Scripted([endless()]) as server, client(server) as it, raises(BadAnswerError, words):
        it.get_run("r")

    def slow() -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n\r\n"
        for _ in range(1000):
            yield b" "

    monkeypatch.setattr(flows, "MOST_SECONDS", -1)
    with Scripted([slow()]) as server, client(server) as it, raises(UnreachableError, "had not"):
        it.get_run("r")


def test_cookies_and_variables_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    kept = answer(RUN % ("ended", "SUCCESS"), "200 OK", "Set-Cookie: a=b; Path=/")
    with Scripted([kept, ENDED]) as server, client(server) as it:
        it.get_run("r")
        it.get_run("r")
    assert "cookie" not in server.heads[1].lower()
    assert "accept-encoding: identity" in server.heads[0].lower()


def test_a_server_that_is_not_there_is_named() -> None:
    with socket.socket() as taken:  # it does not listen, and nobody else can have its port
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with (
            Client(url, "token", tenant="t", retry=ONCE) as it,
            pytest.raises(UnreachableError, match="cannot reach") as caught,
        ):
            it.get_run("r")
    assert (caught.value.sent, url in str(caught.value)) == (False, True)


def test_a_submission_is_sent_again_with_the_same_key() -> None:
    with Scripted([b"", ENDED]) as server, Client(server.url, "token", tenant="t") as it:
        assert it.submit("name: x").id == "r"
    keys = [
        line.partition(": ")[2]
        for head in server.heads
        for line in head.split("\r\n")
        if line.lower().startswith("idempotency-key")
    ]
    assert len(keys) == 2
    assert keys[0] == keys[1]
    assert len(keys[0]) == 32
    assert server.bodies[0] == server.bodies[1]


def test_a_stream_goes_on_where_it_broke_off() -> None:
    script: list[Piece] = [
        STREAM + event(1) + event(2)[:-10],
        CHUNKED + chunk(event(2)) + chunk(b": nothing new\n\n") + chunk(event(2)) + b"5\r\nid",
        problem(503, "store"),
        CHUNKED + chunk(event(1)) + chunk(event(3)) + b"0\r\n\r\n",
        RUNNING,
        CHUNKED + b"0\r\n\r\n",
        ENDED,
        answer('{"items":[{"seq":9,"at":"2026-01-01T00:00:00Z","kind":"log","path":"a","data":{}}]}'),
        NONE,
    ]  # fmt: skip
    # A body that ends with its connection has ended in order, as far as HTTP goes: the run is asked.
    script.insert(1, RUNNING)
    with Scripted(script) as server, client(server) as it:
        found = list(it.events("r"))
    assert [each.seq for each in found] == [1, 2, 3, 9]
    assert found[0].data == {}
    last = [
        line for head in server.heads for line in head.split("\r\n") if "last-event" in line.lower()
    ]
    assert [line[-1] for line in last] == ["1", "2", "2", "3"]


@pytest.mark.parametrize(
    "said",
    [
        answer("{}"),
        STREAM + b"id: 1\ndata: {\n\n",
        STREAM + b"id: x\ndata: {}\n\n",
        STREAM + b'id: 1\ndata: {"at": "never", "path": "a"}\n\n',
        STREAM + b"id: 99999999999999999999\ndata: {}\n\n",
        STREAM + b"data: {}\n\n",
        STREAM + b"data: " + b"x" * (MOST_BYTES + 10),
        STREAM + b"data: x\n" * (MOST_BYTES // 5),
    ],
)
def test_a_stream_that_is_none(said: bytes) -> None:
    with Scripted([said]) as server, client(server) as it, pytest.raises(BadAnswerError):
        list(it.events("r"))


def test_a_stream_that_never_goes_on_is_given_up() -> None:
    with Scripted([b""] * 5) as server, client(server, patient=ONCE) as it:
        with pytest.raises(UnreachableError):
            list(it.events("r"))
        assert len(server.heads) == 1
    gone = problem(404, "not-found")
    with Scripted([gone]) as server, client(server) as it, raises(NotFoundError, "no"):
        list(it.events("r"))


def test_a_wait_that_the_server_does_not_keep_has_an_end() -> None:
    with Scripted([RUNNING] * 5) as server, client(server) as it:
        with pytest.raises(NotEndedError) as caught:
            it.wait("r", timeout=0)
        assert isinstance(caught.value, TimeoutError)
    assert "wait=0.000" in server.heads[0]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_events_are_read_from_pieces_of_any_size(end: bytes, size: int) -> None:
    lines = [
        b"id: 1",
        b"event: x",
        b"data: a",
        b"data:b",
        b"",
        b": c",
        b"",
        b"data: last",
        b"",
        b"",
    ]
    text = end.join(lines) + (b"\n" if end == b"\r" else b"")
    parser = Parser()
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    found = [it for piece in pieces for it in parser.feed(piece)]
    assert [(it.id, it.kind, it.data) for it in found] == [
        ("1", "x", "a\nb"),
        ("", "message", "last"),
    ]
