"""A proxy and hosts to reach, all real, on the loop of the test."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import pytest
import pytest_asyncio

from blockyard_sandbox.egress.hosts import HostRule
from blockyard_sandbox.egress.proxy import EgressProxy

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest_asyncio.fixture
async def start_proxy() -> AsyncIterator[Callable[..., Awaitable[tuple[EgressProxy, int]]]]:
    """Start proxies with the arguments of ``EgressProxy``: each with its port."""
    proxies: list[EgressProxy] = []

    async def start(
        rules: Sequence[HostRule],
        on_note: Callable[[str], None] | None = None,
        max_connections: int = 32,
        max_bytes: int | None = None,
    ) -> tuple[EgressProxy, int]:
        proxy = EgressProxy(rules, on_note, max_connections, max_bytes)
        listening = socket.create_server(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        await proxy.start(listening)
        proxies.append(proxy)
        return proxy, port

    yield start
    for proxy in proxies:
        await proxy.close()


@pytest_asyncio.fixture
async def start_host() -> AsyncIterator[Callable[[Serve], Awaitable[int]]]:
    """Start hosts on 127.0.0.1, each with a coroutine for its connections: gives the port."""
    servers: list[asyncio.Server] = []
    tasks: set[asyncio.Task[None]] = set()

    async def start(serve: Serve) -> int:
        async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await serve(reader, writer)
            except (OSError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.transport.abort()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.create_task(served(reader, writer))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        servers.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    yield start
    for server in servers:
        server.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0)


@pytest.fixture
def ask() -> Callable[..., Awaitable[bytes]]:
    """Send bytes to a port of this machine, and read all that comes back until the end."""

    async def asked(port: int, data: bytes, end: bool = False) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(data)
            if end:
                writer.write_eof()
            async with asyncio.timeout(120):
                return await reader.read()
        finally:
            writer.close()
            await asyncio.sleep(0)

    return asked
