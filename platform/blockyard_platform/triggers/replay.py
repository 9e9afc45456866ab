"""Deliveries that came before, so that a recorded request cannot be sent again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias, TypeGuard

from blockyard_platform.plain import is_mapping

MOST_REMEMBERED = 10_000
"""Deliveries that a guard remembers at most."""

Answer: TypeAlias = Literal["new", "seen", "full"]


class ReplayGuard:
    """Remembers the deliveries of one hook while they could come again.

    Give it only what was signed: then nobody without a secret can fill it. What is full refuses; forgetting the oldest
    instead would let it be replayed. Its state is plain data; several processes must share one state, or leave the last word to
    a unique column of a table.
    """

    def __init__(
        self, most: int = MOST_REMEMBERED, state: Mapping[str, object] | None = None
    ) -> None:
        """Begin with nothing, or with a state that ``state`` returned; raise ValueError when it is no such state."""
        if most < 1:
            raise ValueError(f"a guard remembers at least one delivery, not {most}")
        self._most = most
        self._seen: dict[str, float] = {}
        self._horizon = 0.0
        if state is not None:
            self._horizon, self._seen = _read(state)

    def admit(self, key: str, until: float, now: float) -> Answer:
        """Remember a delivery until a time (Unix seconds), and tell whether it is new.

        What has passed is forgotten. Should the clock be put back afterwards, then what may have been forgotten counts as
        seen.
        """
        self._forget(now)
        if key in self._seen or until < self._horizon:
            return "seen"
        if len(self._seen) >= self._most:
            return "full"
        self._seen[key] = until
        return "new"

    def state(self) -> dict[str, object]:
        """Return what is remembered as plain data: ``{horizon: seconds, seen: {key: seconds}}``."""
        return {"horizon": self._horizon, "seen": dict(self._seen)}

    def _forget(self, now: float) -> None:
        gone = [key for key, until in self._seen.items() if until < now]
        for key in gone:
            del self._seen[key]
        self._horizon = max(self._horizon, now)


def _read(state: Mapping[str, object]) -> tuple[float, dict[str, float]]:
    horizon, seen = state.get("horizon"), state.get("seen")
    if not _is_time(horizon) or not is_mapping(seen):
        raise ValueError("the state of a replay guard has a horizon and what was seen")
    if not all(_is_time(until) for until in seen.values()):
        raise ValueError("the state of a replay guard has a time for each delivery")
    return float(horizon), {key: float(until) for key, until in seen.items()}


def _is_time(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
