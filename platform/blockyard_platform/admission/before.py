"""Which jobs have ended when another begins."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


class Before:
    """The jobs that one job comes after: those that it needs, and those that they need."""

    def __init__(self, name: str, needs: Mapping[str, tuple[str, ...]]) -> None:
        """Keep what is needed; nothing is followed yet."""
        self._name = name
        self._needs = needs

    @property
    def all(self) -> Collection[str]:
        """The names of all jobs of the document."""
        return self._needs

    @cached_property
    def names(self) -> frozenset[str]:
        """The names of the jobs that come before."""
        seen: set[str] = set()
        heap = list(self._needs.get(self._name, self._needs))
        while heap:
            each = heap.pop()
            if each not in seen and each in self._needs:
                seen.add(each)
                heap.extend(self._needs[each])
        return frozenset(seen)
