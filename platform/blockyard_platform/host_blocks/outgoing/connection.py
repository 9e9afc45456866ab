"""One connection, one request, one answer: to an address that was checked, with TLS that proves the name."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import httpx

from blockyard_platform.containers import fail
from blockyard_platform.host_blocks.outgoing.bodies import whole
from blockyard_sandbox.threads import in_thread
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from blockyard_platform.host_blocks.outgoing.asking import Ask
    from blockyard_platform.host_blocks.outgoing.places import Place

CONNECT_SECONDS: Final = 10.0
_TRIES: Final = 4
"""Addresses of one host that are tried."""

_LIMITS = httpx.Limits(max_connections=1, max_keepalive_connections=0)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer in full: header names in lower case, several of one name joined by a comma (RFC 9110, 5.2)."""

    status: int
    headers: Mapping[str, str]
    body: bytes


async def answer_of(
    ask: Ask, addresses: Sequence[str], most: int, certificates: str | None
) -> Answer:
    """Send a request to the first of the addresses that can be connected to, and return its answer.

    The transport is used without a client: there are no proxies of the environment, no cookies, no netrc, no headers but
    ours and the tenant's. Raises StageFailureError.
    """
    trust = await in_thread(lambda: _trust(ask.place, certificates), "blockyard-http-trust")
    failure = ""
    for address in addresses[:_TRIES]:
        try:
            return await _asked(ask, address, most, trust)
        except httpx.ConnectTimeout:
            failure = f"it does not answer within {CONNECT_SECONDS:g} s"
        except httpx.ConnectError as error:
            failure = _why(error)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            failure = f"{ask.place.authority} gives no answer of HTTP ({type(error).__name__})"
            raise fail(Code.UNHANDLED_EXCEPTION, failure) from None
    message = f"{ask.place.authority} cannot be connected to: {failure}"
    raise fail(Code.UNHANDLED_EXCEPTION, message)


async def _asked(ask: Ask, address: str, most: int, trust: ssl.SSLContext) -> Answer:
    transport = httpx.AsyncHTTPTransport(verify=trust, trust_env=False, limits=_LIMITS)
    async with transport:
        response = await transport.handle_async_request(_request(ask, address))
        try:
            body = await whole(response, most, ask.place.authority)
        finally:
            await response.aclose()
    return Answer(response.status_code, _headers(response), body)


def _request(ask: Ask, address: str) -> httpx.Request:
    """Return the request to an address, so that no name is looked up again; TLS is for the name, and so is Host."""
    place = ask.place
    headers = {
        "host": place.authority,
        "user-agent": "blockyard",
        "accept": "*/*",
        "accept-encoding": "gzip",
        "connection": "close",
        **ask.headers,
    }
    if ask.method not in ("GET", "HEAD"):
        headers["content-length"] = str(len(ask.body))
    url = httpx.URL(
        scheme=place.scheme, host=address, port=place.port, raw_path=place.target.encode("ascii")
    )
    times = httpx.Timeout(None, connect=CONNECT_SECONDS).as_dict()
    extensions = {"sni_hostname": place.host, "timeout": times}
    return httpx.Request(
        ask.method, url, headers=headers, content=ask.body or None, extensions=extensions
    )


def _headers(response: httpx.Response) -> dict[str, str]:
    return {name.lower(): text for name, text in response.headers.items()}


def _trust(place: Place, certificates: str | None) -> ssl.SSLContext:
    """Return how the host has to prove who it is; what plain http is given would trust nobody."""
    if place.scheme == "http":
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context = ssl.create_default_context(cafile=certificates)
    except (OSError, ssl.SSLError):
        # The path is the admin's, and no tenant's to read.
        message = "the policy's file of certificates cannot be read (http.certificates)"
        raise fail(Code.UNHANDLED_EXCEPTION, message) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _why(error: BaseException) -> str:
    """Return why there is no connection, in words that are ours or OpenSSL's."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted ({cause.verify_message})"
        if isinstance(cause, ssl.SSLError):
            return "it does not speak TLS as it should"
        cause = cause.__cause__ or cause.__context__
    return "nothing answers there"
