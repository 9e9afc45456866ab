"""What a jailed program asks the proxy for: the head of one request, read strictly, as hostile as it may be."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus

import h11

from .hosts import read_host, written

MAX_HEAD_BYTES = 16 * 1024
HEAD_SECONDS = 10.0

_HTTP = b"http://"
_HTTP_PORT = 80

# What belongs to one connection and not to the message, RFC 9110 section 7.6.1; lengths and hosts are set anew.
_OURS = frozenset(
    (
        b"connection",
        b"content-length",
        b"host",
        b"keep-alive",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)


class Refusal(Exception):
    """A request is not served; the program is told why, in one line."""

    def __init__(self, status: HTTPStatus, text: str) -> None:
        """Keep the status of the answer and its text."""
        super().__init__(text)
        self.status = status
        self.text = text


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: where it goes, the connection that goes on reading its body, and what is sent on, ``None`` for a tunnel."""

    host: str
    port: int
    protocol: h11.Connection
    onward: h11.Request | None


async def read_request(reader: asyncio.StreamReader) -> Asked | None:
    """Read one head, of at most ``MAX_HEAD_BYTES``; ``None`` when nothing was sent.

    Raises ``Refusal``: 400 for what is not plain HTTP/1, 408 after ``HEAD_SECONDS``, 431 for a head that is too large.
    """
    try:
        async with asyncio.timeout(HEAD_SECONDS):
            head = await reader.readuntil(b"\r\n\r\n")
    except TimeoutError:
        raise Refusal(
            HTTPStatus.REQUEST_TIMEOUT, "the head of the request came too slowly"
        ) from None
    except asyncio.LimitOverrunError:
        raise _too_large() from None
    except asyncio.IncompleteReadError as error:
        if not error.partial:
            return None
        raise _bad("the request ends within its head") from None
    if len(head) > MAX_HEAD_BYTES:
        raise _too_large()
    _check_lines(head)
    protocol, request = _parse(head)
    if request.method == b"CONNECT":
        return _tunnel(protocol, request)
    return _forward(protocol, request)


def message_headers(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Keep the headers that belong to the message and are passed on; names are in lower case.

    What says how long the message is, and whom it is for, is not among them.
    """
    given = list(headers)
    named = {
        token.strip().lower()
        for name, value in given
        if name == b"connection"
        for token in value.split(b",")
    }
    return [
        (name, value)
        for name, value in given
        if name not in _OURS and name not in named and not name.startswith(b"proxy-")
    ]


def framing(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Keep the one header that says where a body ends, if there is one; chunks win, as in RFC 9112 section 6.3."""
    given = dict(headers)
    for name in (b"transfer-encoding", b"content-length"):
        if name in given:
            return [(name, given[name])]
    return []


def _check_lines(head: bytes) -> None:
    """Refuse what servers read differently from one another, and h11 lets pass."""
    if b"\0" in head:
        raise _bad("the head of the request holds a NUL")
    lines = head.split(b"\r\n")
    if any(b"\n" in line or b"\r" in line for line in lines):
        raise _bad("a line of the head does not end with CR LF")
    if any(line.startswith((b" ", b"\t")) for line in lines):
        raise _bad("a header is folded onto a second line")


def _parse(head: bytes) -> tuple[h11.Connection, h11.Request]:
    protocol = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)
    try:
        protocol.receive_data(head)
        request = protocol.next_event()
    except h11.RemoteProtocolError as error:
        raise _bad(f"the request is not HTTP/1.1: {ascii(str(error)[:100])[1:-1]}") from None
    if not isinstance(request, h11.Request):
        raise _bad("there is no request")
    if request.http_version not in (b"1.0", b"1.1"):
        raise _bad("the request is not HTTP/1.0 or HTTP/1.1")
    names = {name for name, _ in request.headers}
    chunked = b"transfer-encoding" in names
    if chunked and b"content-length" in names:
        raise _bad("the request has both Content-Length and Transfer-Encoding")
    if chunked and request.http_version != b"1.1":
        raise _bad("only HTTP/1.1 knows Transfer-Encoding")
    return protocol, request


def _tunnel(protocol: h11.Connection, request: h11.Request) -> Asked:
    if framing(request.headers):
        raise _bad("CONNECT has no body")
    host, port = _authority(request.target)
    if port is None:
        raise _bad("CONNECT names no port")
    return Asked(host, port, protocol, None)


def _forward(protocol: h11.Connection, request: h11.Request) -> Asked:
    """Turn ``http://host/path`` into a request for ``/path``, whose Host is the one that is checked."""
    target = request.target
    if target[: len(_HTTP)].lower() != _HTTP:
        raise _bad("this is a proxy: ask for http://host/path, or CONNECT host:port for all else")
    if b"#" in target or b"\\" in target:
        raise _bad("the address of the request is not a URL")
    rest = target[len(_HTTP) :]
    end = min((at for at in (rest.find(b"/"), rest.find(b"?")) if at >= 0), default=len(rest))
    host, port = _authority(rest[:end])
    path = rest[end:] if rest[end : end + 1] == b"/" else b"/" + rest[end:]
    port = _HTTP_PORT if port is None else port
    shown = written(host, port).removesuffix(f":{_HTTP_PORT}")
    headers = [
        (b"host", shown.encode("ascii")),
        *message_headers(request.headers),
        *framing(request.headers),
        (b"connection", b"close"),
    ]
    onward = h11.Request(method=request.method, target=path, headers=headers)
    return Asked(host, port, protocol, onward)


def _authority(text: bytes) -> tuple[str, int | None]:
    try:
        return read_host(text.decode("ascii"))
    except UnicodeDecodeError:
        raise _bad("the host is not ASCII") from None
    except ValueError as error:
        raise _bad(str(error)) from None


def _bad(text: str) -> Refusal:
    return Refusal(HTTPStatus.BAD_REQUEST, text)


def _too_large() -> Refusal:
    text = f"the head of the request is larger than {MAX_HEAD_BYTES} bytes"
    return Refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, text)
