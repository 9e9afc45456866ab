"""Requests to the real index: with its credentials, over verified https, and with no trace of either in an error."""

from __future__ import annotations

import base64
import ssl
from asyncio import to_thread
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path

import httpx

from blockyard_sandbox.index.pages import absolute
from blockyard_sandbox.index.settings import Index

_MOST_REDIRECTS = 5
_REDIRECTS = {301, 302, 303, 307, 308}
_PASSED = {200, 206, 304, 416}
_TIMES = httpx.Timeout(60, connect=20)
"""Seconds that one step of an answer may take."""


class UpstreamError(Exception):
    """The index gave no answer that can be passed on. ``status`` and ``text`` are what the jail is told."""

    def __init__(self, status: int, text: str) -> None:
        """Keep what the jail is told; the text holds no credentials and nothing that the index wrote."""
        super().__init__(text)
        self.status = status
        self.text = text


@dataclass(frozen=True, slots=True)
class Place:
    """An address that belongs to an index. ``trusted`` is false when the index did not itself name it: then it gets no credentials."""

    index: Index
    url: str
    trusted: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """An open answer, and the place that gave it in the end."""

    response: httpx.Response
    place: Place


class Upstream:
    """A pool of connections to the indexes. It keeps no cookies, and takes proxies from the machine's environment."""

    def __init__(self, certificates: ssl.SSLContext) -> None:
        """Verify servers with these certificates. Raises OSError when the environment's proxy cannot be used."""
        # One jail's slow reading must not hold up another's: each is bounded by its connections to the gateway.
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=64)
        try:
            self._client = httpx.AsyncClient(
                verify=certificates,
                timeout=_TIMES,
                limits=limits,
                headers={"user-agent": "blockyard"},
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
                follow_redirects=False,
            )
        except (ImportError, ValueError, httpx.InvalidURL) as error:
            raise OSError("the proxy in the environment is of no kind that can be used") from error

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    @asynccontextmanager
    async def open(
        self, place: Place, headers: Mapping[str, str], method: str = "GET"
    ) -> AsyncGenerator[Answer]:
        """Ask for a place and yield its answer of status 200, 206, 304 or 416. Raises UpstreamError, also while its body is read."""
        name = place.index.url
        try:
            answer = await self._follow(place, headers, method)
            try:
                _check(answer)
                yield answer
            finally:
                await answer.response.aclose()
        except httpx.TimeoutException as error:
            raise UpstreamError(502, f"the index {name} does not answer in time") from error
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            kind = type(error).__name__
            raise UpstreamError(502, f"the index {name} cannot be asked ({kind})") from error

    async def _follow(self, place: Place, headers: Mapping[str, str], method: str) -> Answer:
        for _ in range(_MOST_REDIRECTS + 1):
            place = Place(place.index, place.url, place.trusted and _is_own(place))
            request = self._client.build_request(method, place.url, headers=dict(headers))
            if place.trusted and (login := _authorization(place.index)):
                request.headers["authorization"] = login
            response = await self._client.send(request, stream=True, auth=None)
            if response.status_code not in _REDIRECTS:
                return Answer(response, place)
            await response.aclose()
            target = absolute(place.url, response.headers.get("location", ""))
            if target is None or (place.url.startswith("https:") and target.startswith("http:")):
                break
            place = Place(place.index, target, place.trusted)
        raise UpstreamError(502, f"the index {place.index.url} redirects too often, or to http")


def _check(answer: Answer) -> None:
    status, name = answer.response.status_code, answer.place.index.url
    if status in {401, 403}:
        text = f"the index {name} refuses access ({status}): its credentials are missing or wrong"
        raise UpstreamError(403, text)
    if status in {404, 410}:
        raise UpstreamError(404, f"the index {name} has no such page or file")
    if status not in _PASSED:
        raise UpstreamError(502, f"the index {name} answered with status {status}")


def _is_own(place: Place) -> bool:
    """Whether the place has the scheme, host and port of its index."""
    own, other = httpx.URL(place.index.url), httpx.URL(place.url)
    return (own.scheme, own.host, _port(own)) == (other.scheme, other.host, _port(other))


def _port(url: httpx.URL) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


def _authorization(index: Index) -> str | None:
    if index.username is None and index.password is None:
        return None
    pair = f"{index.username or ''}:{index.password or ''}"
    return "Basic " + base64.b64encode(pair.encode()).decode("ascii")


async def trusted_certificates(path: str | None) -> ssl.SSLContext:
    """Return what verifies servers: the system's authorities, or those of a bundle or folder. Raises OSError when it cannot be read."""
    if path is None:
        return await to_thread(ssl.create_default_context)
    if Path(path).is_dir():
        return await to_thread(ssl.create_default_context, capath=path)
    return await to_thread(ssl.create_default_context, cafile=path)
