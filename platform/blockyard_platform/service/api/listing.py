"""Pages of what is not in the database, by name, with cursors of the same kind."""

from __future__ import annotations

import base64
from bisect import bisect_right
from typing import TYPE_CHECKING, TypeVar

from blockyard_platform.service.api.models.base import Paged
from blockyard_platform.service.registry.errors import InvalidError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from blockyard_platform.service.registry.paging import Ask

T = TypeVar("T")


def page_of(listing: str, named: Mapping[str, T], ask: Ask) -> Paged[T]:
    """Return a page in the order of names. Raises InvalidError for a cursor that this listing has not made."""
    names = sorted(named)
    start = 0 if ask.after is None else bisect_right(names, _name(listing, ask.after))
    chosen = names[start : start + ask.limit]
    more = start + len(chosen) < len(names)
    cursor = _cursor(listing, chosen[-1]) if more else None
    return Paged(items=[named[each] for each in chosen], next=cursor)


def _cursor(listing: str, name: str) -> str:
    return base64.urlsafe_b64encode(f"{listing} {name}".encode()).rstrip(b"=").decode()


def _name(listing: str, cursor: str) -> str:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        text = base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True).decode()
    except ValueError:
        text = ""
    name = text.removeprefix(f"{listing} ")
    if not name or _cursor(listing, name) != cursor:
        raise InvalidError(
            "this is no cursor of this listing", "give `next` of the page before, as it stands"
        )
    return name
