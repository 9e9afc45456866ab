"""Requests under way, by tenant: one that asks for too much at a time does not keep others from being answered."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from blockyard_platform.service.api.problems import RefusedRequestError

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Scope

LEAVING = "blockyard.leaving"
"""The key of a request's scope under which stands what is called when it is answered."""

_SECONDS = "1"


class Crowd:
    """Used in the event loop alone: its methods do not wait, and so need no lock."""

    def __init__(self, most: int) -> None:
        """Let so many requests of each tenant in at once, streams among them."""
        self._most = most
        self._inside: Counter[str] = Counter()

    def enter(self, scope: Scope, tenant: str) -> None:
        """Count a request until it is answered, to the end of a stream. Raises RefusedRequestError (429) when there are too many."""
        if self._inside[tenant] >= self._most:
            raise RefusedRequestError(
                429,
                f"{self._most} requests of the tenant are under way, and no more are taken at a time",
                "wait for an answer, or end a stream (setting tenant_requests)",
                headers={"Retry-After": _SECONDS},
            )
        self._inside[tenant] += 1
        leaving: list[Callable[[], None]] = scope[LEAVING]
        leaving.append(partial(self._leave, tenant))

    def _leave(self, tenant: str) -> None:
        self._inside[tenant] -= 1
        if not self._inside[tenant]:
            del self._inside[tenant]
