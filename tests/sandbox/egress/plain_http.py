"""Requests byte by byte, answers taken apart, and a host that keeps what it is sent."""

import asyncio
from collections.abc import Awaitable, Callable

from blockyard_sandbox.egress.hosts import HostRule
from blockyard_sandbox.egress.proxy import EgressProxy

Start = Callable[..., Awaitable[tuple[EgressProxy, int]]]
StartHost = Callable[..., Awaitable[int]]
Ask = Callable[..., Awaitable[bytes]]
Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Recorder:
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


def local_rules(port: int, host: str = "127.0.0.1") -> list[HostRule]:
    return [HostRule(host, (port,), private=True)]


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def text_of(answer: bytes) -> str:
    return answer.partition(b"\r\n\r\n")[2].decode()


def parts_of(answer: bytes) -> tuple[bytes, dict[bytes, bytes], bytes]:
    """Part an answer into its first line, its headers in lower case, and its body."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    headers = {
        name.lower(): value.strip() for name, _, value in (it.partition(b":") for it in lines)
    }
    return first, headers, body


def connect(target: str) -> bytes:
    return f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode()


def get(target: str) -> bytes:
    return f"GET {target} HTTP/1.1\r\nHost: example.com\r\nX-Last: END\r\n\r\n".encode()
