"""Where a request goes: strict reading of URLs, so that what is checked is what is connected to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode, urljoin, urlsplit

from blockyard_platform.containers import fail
from blockyard_platform.plain import is_list
from blockyard_sandbox.egress.hosts import read_host, written
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from collections.abc import Mapping

_PORTS: Final = {"http": 80, "https": 443}
_LONGEST: Final = 8192
"""Characters of a URL; servers take no more."""

_BAD = re.compile(r"[\x00-\x20\x7f-\xa0\\\u2028\u2029\ud800-\udfff]")
_KEPT: Final = "%!$&'()*+,;=:@/-._~"
"""What a path or a query holds as it is (RFC 3986), a percent sign among it."""


class UrlError(ValueError):
    """A text is no URL that may be asked; the message says why, and holds nothing secret of it."""


@dataclass(frozen=True, slots=True)
class Place:
    """A URL in its parts. ``host`` is in the spelling of ``read_host``; ``target`` is path and query, in ASCII."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """Host and port, the port only when it is not the scheme's own."""
        both = written(self.host, self.port)
        return both if self.port != _PORTS[self.scheme] else both.rpartition(":")[0]

    @property
    def url(self) -> str:
        """The URL in its one spelling."""
        return f"{self.scheme}://{self.authority}{self.target}"

    @property
    def origin(self) -> tuple[str, str, int]:
        """What may see the same credentials (RFC 6454)."""
        return self.scheme, self.host, self.port


def place_of(url: str, query: Mapping[str, Any] | None = None) -> Place:
    """Read an absolute URL, and add to its query; raise UrlError."""
    if len(url) > _LONGEST:
        raise UrlError(f"it is longer than {_LONGEST} characters")
    if _BAD.search(url):
        raise UrlError("it holds spaces, backslashes or characters that cannot be seen")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise UrlError("its host cannot be read") from None
    scheme = parts.scheme.lower()
    if scheme not in _PORTS:
        raise UrlError("it is neither http:// nor https://")
    if "@" in parts.netloc:
        raise UrlError("it holds a user or a password; write them in headers: authorization")
    host, port = _host(parts.netloc)
    pairs = "&".join(each for each in (quote(parts.query, _KEPT + "?"), encoded(query)) if each)
    target = (quote(parts.path, _KEPT) or "/") + (f"?{pairs}" if pairs else "")
    if len(target) > _LONGEST:
        raise UrlError(f"its path and query are longer than {_LONGEST} characters")
    return Place(scheme, host, _PORTS[scheme] if port is None else port, target)


def redirected(place: Place, location: str) -> Place:
    """Return where a redirect leads; raise UrlError, also when it leads from https to http."""
    if len(location) > _LONGEST or _BAD.search(location):
        raise UrlError("it is too long, or holds spaces or characters that cannot be seen")
    try:
        joined = urljoin(place.url, location)
    except ValueError:
        raise UrlError("its host cannot be read") from None
    found = place_of(joined)
    if (place.scheme, found.scheme) == ("https", "http"):
        raise UrlError("it leads from https to http")
    return found


def encoded(fields: Mapping[str, Any] | None) -> str:
    """Write fields as those of a form (application/x-www-form-urlencoded); raise StageFailureError."""
    pairs: list[tuple[str, str]] = []
    for name, value in (fields or {}).items():
        for each in value if is_list(value) else [value]:
            if each is not None:
                pairs.append((name, _text(name, each)))
    try:
        return urlencode(pairs)
    except UnicodeEncodeError:
        raise fail(Code.INVALID_ARGUMENT, "a field holds half of a character") from None


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    message = (
        f"the field {name[:60]!r} is neither text, number, true, false, null nor a list of these"
    )
    raise fail(Code.INVALID_TYPE, message)


def _host(netloc: str) -> tuple[str, int | None]:
    if not netloc:
        raise UrlError("it names no host")
    try:
        return read_host(netloc)
    except ValueError as error:
        raise UrlError(str(error)) from None
