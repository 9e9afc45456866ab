"""What is told of a run: its row in a listing, all of it, its stages, its events."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from blockyard_schemas.statuses import Status


class State(StrEnum):
    """Where a run is. A run that is WAITING is parked, or held by its group: no process has it, and a moment, an answer or the end of another run brings it back."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run in a listing. Times are seconds since 1970; ``status`` is WAIT until the run has ended."""

    id: str
    tenant: str
    workflow: str
    version: int | None
    state: State
    status: Status
    origin: str
    priority: int
    author: str | None
    created: float
    ended: float | None


@dataclass(frozen=True, slots=True)
class RunDetail:
    """All of a run but its stages. ``problems``, ``outputs`` and ``jobs`` are there when it has ended."""

    row: RunRow
    params: dict[str, Any]
    policy: int | None
    concurrency: str | None
    cpu_seconds: float
    outputs: dict[str, Any] = field(default_factory=dict[str, Any])
    problems: tuple[dict[str, Any], ...] = ()
    jobs: Mapping[str, str] = field(default_factory=dict[str, str])
    waits: tuple[Wait, ...] = ()


@dataclass(frozen=True, slots=True)
class Wait:
    """What a parked run waits for: ``asked`` has the message and the form of an approval; ``due`` is when it goes on in any case."""

    path: str
    kind: str
    due: float | None
    asked: dict[str, Any]
    answer: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class StageRow:
    """How a stage ended; ``seq`` is its position among the run's."""

    seq: int
    path: str
    kind: str
    status: str
    code: int
    outputs: Any
    error: dict[str, Any] | None
    started: float | None
    seconds: float
    attempts: int


@dataclass(frozen=True, slots=True)
class EventRow:
    """One thing that happened in a run: ``seq`` grows by at least one from each event to the next."""

    seq: int
    at: float
    kind: str
    path: str
    data: dict[str, Any]
