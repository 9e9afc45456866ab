"""Names that are given once each."""

from __future__ import annotations

from collections.abc import Iterable


class Names:
    """Gives each asker a name of its own: the wanted one, or with a number after it."""

    def __init__(self, taken: Iterable[str] = (), joint: str = "-") -> None:
        """Begin with names that are taken already; ``joint`` goes before the number."""
        self._taken = set(taken)
        self._joint = joint
        self._next: dict[str, int] = {}

    def take(self, wanted: str) -> str:
        """Return a name that nobody has been given yet."""
        found, number = wanted, self._next.get(wanted, 2)
        while found in self._taken:
            found, number = f"{wanted}{self._joint}{number}", number + 1
        self._next[wanted] = number
        self._taken.add(found)
        return found
