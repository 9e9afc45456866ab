"""The gateway: what a jail reaches instead of the package index, on a socket in its own network.

A jail asks for ``/N/simple/NAME/``, ``/N/files/TOKEN/FILENAME`` and the same with ``.metadata``; N counts the indexes of the settings
from 0. Nothing it writes names a place elsewhere: a token stands for an address on a page that the gateway itself fetched.
"""

from __future__ import annotations

import asyncio
import re
import socket
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from blockyard_sandbox.index.files import Files
from blockyard_sandbox.index.pages import JSON_TYPE
from blockyard_sandbox.index.project_pages import ProjectPages
from blockyard_sandbox.index.serving import Reply, Request, serve, text_reply
from blockyard_sandbox.index.settings import IndexSettings
from blockyard_sandbox.index.store import FileStore
from blockyard_sandbox.index.upstream import Upstream, UpstreamError, trusted_certificates

_PAGE = re.compile(r"/(\d{1,3})/simple/([A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?)/?")
_FILE = re.compile(r"/(\d{1,3})/files/([0-9a-f]{40}-[a-z0-9-]{1,128})/([^/?#]{1,1024})")
_MOST_CONNECTIONS = 128
_MOST_NOTES = 100


@dataclass(slots=True)
class _Site:
    """One listening socket with its open connections, and what was noted for it."""

    server: asyncio.Server
    on_note: Callable[[str], None] | None
    connections: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])
    notes: set[str] = field(default_factory=set[str])

    def note(self, text: str) -> None:
        """Tell why the index gave no answer, each reason once."""
        if self.on_note is not None and text not in self.notes and len(self.notes) < _MOST_NOTES:
            self.notes.add(text)
            self.on_note(text)


@dataclass(frozen=True, slots=True)
class _Parts:
    """What is made when the gateway first starts."""

    upstream: Upstream
    pages: ProjectPages
    files: Files


class IndexGateway:
    """A reverse proxy of package indexes, for any number of jails; all of it belongs to one event loop.

    Every jail sees the same indexes. Pages are kept in memory for up to ten minutes; with a ``cache`` folder, files whose hash is
    known are kept in its ``files``, each fetched once however many ask for it at a time.
    """

    def __init__(
        self,
        settings: IndexSettings,
        cache: Path | None,
        *,
        max_bytes: int = 4 << 30,
        max_cache_bytes: int = 20 << 30,
        on_note: Callable[[str], None] | None = None,
    ) -> None:
        """Keep the settings; nothing is opened.

        ``max_bytes`` is the largest file that is served; files that were used longest ago are removed from the cache beyond
        ``max_cache_bytes``. ``on_note`` is called with the reasons why the index gave no answer, each once for one socket, at most
        100 for it; they name the index without its credentials.
        """
        self._settings = settings
        self._cache = cache
        self._max_bytes = max_bytes
        self._max_cache_bytes = max_cache_bytes
        self._on_note = on_note
        self._parts: _Parts | None = None
        self._starting = asyncio.Lock()
        self._sites: dict[socket.socket, _Site] = {}

    async def start(
        self, listening: socket.socket, on_note: Callable[[str], None] | None = None
    ) -> None:
        """Serve a bound stream socket, which is the gateway's from now on: it is closed with ``stop`` or ``close``.

        ``on_note`` takes the place of the gateway's for what is asked for on this socket. Raises OSError when the certificates
        cannot be read, the cache cannot be made, the machine's proxy cannot be used, or the socket cannot listen.
        """
        async with self._starting:
            if self._parts is None:
                self._parts = await self._build()

        def connected(reader: StreamReader, writer: StreamWriter) -> None:
            self._connected(listening, reader, writer)

        server = await asyncio.start_server(connected, sock=listening, start_serving=False)
        self._sites[listening] = _Site(server, on_note or self._on_note)
        await server.start_serving()

    async def stop(self, listening: socket.socket) -> None:
        """Close one listening socket and its connections. A socket that is not served is left alone."""
        if (site := self._sites.pop(listening, None)) is None:
            return
        site.server.close()
        tasks = list(site.connections)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await site.server.wait_closed()

    async def close(self) -> None:
        """Stop everything. It may be called again, and the gateway may be started again."""
        for listening in list(self._sites):
            await self.stop(listening)
        async with self._starting:
            parts, self._parts = self._parts, None
        if parts is not None:
            await parts.pages.close()
            await parts.upstream.close()

    def _connected(
        self, listening: socket.socket, reader: StreamReader, writer: StreamWriter
    ) -> None:
        site, parts = self._sites.get(listening), self._parts
        if site is None or parts is None or len(site.connections) >= _MOST_CONNECTIONS:
            writer.transport.abort()
            return
        # asyncio does this only for sockets made with the number of TCP, and not for one that was handed over.
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = asyncio.create_task(self._serve(site, parts, reader, writer))
        site.connections.add(task)
        task.add_done_callback(site.connections.discard)

    async def _serve(
        self, site: _Site, parts: _Parts, reader: StreamReader, writer: StreamWriter
    ) -> None:
        async def answer(request: Request, stack: AsyncExitStack) -> Reply:
            return await _answer(site, parts, request, stack)

        try:
            await serve(reader, writer, answer)
        except UpstreamError as error:  # in the middle of a body, which is cut short
            site.note(error.text)

    async def _build(self) -> _Parts:
        certificates = await trusted_certificates(self._settings.certificates)
        store = None
        if self._cache is not None:
            folder = self._cache / "files"
            store = await asyncio.to_thread(FileStore, folder, self._max_cache_bytes)
        upstream = Upstream(certificates)
        pages = ProjectPages(self._settings.indexes, upstream)
        return _Parts(upstream, pages, Files(upstream, store, self._max_bytes))


async def _answer(site: _Site, parts: _Parts, request: Request, stack: AsyncExitStack) -> Reply:
    """Return the reply to any request."""
    try:
        if asked := _PAGE.fullmatch(request.target):
            return await _page(parts, int(asked[1]), asked[2], request)
        if asked := _FILE.fullmatch(request.target):
            name = unquote(asked[3])
            if reply := await _file(parts, (int(asked[1]), asked[2], name), request, stack):
                return reply
    except UpstreamError as error:
        if error.status != 404:
            site.note(error.text)
        return text_reply(error.status, error.text)
    return text_reply(404, "only projects and their files are served")


async def _page(parts: _Parts, number: int, name: str, request: Request) -> Reply:
    page = await parts.pages.page(number, re.sub(r"[-_.]+", "-", name).lower())
    # The client may keep a page, but must ask each time whether its addresses still stand.
    headers = [("etag", page.etag), ("cache-control", "no-cache")]
    if request.headers.get("if-none-match") == page.etag:
        return Reply(304, headers)
    length = ("content-length", str(len(page.body)))
    return Reply(200, [("content-type", JSON_TYPE), length, *headers], page.body)


async def _file(
    parts: _Parts, asked: tuple[int, str, str], request: Request, stack: AsyncExitStack
) -> Reply | None:
    """Return a file, or the metadata beside it; ``None`` when the token and name stand for neither."""
    number, token, name = asked
    resource = await parts.pages.file(number, token, name)
    if resource is None and name.endswith(".metadata"):
        beside = await parts.pages.file(number, token, name.removesuffix(".metadata"))
        resource = beside.of_metadata() if beside else None
    return await parts.files.reply(resource, request, stack) if resource else None
