"""What a request says: its headers and its body, as far as they are a tenant's to choose."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from blockyard_platform.containers import fail
from blockyard_platform.host_blocks.outgoing.places import Place, UrlError, encoded, place_of
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
_VALUE = re.compile(r"[\x20-\x7e]{0,8192}")
_MOST: Final = 64
"""Headers of one request."""

_OURS: Final = frozenset(
    {
        *("host", "content-length", "transfer-encoding", "connection", "keep-alive"),
        *("te", "trailer", "trailers", "upgrade", "expect", "accept-encoding", "http2-settings"),
    }
)
"""Headers that say how the connection is used, which is not a tenant's to say (RFC 9110, 7.6.1)."""

_HARMLESS: Final = frozenset(
    {"accept", "accept-language", "content-type", "user-agent", "range", "cache-control"}
)
"""Headers that another origin is sent: any other may hold a credential, whatever it is called."""

_BODILESS: Final = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Ask:
    """One request: the names of ``headers`` are in lower case."""

    method: str
    place: Place
    headers: Mapping[str, str]
    body: bytes

    def redirected(self, status: int, place: Place) -> Ask:
        """Return what is asked next (RFC 9110, 15.4): what may hold a credential stays with its origin."""
        ask = self
        # As all browsers do it: only 307 and 308 send a body on.
        posted = status in (301, 302) and self.method == "POST"
        if posted or (status == 303 and self.method != "HEAD"):
            kept = {name: text for name, text in self.headers.items() if name != "content-type"}
            ask = replace(self, method="GET", headers=kept, body=b"")
        if place.origin != self.place.origin:
            kept = {name: text for name, text in ask.headers.items() if name in _HARMLESS}
            ask = replace(ask, headers=kept)
        return replace(ask, place=place)


def asked(
    method: str,
    url: str,
    query: Mapping[str, Any] | None,
    headers: Mapping[str, str],
    body: Mapping[str, Any],
) -> Ask:
    """Return a request; ``body`` holds at most one of json, text and form. Raises StageFailureError."""
    try:
        place = place_of(url, query)
    except UrlError as error:
        raise fail(Code.INVALID_ARGUMENT, f"url: {error}") from None
    kind, content = _body(
        {key: each for key, each in body.items() if key == "json" or each is not None}
    )
    if kind and method in _BODILESS:
        raise fail(Code.INVALID_ARGUMENT, f"a {method} has no body; choose another method")
    checked = _headers(headers)
    if kind:
        checked.setdefault("content-type", kind)
    return Ask(method, place, checked, content)


def _headers(headers: Mapping[str, str]) -> dict[str, str]:
    if len(headers) > _MOST:
        raise fail(Code.INVALID_ARGUMENT, f"there are more than {_MOST} headers")
    found: dict[str, str] = {}
    for name, text in headers.items():
        lower = name.lower()
        if not _NAME.fullmatch(name):
            raise fail(Code.INVALID_ARGUMENT, f"{name[:60]!a} is no name of a header")
        if lower in _OURS or lower.startswith("proxy-"):
            message = f"the header {lower} is set by the platform; take it out"
            raise fail(Code.INVALID_ARGUMENT, message)
        if lower in found:
            raise fail(Code.INVALID_ARGUMENT, f"the header {lower} stands twice")
        # The value may be a secret: it is not shown.
        if not _VALUE.fullmatch(text):
            message = f"the header {lower} is longer than 8192 characters, or not printable ASCII"
            raise fail(Code.INVALID_ARGUMENT, message)
        found[lower] = text.strip(" ")
    return found


def _body(given: Mapping[str, Any]) -> tuple[str, bytes]:
    """Return the content type, empty without a body, and the bytes."""
    if len(given) > 1:
        message = f"give one of {' and '.join(sorted(given))}: a request has one body"
        raise fail(Code.INVALID_ARGUMENT, message)
    try:
        if "json" in given:
            text = json.dumps(given["json"], ensure_ascii=False, allow_nan=False)
            return "application/json", text.encode()
        if "text" in given:
            return "text/plain; charset=utf-8", str(given["text"]).encode()
    except UnicodeEncodeError:
        raise fail(Code.INVALID_ARGUMENT, "the body holds half of a character") from None
    if "form" in given:
        return "application/x-www-form-urlencoded", encoded(given["form"]).encode()
    return "", b""
