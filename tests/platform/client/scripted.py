"""A server that answers each request with the next bytes of a script, whatever they are, and notes what it was sent."""

import socket
import ssl
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Thread
from typing import Self

Piece = bytes | Iterable[bytes]


@dataclass
class Scripted:
    """A listening socket; an answer is bytes, or pieces, after which the connection is closed."""

    answers: list[Piece]
    context: ssl.SSLContext | None = None
    heads: list[str] = field(default_factory=list[str])
    bodies: list[bytes] = field(default_factory=list[bytes])

    def __post_init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = Thread(target=self._serve, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self._thread.join(timeout=120)

    def _serve(self) -> None:
        left: Iterator[Piece] = iter(self.answers)
        try:
            while True:
                # Closing a socket does not wake who waits in accept.
                self._socket.settimeout(0.05)
                try:
                    connection, _ = self._socket.accept()
                except TimeoutError:
                    continue
                connection.settimeout(120)
                with connection, suppress(OSError):
                    if self.context is None:
                        self._answer(connection, next(left, b""))
                        continue
                    with self.context.wrap_socket(connection, server_side=True) as wrapped:
                        self._answer(wrapped, next(left, b""))
        except OSError:
            return

    def _answer(self, connection: socket.socket, answer: Piece) -> None:
        self._read(connection)
        for piece in [answer] if isinstance(answer, bytes) else answer:
            connection.sendall(piece)

    def _read(self, connection: socket.socket) -> None:
        data = b""
        while b"\r\n\r\n" not in data:
            data += _piece(connection)
        head, _, body = data.partition(b"\r\n\r\n")
        words = head.decode().lower().split("content-length: ")
        length = int(words[1].split("\r\n")[0]) if len(words) > 1 else 0
        while len(body) < length:
            body += _piece(connection)
        self.heads.append(head.decode())
        self.bodies.append(body)


def _piece(connection: socket.socket) -> bytes:
    piece = connection.recv(65_536)
    if not piece:
        raise ConnectionError("whoever asked has gone")
    return piece


def answer(body: bytes | str, status: str = "200 OK", *headers: str) -> bytes:
    """Return an answer as bytes."""
    data = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(data)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


def problem(status: int, rule: str, detail: str = "no", *headers: str) -> bytes:
    """Return a problem document as bytes."""
    body = (
        f'{{"type":"urn:blockyard:problem:{rule}","title":"t","status":{status},'
        f'"detail":"{detail}","instance":"urn:uuid:1"}}'
    )
    return answer(body, f"{status} X", "Content-Type: application/problem+json", *headers)
