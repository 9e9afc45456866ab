"""An HTTP proxy in the platform's process: the only way out of a jail, to the hosts that the policy grants."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING

from blockyard_schemas.statuses import Code

from .addresses import addresses_allowed
from .connecting import Lookups, connected
from .hosts import HostRule, allowing, written
from .relay import Meter, Spent, Streams, forward, part, reset, tunnel
from .requests import MAX_HEAD_BYTES, Asked, Refusal, read_request

if TYPE_CHECKING:
    from collections.abc import Coroutine

_MOST_NOTES = 100


class EgressProxy:
    """Serves ``CONNECT host:port`` and ``GET http://host/path``, one request a connection, on the running event loop.

    ``max_connections`` are served at a time, and ``max_bytes`` pass in all, in both directions. ``on_note`` is told, in one
    line each, which hosts were refused (each once, a hundred at most) and when the bytes are spent; it must not raise.
    """

    def __init__(
        self,
        rules: Sequence[HostRule],
        on_note: Callable[[str], None] | None = None,
        max_connections: int = 32,
        max_bytes: int | None = None,
    ) -> None:
        """Set the rules; nothing is opened yet."""
        self._rules = tuple(rules)
        self._on_note = on_note
        self._told: set[str] = set()
        self._max_connections = max_connections
        self._meter = Meter(max_bytes, self._end_all)
        self._spent_text = f"the policy allows no more than {max_bytes} bytes"
        self._lookups = Lookups()
        self._serving: set[asyncio.Task[None]] = set()
        self._refusing: set[asyncio.Task[None]] = set()
        self._listening: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._closed = False

    async def start(self, listening: socket.socket) -> None:
        """Serve what connects to a listening TCP socket, which from now on belongs to the proxy.

        No process of the jail may keep a descriptor of it: with one it could make the socket blocking, and so the event loop.
        Raises ``ValueError``, and leaves the socket alone, when it is not such a socket; ``RuntimeError`` when started before.
        """
        if self._listening is not None or self._closed:
            raise RuntimeError("a proxy starts once")
        if not _is_listening(listening):
            raise ValueError("the socket of the proxy is not a listening TCP socket")
        self._listening = listening
        self._server = await asyncio.start_server(
            self._accept, sock=listening, limit=MAX_HEAD_BYTES
        )

    async def close(self) -> None:
        """End all connections and close the socket, for whoever else holds it too. May be called again."""
        self._closed = True
        if self._listening is not None:
            with suppress(OSError):
                self._listening.shutdown(socket.SHUT_RDWR)
        if self._server is not None:
            self._server.close()
        if self._listening is not None:
            self._listening.close()
        self._lookups.close()
        tasks = self._serving | self._refusing
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # what was aborted is closed in the next round of the loop
        if self._server is not None:
            await self._server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = Streams(reader, writer)
        if not self._closed and len(self._serving) < self._max_connections:
            self._begin(self._attend(client), client, self._serving)
        elif not self._closed and len(self._refusing) < self._max_connections:
            self._begin(self._turn_away(client), client, self._refusing)
        else:
            reset(client)

    def _begin(
        self,
        work: Coroutine[object, object, None],
        client: Streams,
        among: set[asyncio.Task[None]],
    ) -> None:
        """Work for a connection; whatever happens, also when it is ended before its first step, that is closed."""
        task = asyncio.get_running_loop().create_task(work)
        among.add(task)
        task.add_done_callback(among.discard)
        task.add_done_callback(lambda _: reset(client))

    async def _attend(self, client: Streams) -> None:
        with suppress(OSError, Spent):
            try:
                await self._serve(client)
            except Refusal as refusal:
                if refusal.status == HTTPStatus.FORBIDDEN:
                    self._note(refusal.text)
                client.writer.write(_answer(refusal))
            await part(client)

    async def _turn_away(self, client: Streams) -> None:
        text = f"no more than {self._max_connections} connections may be open"
        client.writer.write(_answer(Refusal(HTTPStatus.SERVICE_UNAVAILABLE, text)))
        await part(client)

    async def _serve(self, client: Streams) -> None:
        asked = await read_request(client.reader)
        if asked is None:
            return
        if self._meter.spent:
            raise Refusal(HTTPStatus.FORBIDDEN, self._spent_text)
        host = await self._reach(asked)
        try:
            if asked.onward is None:
                await tunnel(client, host, self._meter)
                await part(host)
            else:
                await forward(asked.onward, asked.protocol, client, host, self._meter)
                host.writer.transport.abort()
        finally:
            reset(host)

    async def _reach(self, asked: Asked) -> Streams:
        """Connect to what was asked for; raises ``Refusal``: 403 when no rule allows it or its addresses, 502."""
        shown = written(asked.host, asked.port)
        forbidden = f"({Code.FORBIDDEN_HOST.name} {Code.FORBIDDEN_HOST.value})"
        rule = allowing(self._rules, asked.host, asked.port)
        if rule is None:
            text = f"the policy's hosts do not allow {shown} {forbidden}"
            raise Refusal(HTTPStatus.FORBIDDEN, text)
        try:
            addresses = await self._lookups.addresses(asked.host, asked.port)
        except OSError:
            raise Refusal(HTTPStatus.BAD_GATEWAY, f"{asked.host} has no known address") from None
        if not addresses_allowed(addresses, private=rule.private):
            text = f"the policy's hosts do not allow the address of {shown} {forbidden}"
            raise Refusal(HTTPStatus.FORBIDDEN, text)
        try:
            return await connected(addresses, asked.port)
        except OSError:
            raise Refusal(HTTPStatus.BAD_GATEWAY, f"{shown} cannot be reached") from None

    def _end_all(self) -> None:
        """End all connections, for the bytes are spent."""
        self._told.add(self._spent_text)
        if self._on_note is not None:
            self._on_note(self._spent_text)
        for task in self._serving:
            task.cancel()

    def _note(self, text: str) -> None:
        """Tell the platform, but not without end: a hostile program can be refused as often as it likes."""
        if self._on_note is None or text in self._told or len(self._told) >= _MOST_NOTES:
            return
        self._told.add(text)
        self._on_note(text)


def _is_listening(listening: socket.socket) -> bool:
    try:
        accepts = listening.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError:
        return False
    inet = listening.family in (socket.AF_INET, socket.AF_INET6)
    return bool(accepts) and inet and listening.type == socket.SOCK_STREAM


def _answer(refusal: Refusal) -> bytes:
    """Write a whole answer of one line of text."""
    body = refusal.text.encode("ascii") + b"\n"
    head = (
        f"HTTP/1.1 {refusal.status.value} {refusal.status.phrase}\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode("ascii") + body
