"""The values that labels of metrics may have."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from blockyard_schemas.kinds import Kind
from blockyard_schemas.statuses import Status

if TYPE_CHECKING:
    from collections.abc import Collection

OTHER = "other"
KINDS = frozenset(each.value for each in Kind) | {"own"}
STATUSES = frozenset(each.value for each in Status)
ORIGINS = frozenset({"api", "schedule", "webhook", "after", "trigger"})
OUTCOMES = frozenset({"accepted", "refused", "delivered", "retried", "failed"})
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
PARTS = frozenset({"journal", "registry", "queue", "events", "retention", "scheduler"})


def among(value: str, known: Collection[str]) -> str:
    """Return a value that is known, or ``other``."""
    return value if value in known else OTHER


def status_class(status: int) -> str:
    """Return an HTTP status that a server may answer with as text, or ``other``."""
    return str(status) if 100 <= status <= 599 else OTHER


class Few:
    """The first names that come, up to a number; ``other`` stands for all that come after them."""

    def __init__(self, most: int) -> None:
        """Know none yet."""
        self._most = most
        self._known: set[str] = set()
        self._lock = Lock()

    def name(self, given: str) -> str:
        """Return the name, or ``other``."""
        if given in self._known:
            return given
        with self._lock:
            if len(self._known) < self._most and given != OTHER:
                self._known.add(given)
        return given if given in self._known else OTHER
