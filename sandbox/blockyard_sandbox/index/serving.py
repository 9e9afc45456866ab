"""HTTP/1.1 towards the jail: reads requests of hostile clients, sends replies, and bounds both in size and time."""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass

import h11

LARGEST_HEAD = 16 << 10
"""Bytes of a request's line and headers."""
IDLE_SECONDS = 75.0
"""Seconds in which a connection must send a whole request, counted from the reply before it."""
_WRITE_SECONDS = 120.0
_CLOSE_SECONDS = 20.0
_READ = 16 << 10
Headers = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Request:
    """A GET or HEAD without a body. Names of headers are in lower case; of several with one name the last counts."""

    method: str
    target: str
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Reply:
    """What is sent back. With ``body`` a generator, the headers tell its length, or else it is sent in chunks."""

    status: int
    headers: Headers
    body: bytes | AsyncGenerator[bytes] = b""


Answerer = Callable[[Request, AsyncExitStack], Awaitable[Reply]]
"""Makes the reply to a request; what the body needs is put on the stack, which is closed when it is sent."""


def text_reply(status: int, text: str, *headers: tuple[str, str]) -> Reply:
    """Return a reply of one line of text."""
    body = text.encode(errors="replace") + b"\n"
    plain = [("content-type", "text/plain; charset=utf-8"), ("content-length", str(len(body)))]
    return Reply(status, [*plain, *headers], body)


async def serve(reader: StreamReader, writer: StreamWriter, answer: Answerer) -> None:
    """Serve one connection until either side ends it; then it is closed.

    Raises what ``answer`` and the body of its reply raise, unless that is an OSError: then the reply was cut short.
    """
    try:
        await _Exchange(reader, writer, answer).run()
        writer.close()
        async with asyncio.timeout(_CLOSE_SECONDS):
            await writer.wait_closed()
    except (OSError, TimeoutError, h11.ProtocolError):
        pass
    finally:
        # A reply that was cut short must not look whole, and one that nobody reads must not be kept.
        writer.transport.abort()


class _Exchange:
    """The requests of one connection, one after another."""

    def __init__(self, reader: StreamReader, writer: StreamWriter, answer: Answerer) -> None:
        self._reader = reader
        self._writer = writer
        self._answer = answer
        self._bodiless = False
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=LARGEST_HEAD)

    async def run(self) -> None:
        while await self._one():
            self._http.start_next_cycle()

    async def _one(self) -> bool:
        """Serve one request; return whether another may follow."""
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                request = await self._request()
        except h11.RemoteProtocolError as error:
            if self._http.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
                await self._send(text_reply(error.error_status_hint, "not HTTP/1.1"), last=True)
            return False
        if request is None:
            return False
        if isinstance(request, Reply):
            await self._send(request, last=True)
            return False
        self._bodiless = request.method == "HEAD"
        async with AsyncExitStack() as stack:
            await self._send(await self._answer(request, stack))
        return self._http.our_state is h11.DONE and self._http.their_state is h11.DONE

    async def _request(self) -> Request | Reply | None:
        """Return the next request, or the reply to one that is refused, or ``None`` at the end."""
        head = await self._event()
        if not isinstance(head, h11.Request):
            return None
        method = head.method.decode("ascii")
        if method not in {"GET", "HEAD"}:
            return text_reply(405, "only GET and HEAD are served", ("allow", "GET, HEAD"))
        if not isinstance(await self._event(), h11.EndOfMessage):
            return text_reply(400, "a request has no body here")
        headers = {name.decode("ascii"): text.decode("latin-1") for name, text in head.headers}
        return Request(method, head.target.decode("latin-1"), headers)

    async def _event(self) -> object:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(await self._reader.read(_READ))
        return event

    async def _send(self, reply: Reply, *, last: bool = False) -> None:
        headers = [*reply.headers, ("connection", "close")] if last else reply.headers
        await self._write(h11.Response(status_code=reply.status, headers=headers))
        bodiless = self._bodiless or reply.status == 304
        if isinstance(reply.body, bytes):
            if reply.body and not bodiless:
                await self._write(h11.Data(data=reply.body))
        else:
            async with aclosing(reply.body) as chunks:
                if not bodiless:
                    async for chunk in chunks:
                        await self._write(h11.Data(data=chunk))
        await self._write(h11.EndOfMessage())

    async def _write(self, event: h11.Response | h11.Data | h11.EndOfMessage) -> None:
        if sent := self._http.send(event):
            self._writer.write(sent)
            async with asyncio.timeout(_WRITE_SECONDS):
                await self._writer.drain()
