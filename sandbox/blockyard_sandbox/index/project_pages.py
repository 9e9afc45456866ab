"""Project pages that the gateway fetched, and which file of the index each of its own addresses stands for."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote, urlsplit

from blockyard_sandbox.index.links import PageError
from blockyard_sandbox.index.pages import (
    ACCEPTED,
    LARGEST_PAGE,
    PageFile,
    read_page,
    write_page,
)
from blockyard_sandbox.index.settings import Index
from blockyard_sandbox.index.upstream import Answer, Place, Upstream, UpstreamError

LONGEST_AGE = 600.0
"""Seconds for which a page is served without asking the index again."""
_MOST_PAGES = 2000
_MOST_BYTES = 256 << 20
_BYTES_OF_A_FILE = 800
_AT_ONCE = 32
_PARSED_AT_ONCE = 2
_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class Resource:
    """A file of an index: where it is, and its sha256 in lower case when the page tells it."""

    filename: str
    place: Place
    sha256: str | None
    metadata: bool = False
    metadata_sha256: str | None = None

    def of_metadata(self) -> Resource | None:
        """Return the metadata file that lies beside it (PEP 658), when the page tells of one."""
        if not self.metadata:
            return None
        parts = urlsplit(self.place.url)
        url = parts._replace(path=parts.path + ".metadata").geturl()
        place = replace(self.place, url=url)
        return Resource(self.filename + ".metadata", place, self.metadata_sha256)


@dataclass(frozen=True, slots=True)
class Page:
    """A page as it is served, with its files by token. ``fresh`` is the monotonic time until which it is served unasked."""

    body: bytes
    etag: str
    files: Mapping[str, Resource]
    fresh: float
    validator: str | None

    @property
    def weight(self) -> int:
        """About how many bytes of memory it takes."""
        return len(self.body) + _BYTES_OF_A_FILE * len(self.files)


class ProjectPages:
    """The pages of all indexes, the last used ones kept, each fetched once however many ask for it."""

    def __init__(self, indexes: tuple[Index, ...], upstream: Upstream) -> None:
        """Keep the indexes; nothing is fetched yet."""
        self._indexes = indexes
        self._upstream = upstream
        self._secret = secrets.token_bytes(32)
        self._pages: OrderedDict[tuple[int, str], Page] = OrderedDict()
        self._weight = 0
        self._fetching: dict[tuple[int, str], asyncio.Task[Page]] = {}
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._parsing = asyncio.Semaphore(_PARSED_AT_ONCE)

    async def page(self, number: int, project: str) -> Page:
        """Return the page of a project, whose name is normalised, in the index of this number. Raises UpstreamError."""
        if not 0 <= number < len(self._indexes):
            raise UpstreamError(404, "there is no index of this number")
        key = (number, project)
        if (page := self._pages.get(key)) and page.fresh > time.monotonic():
            self._pages.move_to_end(key)
            return page
        task = self._fetching.get(key)
        if task is None:
            task = self._fetching[key] = asyncio.create_task(self._fetch(number, project))
            task.add_done_callback(lambda done: self._fetched(key, done))
        return await asyncio.shield(task)

    async def file(self, number: int, token: str, filename: str) -> Resource | None:
        """Return what a token stands for; ``None`` when it stands for nothing. Raises UpstreamError.

        A page that had to be forgotten is fetched again: so no jail can make another's addresses fail.
        """
        project = token.partition("-")[2]
        page = self._pages.get((number, project))
        if page is None or token not in page.files:
            page = await self.page(number, project)
        found = page.files.get(token)
        return found if found and found.filename == filename else None

    async def close(self) -> None:
        """Give up what is being fetched."""
        tasks = list(self._fetching.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _fetched(self, key: tuple[int, str], task: asyncio.Task[Page]) -> None:
        self._fetching.pop(key, None)
        if task.cancelled() or task.exception() is not None:
            return
        self._forget(key)
        self._pages[key] = task.result()
        self._weight += task.result().weight
        while len(self._pages) > 1 and (
            self._weight > _MOST_BYTES or len(self._pages) > _MOST_PAGES
        ):
            self._forget(next(iter(self._pages)))

    def _forget(self, key: tuple[int, str]) -> None:
        if (page := self._pages.pop(key, None)) is not None:
            self._weight -= page.weight

    async def _fetch(self, number: int, project: str) -> Page:
        index = self._indexes[number]
        held = self._pages.get((number, project))
        headers = {"accept": ACCEPTED}
        if held is not None and held.validator is not None:
            headers["if-none-match"] = held.validator
        try:
            async with asyncio.timeout(_SECONDS), self._turns:
                place = Place(index, f"{index.url}/{project}/")
                async with self._upstream.open(place, headers) as answer:
                    if answer.response.status_code == 304 and held is not None:
                        return replace(held, fresh=_fresh(answer))
                    return await self._read(number, project, answer)
        except TimeoutError as error:
            raise UpstreamError(502, f"the index {index.url} does not answer in time") from error
        except PageError as error:
            raise UpstreamError(502, f"the index {index.url}: {error}") from error

    async def _read(self, number: int, project: str, answer: Answer) -> Page:
        if answer.response.status_code != 200:
            raise PageError("an answer that is no page")
        body = bytearray()
        async for chunk in answer.response.aiter_bytes():
            body += chunk
            if len(body) > LARGEST_PAGE:
                raise PageError(f"the page has more than {LARGEST_PAGE} bytes")
        async with self._parsing:
            return await asyncio.to_thread(self._parse, number, project, bytes(body), answer)

    def _parse(self, number: int, project: str, body: bytes, answer: Answer) -> Page:
        headers, place = answer.response.headers, answer.place
        files = read_page(body, headers.get("content-type", ""), place.url)
        resources: dict[str, Resource] = {}

        def path(file: PageFile) -> str:
            token = self._token(number, project, file)
            resources[token] = Resource(
                file.filename,
                replace(place, url=file.url),
                _sha256(file.hashes),
                file.metadata is not None,
                _sha256(file.metadata or {}),
            )
            return f"/{number}/files/{token}/{quote(file.filename)}"

        text = write_page(project, files, path)
        validator = None if "no-store" in _control(answer) else headers.get("etag")
        etag = f'"{hashlib.sha256(text).hexdigest()[:32]}"'
        return Page(text, etag, resources, _fresh(answer), validator)

    def _token(self, number: int, project: str, file: PageFile) -> str:
        """Return an id that no one can guess, the same for the same file, however its address changes from page to page."""
        content = file.hashes.get("sha256") or file.url
        text = "\0".join((str(number), project, file.filename, content))
        return f"{hmac.digest(self._secret, text.encode(), 'sha256').hex()[:40]}-{project}"


def _sha256(hashes: Mapping[str, str]) -> str | None:
    digest = hashes.get("sha256", "")
    return digest if len(digest) == 64 else None


def _control(answer: Answer) -> str:
    return str(answer.response.headers.get("cache-control", "")).lower()


def _fresh(answer: Answer) -> float:
    """Return until when a page may be served without asking again, on the monotonic clock."""
    control = _control(answer)
    if "no-store" in control or "no-cache" in control:
        return 0.0
    age = re.search(r"max-age=(\d{1,9})", control)
    return time.monotonic() + min(float(age[1]) if age else LONGEST_AGE, LONGEST_AGE)
