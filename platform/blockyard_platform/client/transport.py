"""The two ways to do what flows want: with threads that wait, and in an event loop. Nothing is decided here.

TLS is verified. Proxies of the environment, redirects, cookies and compression are not used: the token goes to the address that was given.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, TypeVar

import httpx

from blockyard_platform.client.address import checked_token, checked_url
from blockyard_platform.client.calls import Head
from blockyard_platform.client.effects import Flow, Give, Open, Pause, Read, Steps, Stream
from blockyard_platform.client.errors import UnreachableError, UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator, Iterator
    from os import PathLike

    from blockyard_platform.client.calls import Request

T = TypeVar("T")

CONNECT_SECONDS = 10.0
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@dataclass(frozen=True, slots=True)
class Link:
    """Where requests go, and with what: its words leave the token out."""

    url: str
    token: str
    context: ssl.SSLContext

    def __repr__(self) -> str:
        """Leave the token out."""
        return f"Link({self.url!r})"

    @classmethod
    def to(
        cls, url: str, token: str, ca: str | PathLike[str] | None = None, *, plaintext: bool = False
    ) -> Link:
        """Check an address and a token. Raises UsageError."""
        found = checked_url(url, plaintext=plaintext)
        return cls(found, checked_token(token), _context(found, ca))

    def options(self) -> dict[str, Any]:
        """Return what both kinds of httpx clients are made with."""
        return {
            "verify": self.context,
            "trust_env": False,
            "follow_redirects": False,
            "cookies": CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            "headers": {
                "Accept": "application/json",
                "Accept-Encoding": "identity",
                "User-Agent": f"blockyard/{version('blockyard')}",
            },
        }

    def request(self, http: httpx.Client | httpx.AsyncClient, asked: Request) -> httpx.Request:
        """Return a request with the token."""
        seconds = asked.seconds
        return http.build_request(
            asked.method,
            self.url + asked.path,
            params=list(asked.query) or None,
            headers=[*asked.headers, ("Authorization", f"Bearer {self.token}")],
            content=asked.body,
            timeout=httpx.Timeout(seconds, connect=CONNECT_SECONDS),
        )

    @contextmanager
    def translated(self) -> Generator[None]:
        """Raise UnreachableError for whatever keeps an answer from coming."""
        try:
            yield
        except httpx.HTTPError as error:
            sent = not isinstance(error, _NOT_SENT)
            words = str(error) or type(error).__name__
            if "CERTIFICATE_VERIFY_FAILED" in words:
                raise UnreachableError(
                    f"the certificate of {self.url} cannot be verified: {words[:300]}",
                    "name the authority that has signed it (ca)",
                    sent=False,
                    hopeless=True,
                ) from None
            what = "no answer came from" if sent else "cannot reach"
            hint = None if sent else "see that the server runs, and that this is its address"
            said = f"{what} {self.url}: {words[:300]}"
            raise UnreachableError(said, hint, sent=sent) from None


def _context(url: str, ca: str | PathLike[str] | None) -> ssl.SSLContext:
    if ca is not None:
        try:
            return ssl.create_default_context(cafile=ca)
        except (OSError, ssl.SSLError) as error:
            raise UsageError(f"the certificates in {ca} cannot be read: {error}") from None
    if url.startswith("https:"):
        return httpx.create_ssl_context(trust_env=False)
    # For plain HTTP: one that trusts nobody, which is made at once.
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class SyncTransport:
    """Does flows in the thread that asks; several threads may share it."""

    def __init__(self, link: Link) -> None:
        """Connect to nothing yet."""
        self._link = link
        self._http = httpx.Client(**link.options())

    def do(self, flow: Flow[T]) -> T:
        """Return what a flow comes to."""
        steps = Steps(flow)
        for _ in self._each(steps):
            raise AssertionError("a flow gives nothing")
        result: T = steps.result
        return result

    def each(self, stream: Stream[T]) -> Iterator[T]:
        """Yield what a stream gives."""
        return self._each(Steps(stream))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _each(self, steps: Steps) -> Iterator[Any]:
        answer: httpx.Response | None = None
        chunks: Iterator[bytes] = iter(())
        try:
            while (effect := steps.next()) is not None:
                if isinstance(effect, Give):
                    yield effect.item
                    continue
                try:
                    with self._link.translated():
                        match effect:
                            case Open(request):
                                if answer is not None:
                                    answer.close()
                                asked = self._link.request(self._http, request)
                                answer = self._http.send(asked, stream=True)
                                chunks = answer.iter_raw()
                                steps.came(Head(answer.status_code, dict(answer.headers)))
                            case Read():
                                steps.came(next(chunks, None))
                            case Pause(seconds):
                                time.sleep(seconds)
                except UnreachableError as error:
                    steps.failed(error)
        finally:
            steps.close()
            if answer is not None:
                answer.close()


class AsyncTransport:
    """Does flows in an event loop."""

    def __init__(self, link: Link) -> None:
        """Connect to nothing yet."""
        self._link = link
        self._http = httpx.AsyncClient(**link.options())

    async def do(self, flow: Flow[T]) -> T:
        """Return what a flow comes to."""
        steps = Steps(flow)
        async for _ in self._each(steps):
            raise AssertionError("a flow gives nothing")
        result: T = steps.result
        return result

    def each(self, stream: Stream[T]) -> AsyncIterator[T]:
        """Yield what a stream gives."""
        return self._each(Steps(stream))

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _each(self, steps: Steps) -> AsyncIterator[Any]:
        answer: httpx.Response | None = None
        chunks: AsyncIterator[bytes] | None = None
        try:
            while (effect := steps.next()) is not None:
                if isinstance(effect, Give):
                    yield effect.item
                    continue
                try:
                    with self._link.translated():
                        match effect:
                            case Open(request):
                                if answer is not None:
                                    await answer.aclose()
                                asked = self._link.request(self._http, request)
                                answer = await self._http.send(asked, stream=True)
                                chunks = answer.aiter_raw()
                                steps.came(Head(answer.status_code, dict(answer.headers)))
                            case Read():
                                steps.came(None if chunks is None else await anext(chunks, None))
                            case Pause(seconds):
                                await asyncio.sleep(seconds)
                except UnreachableError as error:
                    steps.failed(error)
        finally:
            steps.close()
            if answer is not None:
                await answer.aclose()
