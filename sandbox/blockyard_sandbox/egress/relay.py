"""Bytes between a jailed program and a host: tunnels, and single requests with their answers. Nothing piles up."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

import h11

from .requests import Refusal, framing, message_headers

if TYPE_CHECKING:
    from collections.abc import Coroutine

    Message = h11.Request | h11.InformationalResponse | h11.Response | h11.Data | h11.EndOfMessage

IDLE_SECONDS = 60.0
LINGER_SECONDS = 2.0

_PIECE = 64 * 1024
_MAX_ANSWER_HEAD = 64 * 1024
_ESTABLISHED = b"HTTP/1.1 200 Connection Established\r\n\r\n"


class Spent(Exception):
    """No more bytes may pass."""


class Meter:
    """Counts the bytes that pass in either direction, over all connections; ``when_spent`` is called once."""

    def __init__(self, max_bytes: int | None, when_spent: Callable[[], None]) -> None:
        """Start at nothing; ``None`` is no bound."""
        self._left = max_bytes
        self._when_spent = when_spent
        self.spent = False

    def take(self, count: int) -> None:
        """Count bytes that are about to pass; raises ``Spent`` when they may not."""
        if self._left is None:
            return
        if not self.spent and count <= self._left:
            self._left -= count
            return
        if not self.spent:
            self.spent = True
            self._when_spent()
        raise Spent


class Streams(NamedTuple):
    """The two halves of one connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


async def tunnel(client: Streams, host: Streams, meter: Meter) -> None:
    """Pass bytes both ways until both sides have ended; the end of one is passed on, and the other goes on.

    Raises ``OSError`` when a connection breaks, and ``Spent``.
    """
    client.writer.write(_ESTABLISHED)
    await client.writer.drain()
    await _together(
        _pump(client.reader, host.writer, meter), _pump(host.reader, client.writer, meter)
    )


async def forward(
    request: h11.Request, asking: h11.Connection, client: Streams, host: Streams, meter: Meter
) -> None:
    """Send one request and its body to a host, and the answer back; ``asking`` has read the head of the request.

    Raises ``Refusal`` (400, 502, 504) while nothing was answered, later ``ConnectionError``; ``OSError`` and ``Spent``.
    """
    answering = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_ANSWER_HEAD)
    try:
        async with asyncio.timeout(IDLE_SECONDS) as idle:
            near = _Side(asking, client, meter, idle)
            far = _Side(answering, host, meter, idle)
            await _exchange(request, near, far)
    except (TimeoutError, ConnectionError, h11.ProtocolError) as error:
        if asking.our_state is not h11.SEND_RESPONSE:
            raise ConnectionError("the answer was cut short") from error
        raise _refusal(error, asking) from None


async def part(streams: Streams) -> None:
    """Close a connection once what was written has left; what still comes in is thrown away, for ``LINGER_SECONDS``.

    To close over unread input would reset the connection, and the other side might lose the last answer.
    """
    with suppress(OSError):
        streams.writer.transport.set_write_buffer_limits(0)
        async with asyncio.timeout(IDLE_SECONDS):
            await streams.writer.drain()
        streams.writer.write_eof()
        async with asyncio.timeout(LINGER_SECONDS):
            while await streams.reader.read(_PIECE):
                pass
    streams.writer.transport.abort()


def reset(streams: Streams) -> None:
    """Break a connection off, unless it is closed already; the other side sees that it is broken, and not an end."""
    transport = streams.writer.transport
    if transport.is_closing():
        return
    with suppress(OSError):
        at_once = struct.pack("ii", 1, 0)
        streams.writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, at_once
        )
    transport.abort()


class _Side:
    """One side of a forwarded request: its HTTP, its connection, and the clock that ends both when nothing moves."""

    def __init__(
        self, protocol: h11.Connection, streams: Streams, meter: Meter, idle: asyncio.Timeout
    ) -> None:
        self.protocol = protocol
        self._streams = streams
        self._meter = meter
        self._idle = idle

    async def next(self) -> object:
        """Read the next event; raises ``h11.RemoteProtocolError``."""
        while (event := self.protocol.next_event()) is h11.NEED_DATA:
            self.protocol.receive_data(await self._streams.reader.read(_PIECE))
        return event

    async def send(self, event: Message) -> None:
        """Write an event, and wait until there is room for more."""
        data = self.protocol.send(event)
        if data:
            self._meter.take(len(data))
            self._streams.writer.write(data)
            await self._streams.writer.drain()
            self._idle.reschedule(asyncio.get_running_loop().time() + IDLE_SECONDS)


async def _exchange(request: h11.Request, near: _Side, far: _Side) -> None:
    """Send the body while the answer comes; an answer that is complete ends both."""
    upload = asyncio.create_task(_send_request(request, near, far))
    answer = asyncio.create_task(_send_answer(near, far))
    try:
        await asyncio.wait((upload, answer), return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            upload.result()
        await answer
    finally:
        await _end((upload, answer))


async def _send_request(request: h11.Request, near: _Side, far: _Side) -> None:
    await _send_far(far, request)
    while True:
        event = await near.next()
        if isinstance(event, h11.Data):
            await _send_far(far, h11.Data(data=bytes(event.data)))
        elif isinstance(event, h11.EndOfMessage):
            await _send_far(far, h11.EndOfMessage())
            return
        else:
            raise h11.RemoteProtocolError("the body of the request is cut short")


async def _send_far(far: _Side, event: Message) -> None:
    """Write to a host; one that no longer listens may have answered already."""
    with suppress(ConnectionError):
        await far.send(event)


async def _send_answer(near: _Side, far: _Side) -> None:
    while True:
        event = await far.next()
        if isinstance(event, h11.InformationalResponse):
            if near.protocol.their_http_version != b"1.0":
                await near.send(_cleaned(event))
        elif isinstance(event, h11.Response):
            await near.send(_answer_head(event))
        elif isinstance(event, h11.Data):
            await near.send(h11.Data(data=bytes(event.data)))
        elif isinstance(event, h11.EndOfMessage):
            await near.send(h11.EndOfMessage())
            return
        else:
            raise h11.RemoteProtocolError("the answer is cut short")


def _cleaned(event: h11.InformationalResponse) -> h11.InformationalResponse:
    headers = message_headers(event.headers)
    return h11.InformationalResponse(status_code=event.status_code, headers=headers)


def _answer_head(event: h11.Response) -> h11.Response:
    headers = [*message_headers(event.headers), *framing(event.headers), (b"connection", b"close")]
    return h11.Response(status_code=event.status_code, headers=headers, reason=event.reason)


def _refusal(error: Exception, asking: h11.Connection) -> Refusal:
    if isinstance(error, TimeoutError):
        return Refusal(HTTPStatus.GATEWAY_TIMEOUT, "the host does not answer")
    if asking.their_state is h11.ERROR:
        return Refusal(HTTPStatus.BAD_REQUEST, "the body of the request is not what its head says")
    return Refusal(HTTPStatus.BAD_GATEWAY, "the host's answer is not HTTP/1.1, or is cut short")


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, meter: Meter) -> None:
    while data := await reader.read(_PIECE):
        meter.take(len(data))
        writer.write(data)
        await writer.drain()
    writer.write_eof()


async def _together(*parts: Coroutine[object, object, None]) -> None:
    """Run until all have ended, or until one raises, which ends the others too."""
    tasks = tuple(asyncio.create_task(part) for part in parts)
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
    finally:
        await _end(tasks)


async def _end(tasks: tuple[asyncio.Task[None], ...]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
