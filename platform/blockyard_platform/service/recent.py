"""What was used last, up to a count: for what is dear to make, and never changes. Safe in threads."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

V = TypeVar("V")


class Recent(Generic[V]):
    """Values by key; the one that was not used for longest goes first."""

    def __init__(self, most: int) -> None:
        """Keep at most so many."""
        self._most = most
        self._lock = Lock()
        self._kept: OrderedDict[Hashable, V] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], V]) -> V:
        """Return the value of a key, made when it is not there; nothing is kept of what ``make`` raises.

        Two threads that ask at once may both make it: it is not made under the lock, where all others would wait.
        """
        found = self.peek(key)
        if found is None:
            found = make()
            self.keep(key, found)
        return found

    def peek(self, key: Hashable) -> V | None:
        """Return the value of a key, if it is there."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def keep(self, key: Hashable, value: V) -> None:
        """Put a value, as the one that was used last."""
        with self._lock:
            self._kept[key] = value
            self._kept.move_to_end(key)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)

    def __len__(self) -> int:
        """Return how many are kept."""
        return len(self._kept)
