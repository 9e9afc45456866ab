"""Where the server is, and with what it is asked: checked before anything is sent."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from blockyard_platform.client.errors import UsageError

if TYPE_CHECKING:
    from urllib.parse import SplitResult

LONGEST_SEGMENT = 600
"""Characters of a name in a path."""

_TOKEN = re.compile(r"[\x21-\x7e]{1,200}")
_HOST = re.compile(r"[A-Za-z0-9._:-]{1,255}")
_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)*/?")
_EXAMPLE = "write an address such as https://blocks.example"


def checked_url(url: str, *, plaintext: bool = False) -> str:
    """Return an address without a slash at its end. Plain HTTP beyond this machine is refused unless ``plaintext``. Raises UsageError."""
    if not url.isascii() or not url.isprintable() or any(char in url for char in " \\"):
        raise UsageError("the address of the server has characters that it cannot have", _EXAMPLE)
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise UsageError("the address of the server cannot be read", _EXAMPLE) from None
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(host):
        raise UsageError("the address of the server is not that of an HTTP server", _EXAMPLE)
    _check_rest(parts)
    if parts.scheme == "http" and not plaintext and not is_loopback(host):
        raise UsageError(
            f"the token would travel readable to {host}",
            "use https, or allow plain HTTP where the network is your own (plaintext)",
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _check_rest(parts: SplitResult) -> None:
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise UsageError("an address has no user and no password", "give the token by itself")
    if parts.query or parts.fragment or not _PATH.fullmatch(parts.path):
        raise UsageError("an address ends with its path", _EXAMPLE)
    if any(each in (".", "..") for each in parts.path.split("/")):
        raise UsageError("an address has no . and .. in its path", _EXAMPLE)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def checked_token(token: str) -> str:
    """Return a token without the blanks around it. Raises UsageError, whose words leave the token out."""
    found = token.strip()
    if not _TOKEN.fullmatch(found):
        raise UsageError("this cannot be a token", "give the text that was shown when it was made")
    return found


def segment(what: str, name: str | int) -> str:
    """Return a name as one segment of a path: it cannot become another path, nor two. Raises UsageError."""
    text = str(name)
    if not 0 < len(text) <= LONGEST_SEGMENT or text in (".", "..") or set(text) & set("/\\\0"):
        raise UsageError(f"{text[:60]!r} cannot be the name of a {what}")
    try:
        return quote(text, safe="")
    except UnicodeEncodeError:
        raise UsageError(f"{text[:60]!r} cannot be the name of a {what}") from None
