"""The links of an HTML project page (PEP 503), read with a bound on the work that a hostile page can cause."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import urljoin

_STEP = 32 << 10
_LONGEST_PIECE = 64 << 10
MOST_FILES = 200_000
"""Files, or links, that a page may hold."""


class PageError(ValueError):
    """What an index sent is not a project page, or is too large to be one. The message quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class Link:
    """An anchor of a page: where it leads to, seen from ``base``, and its attributes, unescaped."""

    base: str
    href: str
    attributes: Mapping[str, str]


def links_of(text: str, address: str) -> list[Link]:
    """Return the links of the page that was found at ``address``, in order. Raises PageError."""
    parser = _Parser(address)
    try:
        # An unfinished tag is looked at again with each step, and slowly at the end: so it may not grow.
        for start in range(0, len(text), _STEP):
            parser.feed(text[start : start + _STEP])
            if len(parser.rawdata) > _LONGEST_PIECE:
                raise PageError("the page holds a tag without an end")
            if len(parser.links) > MOST_FILES:
                raise PageError(f"the page holds more than {MOST_FILES} links")
        parser.close()
    except AssertionError as error:  # how the standard parser meets some declarations
        raise PageError("the page holds a declaration that is not HTML") from error
    return parser.links


class _Parser(HTMLParser):
    rawdata: str

    def __init__(self, address: str) -> None:
        super().__init__()
        self.links: list[Link] = []
        self._address = address
        self._base: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in reversed(attrs)}  # the first of two counts
        if tag == "base" and self._base is None and "href" in told:
            self._base = _joined(self._address, told["href"])
        if tag == "a" and "href" in told:
            self.links.append(Link(self._base or self._address, told["href"], told))


def _joined(address: str, href: str) -> str | None:
    try:
        return urljoin(address, href.strip())
    except ValueError:
        return None
