"""The journal: what a run has done, by node path.

A stage's record is its checkpoint. Node paths are stable: ``a/b`` for a stage in a stage, ``a[17]/b`` in an item of
a foreach (from 0), ``a#3/b`` in a loop of an until (from 1), ``a/BRANCH/b`` in a branch of a parallel, ``a/try/b`` in a part of a try.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from blockyard_platform.results import StageRecord


class Journal(Protocol):
    """Where a run writes. A method returns an awaitable when the run must wait for it, else ``None``."""

    def started(self, path: str) -> Awaitable[None] | None:
        """Note that a stage with an effect (a host block) begins."""

    def finished(self, record: StageRecord) -> Awaitable[None] | None:
        """Note how a stage ended."""


class MemoryJournal:
    """A journal that lives as long as its run."""

    def __init__(self) -> None:
        """Begin empty."""
        self.records: dict[str, StageRecord] = {}
        self.begun: list[str] = []

    def started(self, path: str) -> None:
        """Note that a stage with an effect begins."""
        self.begun.append(path)

    def finished(self, record: StageRecord) -> None:
        """Note how a stage ended."""
        self.records[record.path] = record
