"""Connections to SQLite that say when they have committed: its own module does not."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class CommittingConnection(sqlite3.Connection):
    """Calls what was given to ``after_commit`` once the transaction is on the disk; after a rollback never."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Open as ``sqlite3.connect`` does."""
        super().__init__(*arguments, **options)
        self._waiting: list[Callable[[], None]] = []

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call this after the next commit. It must not raise."""
        self._waiting.append(callback)

    def commit(self) -> None:
        """Commit, and call what waits for that."""
        super().commit()
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            for callback in waiting:
                callback()

    def rollback(self) -> None:
        """Roll back, and forget what waits for the commit."""
        self._waiting.clear()
        super().rollback()
