"""Requests under way, by tenant: one that asks for too much at a time does not keep others from being answered."""

from __future__ import annotations

import math
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
        """Let so many requests of each tenant in at once, streams among them, and three quarters of them by one token: whoever holds it keeps no others of the tenant out."""
        self._most = {"tenant": most, "token": math.ceil(most * 3 / 4)}
        self._inside: Counter[tuple[str, str]] = Counter()

    def enter(self, scope: Scope, tenant: str, token: str) -> None:
        """Count a request until it is answered, to the end of a stream. Raises RefusedRequestError (429) when there are too many."""
        keys = (("tenant", tenant), ("token", token))
        for kind, name in keys:
            if self._inside[kind, name] >= self._most[kind]:
                raise RefusedRequestError(
                    429,
                    f"{self._most[kind]} requests of the {kind} are under way, and no more are taken at a time",
                    "wait for an answer, or end a stream (setting tenant_requests)",
                    headers={"Retry-After": _SECONDS},
                )
        self._inside.update(keys)
        leaving: list[Callable[[], None]] = scope[LEAVING]
        leaving.append(partial(self._leave, keys))

    def _leave(self, keys: tuple[tuple[str, str], ...]) -> None:
        for key in keys:
            self._inside[key] -= 1
            if not self._inside[key]:
                del self._inside[key]
