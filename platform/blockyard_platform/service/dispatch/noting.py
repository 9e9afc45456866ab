"""What runs have come to, written for many at once. The caller commits."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from blockyard_platform.service.dispatch import runs
from blockyard_platform.service.dispatch.port import State

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy.engine import Connection

    from blockyard_platform.service.dispatch.runs import Claim

Over: TypeAlias = "list[tuple[Claim, State]]"
"""What is at work no more, with how it has ended: ENDED, DELAYED or FAILED."""


def note(connection: Connection, over: Over, retry_seconds: float) -> Over:
    """Write what runs have come to; return what cannot be written just now."""
    by_state: dict[State, list[Claim]] = {}
    for claim, state in over:
        by_state.setdefault(state, []).append(claim)
    held: Over = []
    for state, claims in by_state.items():
        if state is State.DELAYED:
            left = runs.delay(connection, claims, retry_seconds)
        else:
            left = runs.end(connection, claims, state)
        held += [(it, state) for it in left]
    return held


def put_back(connection: Connection, worker: str, known: Collection[tuple[str, int]]) -> bool:
    """Queue what a worker has but does not know of; False when another transaction holds some of it just now."""
    runs.release(connection, worker, failed=False, but=known)
    return not runs.holds(connection, worker, but=known)
