"""The journal: what a run has done, by node path.

A stage's record is its checkpoint. Node paths are stable: ``a/b`` for a stage in a stage, ``a[17]/b`` in an item of
a foreach (from 0), ``a#3/b`` in a loop of an until (from 1), ``a/BRANCH/b`` in a branch of a parallel, ``a/try/b`` in a part of a try,
``a>b`` in a workflow that was triggered, ``a~2/b`` in the second attempt at a stage that holds stages; ``JOB:a`` in a job,
``JOB[2]:a`` in a combination of its matrix, ``JOB~2:a`` in its second attempt.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from blockyard_platform.results import RunResult, StageRecord


UNDER_WAY = "seconds under way"
"""The pin that keeps how long a run was at work before it parked last."""

DOCUMENTS = "workflows"
"""The pin that keeps the documents of the workflows that a run triggers, as JSON by name."""


class Begun(NamedTuple):
    """An effect that was begun and has no end: how often, and when first, in seconds since the epoch."""

    times: int
    at: float


class Marks(NamedTuple):
    """What goes with a record, so that a run that is resumed stands where it stood.

    ``durable`` asks that the record outlives the machine's power, as that of an effect must; ``use`` is a block whose uses are limited, and how often the run has used it by then;
    ``variables`` are all variables of the run when the stage changed them; ``cpu_seconds`` what the run has used so far.
    """

    durable: bool = False
    use: tuple[str, int] | None = None
    variables: dict[str, Any] | None = None
    cpu_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Past:
    """What earlier work on a run has left.

    ``again`` tells that the run had ended: what failed is then run once more, else it is taken as it was. ``pins`` are what the run
    has fixed for good, by name.
    """

    records: Mapping[str, StageRecord]
    begun: Mapping[str, Begun] = field(default_factory=dict[str, Begun])
    uses: Mapping[str, int] = field(default_factory=dict[str, int])
    variables: dict[str, Any] = field(default_factory=dict[str, Any])
    cpu_seconds: float = 0.0
    again: bool = False
    pins: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def empty(self) -> bool:
        """Whether it is as if there had been none: then a run need not look back at each of its stages."""
        used = self.uses or self.cpu_seconds
        return not (self.records or self.begun or self.pins or self.variables or used)

    def reached(self, where: str) -> bool:
        """Whether there is anything of an attempt, by its node path."""
        keys, at = (*self.records, *self.begun), len(where)
        return any(it.startswith(where) and not it[at : at + 1].isdigit() for it in keys)


class Journal(Protocol):
    """Where a run writes. A method returns an awaitable when the run must wait for it, else ``None``."""

    @property
    def behind(self) -> bool:
        """Whether something that was noted is not written yet: then ``written`` comes before the next stage begins."""
        ...

    def started(self, path: str, at: float) -> Awaitable[None] | None:
        """Note that a stage with an effect begins, before it does."""

    def finished(self, record: StageRecord, marks: Marks) -> Awaitable[None] | None:
        """Note how a stage ended, before the next one begins."""

    def pinned(self, name: str, value: str) -> Awaitable[None] | None:
        """Note what the run has fixed for good, such as the digest of an image, before it is used."""

    def written(self) -> Awaitable[None] | None:
        """Have all that was noted written."""

    def ended(self, result: RunResult) -> None:
        """Note how the run ended."""

    def close(self) -> None:
        """Let go of what the journal holds; nothing is written afterwards."""


class MemoryJournal:
    """A journal that lives as long as its run."""

    behind = False

    def __init__(self) -> None:
        """Begin empty."""
        self.records: dict[str, StageRecord] = {}
        self.begun: dict[str, float] = {}

    def started(self, path: str, at: float) -> None:
        """Note that a stage with an effect begins."""
        self.begun[path] = at

    def finished(self, record: StageRecord, marks: Marks) -> None:
        """Note how a stage ended."""
        self.records[record.path] = record

    def pinned(self, name: str, value: str) -> None:
        """Nothing is kept: the run itself knows."""

    def written(self) -> None:
        """Nothing is behind."""

    def ended(self, result: RunResult) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing is held."""
