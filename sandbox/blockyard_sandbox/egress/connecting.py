"""From a name to a connection: one look-up, its addresses checked, and a connection to an address that was checked."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from ipaddress import ip_address

from blockyard_sandbox.threads import in_thread

from .relay import Streams

LOOKUP_SECONDS = 10.0
CONNECT_SECONDS = 10.0

_AT_ONCE = 4
_TRIES = 4
_PIECE = 64 * 1024


class Lookups:
    """Looks names up, few at a time: one holds a thread of its own until it ends, also when nobody waits any more."""

    def __init__(self) -> None:
        """Begin with none."""
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._running: set[asyncio.Task[tuple[str, ...]]] = set()

    async def addresses(self, host: str, port: int) -> tuple[str, ...]:
        """Give all addresses of a host of ``read_host``; raises ``OSError``, after ``LOOKUP_SECONDS`` at the latest."""
        with suppress(ValueError):
            return (str(ip_address(host)),)
        async with asyncio.timeout(LOOKUP_SECONDS):
            await self._room.acquire()
            return await asyncio.shield(self._begun(host, port))

    def close(self) -> None:
        """Wait for no look-up any more."""
        for task in self._running:
            task.cancel()

    def _begun(self, host: str, port: int) -> asyncio.Task[tuple[str, ...]]:
        task = asyncio.get_running_loop().create_task(_look_up(host, port))
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[tuple[str, ...]]) -> None:
        self._running.discard(task)
        self._room.release()
        if not task.cancelled():
            task.exception()  # it may be that nobody waits for it any more


async def _look_up(host: str, port: int) -> tuple[str, ...]:
    # The threads of the event loop are few, and the look-ups of all tenants: whose name servers do not answer would hold all of them.
    ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    found = await in_thread(ask, "blockyard-lookup")
    return tuple(dict.fromkeys(str(place[0]) for *_, place in found))


async def connected(addresses: Iterable[str], port: int) -> Streams:
    """Connect to the first address that answers, of few; raises ``OSError`` when none does."""
    failure: OSError = OSError("no address")
    for address in list(addresses)[:_TRIES]:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                # An address is never looked up again: the second answer of a name might be another.
                reader, writer = await asyncio.open_connection(
                    address, port, limit=_PIECE, flags=socket.AI_NUMERICHOST
                )
            return Streams(reader, writer)
        except OSError as error:
            failure = error
    raise failure
