"""The replies to requests for files: from the store, from a download that is under way, or passed on from the index."""

from __future__ import annotations

import hashlib
import re
from asyncio import to_thread
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from typing import BinaryIO

import httpx

from blockyard_sandbox.index.downloads import CHUNK, PLAIN, Downloads, too_large, whole_size
from blockyard_sandbox.index.project_pages import Resource
from blockyard_sandbox.index.serving import Headers, Reply, Request
from blockyard_sandbox.index.store import FileStore
from blockyard_sandbox.index.upstream import Upstream, UpstreamError

_PATIENCE = 5.0
"""Seconds for which a reply waits for the whole file, so that a wrong one is a plain error; then it begins without its end."""
_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")
_CONTENT_RANGE = re.compile(r"bytes (\d{1,15}-\d{1,15}|\*)/(\d{1,15}|\*)")
_COMMON: Headers = [
    ("content-type", "application/octet-stream"),
    ("cache-control", "max-age=31536000, immutable"),
]


class Files:
    """Replies with files; those of a known sha256 are kept in the store, when there is one."""

    def __init__(self, upstream: Upstream, store: FileStore | None, most: int) -> None:
        """Keep where files come from; ``most`` bytes are taken of one."""
        self._upstream = upstream
        self._store = store
        self._most = most
        self._downloads = Downloads(upstream, store, most) if store else None

    async def reply(self, resource: Resource, request: Request, stack: AsyncExitStack) -> Reply:
        """Return the reply; what it reads from is put on the stack. Raises UpstreamError."""
        asked = request.headers.get("range", "")
        whole = request.method == "GET" and not _RANGE.fullmatch(asked)
        if resource.sha256 is None or self._store is None or self._downloads is None:
            return await self._passed(resource, request, stack)
        if held := self._store.open(resource.sha256):
            return await _from_disk(stack.enter_context(held), asked)
        if not whole:
            return await self._passed(resource, request, stack)
        joined = self._downloads.join(resource, resource.sha256)
        download = await stack.enter_async_context(joined)
        if await download.wait(_PATIENCE) or (size := await download.wait_for_size()) is None:
            await download.wait(None)
            if (held := self._store.open(resource.sha256)) is None:
                raise UpstreamError(502, "a stored file is gone")
            return await _from_disk(stack.enter_context(held), "")
        length = ("content-length", str(size))
        return Reply(200, [*_COMMON, length], download.follow())

    async def _passed(self, resource: Resource, request: Request, stack: AsyncExitStack) -> Reply:
        asked = request.headers.get("range", "")
        headers = {**PLAIN, "range": asked} if _RANGE.fullmatch(asked) else PLAIN
        opened = self._upstream.open(resource.place, headers, request.method)
        response = (await stack.enter_async_context(opened)).response
        if response.status_code == 416:
            return _unsatisfied(_told_range(response))
        if response.status_code == 206 and "range" in headers:
            return self._part(response)
        size = whole_size(response, self._most)
        length = [] if size is None else [("content-length", str(size))]
        ranges = response.headers.get("accept-ranges", "").lower() == "bytes"
        accepts = [("accept-ranges", "bytes")] if ranges else []
        body = _checked(response, self._most, resource)
        return Reply(200, [*_COMMON, *length, *accepts], body)

    def _part(self, response: httpx.Response) -> Reply:
        told = _told_range(response)
        length = response.headers.get("content-length", "")
        if told is None or not length.isdecimal() or int(length) > self._most:
            raise UpstreamError(502, "the index sent another part of a file than it was asked for")
        headers = [("content-range", told), ("content-length", length), ("accept-ranges", "bytes")]
        return Reply(206, [*_COMMON, *headers], _limited(response, self._most))


def _told_range(response: httpx.Response) -> str | None:
    told = response.headers.get("content-range", "")
    return told if _CONTENT_RANGE.fullmatch(told) else None


def _unsatisfied(told: str | None) -> Reply:
    ranges = [("content-range", told)] if told else []
    return Reply(416, [("content-length", "0"), *ranges])


async def _limited(response: httpx.Response, most: int) -> AsyncGenerator[bytes]:
    seen = 0
    async for chunk in response.aiter_raw():
        seen += len(chunk)
        if seen > most:
            raise too_large(most)
        yield chunk


async def _checked(
    response: httpx.Response, most: int, resource: Resource
) -> AsyncGenerator[bytes]:
    """Yield the body of a whole file, the last piece only when its hash is the one that the page tells, if it does."""
    digest, held = hashlib.sha256(), b""
    async for chunk in _limited(response, most):
        digest.update(chunk)
        if held:
            yield held
        held = chunk
    if resource.sha256 not in {None, digest.hexdigest()}:
        raise UpstreamError(502, f"{resource.filename} has not the sha256 that its page tells")
    if held:
        yield held


async def _from_disk(file: BinaryIO, asked: str) -> Reply:
    """Return a stored file, or the part of it that is asked for."""
    size = await to_thread(file.seek, 0, 2)
    first, last = _bounds(asked, size)
    if first >= size and size:
        return _unsatisfied(f"bytes */{size}")
    headers = [*_COMMON, ("accept-ranges", "bytes"), ("content-length", str(last + 1 - first))]
    if (first, last) == (0, size - 1):
        return Reply(200, headers, _chunks(file, 0, size))
    headers.append(("content-range", f"bytes {first}-{last}/{size}"))
    return Reply(206, headers, _chunks(file, first, last + 1 - first))


def _bounds(asked: str, size: int) -> tuple[int, int]:
    """Return the first and last byte of a range; those of the whole for what is none; ``size`` as the first when it is outside."""
    place = _RANGE.fullmatch(asked)
    if (
        place is None
        or place[0] == "bytes=-"
        or (place[1] and place[2] and int(place[2]) < int(place[1]))
    ):
        return 0, size - 1
    if not place[1]:
        return (max(0, size - int(place[2])), size - 1)
    first = int(place[1])
    last = min(int(place[2]), size - 1) if place[2] else size - 1
    return (first, last) if first < size else (size, size)


async def _chunks(file: BinaryIO, first: int, count: int) -> AsyncGenerator[bytes]:
    await to_thread(file.seek, first)
    while count and (chunk := await to_thread(file.read, min(CHUNK, count))):
        count -= len(chunk)
        yield chunk
