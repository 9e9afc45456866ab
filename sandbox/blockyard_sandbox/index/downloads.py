"""Files on their way from an index to the store, each fetched once however many read it."""

from __future__ import annotations

import asyncio
import hashlib
from asyncio import to_thread
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO

import httpx

from blockyard_sandbox.index.project_pages import Resource
from blockyard_sandbox.index.store import FileStore
from blockyard_sandbox.index.upstream import Upstream, UpstreamError

CHUNK = 256 << 10
PLAIN = {"accept-encoding": "identity"}
"""Files are asked for as they are: a compressed answer would have another hash and other ranges."""


class Download:
    """One file being fetched to disk. ``size`` is known once the index has answered, if it tells."""

    def __init__(self, resource: Resource, upstream: Upstream, store: FileStore, most: int) -> None:
        """Begin to fetch; ``most`` bytes are taken at most."""
        self.size: int | None = None
        self.readers = 0
        self._resource = resource
        self._upstream = upstream
        self._store = store
        self._most = most
        self._written = 0
        self._path = Path()
        self._changed = asyncio.Event()
        self._answered = asyncio.Event()
        self.task = asyncio.create_task(self._run())
        self.task.add_done_callback(self._ended)

    async def wait(self, seconds: float | None) -> bool:
        """Return whether the file is in the store, within this time. Raises UpstreamError when it will never be."""
        done, _ = await asyncio.wait({self.task}, timeout=seconds)
        if done:
            self._outcome()
        return bool(done)

    async def wait_for_size(self) -> int | None:
        """Return the size as soon as the index has answered; ``None`` when it does not tell, or when there was no answer."""
        await self._answered.wait()
        return self.size

    def _outcome(self) -> None:
        if self.task.cancelled():
            raise UpstreamError(502, "the gateway is closing")
        self.task.result()

    async def follow(self) -> AsyncGenerator[bytes]:
        """Yield the bytes as they come. The last of them are yielded only once the whole has the right hash.

        Raises UpstreamError when it has not: who reads then holds too little, and not a whole file that is wrong.
        """
        with self._opened() as file:
            sent = 0
            while not (ended := self.task.done()) or sent < self._written:
                if ended:
                    self._outcome()
                ready = self._written - (0 if ended else CHUNK)
                if sent >= ready:
                    await self._changed.wait()
                    continue
                chunk = await to_thread(file.read, min(CHUNK, ready - sent))
                sent += len(chunk)
                yield chunk
        self._outcome()

    def _opened(self) -> BinaryIO:
        try:
            return self._path.open("rb")
        except OSError:  # it has ended since, and has its name or is gone
            self._outcome()
            if (file := self._store.open(self._resource.sha256 or "")) is None:
                raise UpstreamError(502, "a stored file is gone") from None
            return file

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._answered.set()
        self._tell()
        if not task.cancelled():
            task.exception()  # told to those who wait; there may be none

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _run(self) -> None:
        try:
            self._path, file = self._store.begin()
            try:
                with file:
                    digest = await self._fetch(file)
                await self._keep(digest)
            finally:
                self._path.unlink(missing_ok=True)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise UpstreamError(502, f"a file cannot be stored: {reason}") from error

    async def _fetch(self, file: BinaryIO) -> str:
        digest = hashlib.sha256()
        async with self._upstream.open(self._resource.place, PLAIN) as answer:
            self.size = whole_size(answer.response, self._most)
            self._answered.set()
            async for chunk in answer.response.aiter_raw():
                if self._written + len(chunk) > self._most:
                    raise too_large(self._most)
                digest.update(chunk)
                await to_thread(_append, file, chunk)
                self._written += len(chunk)
                self._tell()
        return digest.hexdigest()

    async def _keep(self, digest: str) -> None:
        expected = self._resource.sha256
        if expected is None or digest != expected:
            name, index = self._resource.filename, self._resource.place.index.url
            text = f"the index {index}: {name} has not the sha256 that its page tells"
            raise UpstreamError(502, text)
        await to_thread(self._store.finish, self._path, expected)


def _append(file: BinaryIO, chunk: bytes) -> None:
    file.write(chunk)
    file.flush()  # readers have a descriptor of their own


def whole_size(response: httpx.Response, most: int) -> int | None:
    """Return how many bytes an answer to a request for a whole file has, if it tells. Raises UpstreamError when it is none."""
    encoding = response.headers.get("content-encoding", "")
    told = response.headers.get("content-length", "")
    if response.status_code != 200 or encoding.lower() not in {"identity", ""}:
        raise UpstreamError(502, "the index did not send the file as it is")
    size = int(told) if told.isdecimal() and len(told) < 16 else None
    if size is not None and size > most:
        raise too_large(most)
    return size


def too_large(most: int) -> UpstreamError:
    """Return the error for a file of more than ``most`` bytes."""
    return UpstreamError(502, f"a file of the index has more than {most} bytes")


class Downloads:
    """What is being fetched, by hash. A download that nobody waits for any more is given up."""

    def __init__(self, upstream: Upstream, store: FileStore, most: int) -> None:
        """Keep where files come from and go to; ``most`` bytes are taken of one."""
        self._upstream = upstream
        self._store = store
        self._most = most
        self._running: dict[tuple[str, str], Download] = {}

    @asynccontextmanager
    async def join(self, resource: Resource, sha256: str) -> AsyncGenerator[Download]:
        """Yield the download of a file of this hash, begun now or before."""
        key = (sha256, resource.place.url)
        download = self._running.get(key)
        if download is None or download.task.done():
            download = Download(resource, self._upstream, self._store, self._most)
            self._running[key] = download
        download.readers += 1
        try:
            yield download
        finally:
            download.readers -= 1
            if not download.readers:
                if self._running.get(key) is download:
                    del self._running[key]
                download.task.cancel()
                await asyncio.wait({download.task})
