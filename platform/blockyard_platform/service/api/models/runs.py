"""Runs, their stages, what they wait for, and what is done with them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from blockyard_platform.service.api.models.base import At, Flag, In, Out, Whole
from blockyard_platform.service.runs.orders import MOST_PRIORITY
from blockyard_platform.service.runs.views import State
from blockyard_schemas.statuses import Status


class RunIn(In):
    """A run that is to begin: of a stored workflow, or of a document that comes with it."""

    workflow: Annotated[str, Field(max_length=100)] | None = None
    """A stored workflow."""
    version: Annotated[Whole, Field(ge=1, lt=2**31)] | None = None
    """The version that is run; null is the newest."""
    document: str | dict[str, Any] | None = None
    """A document: as YAML or JSON text, or as a JSON object."""
    params: dict[str, Any] = Field(default_factory=dict[str, Any])
    priority: Annotated[Whole, Field(ge=-MOST_PRIORITY, le=MOST_PRIORITY)] = 0
    """Higher ones of the same tenant go first."""


class RunRowOut(Out):
    """A run in a listing."""

    id: str
    tenant: str
    workflow: str
    version: int | None
    state: State
    """``waiting`` is parked: a moment or an answer brings it back."""
    status: Status
    """WAIT until it has ended."""
    origin: str
    priority: int
    author: str | None
    created: At
    ended: At | None


class WaitOut(Out):
    """What a parked run waits for."""

    path: str
    """The node path of its stage."""
    kind: Literal["timer", "approval"]
    due: At | None
    """When it goes on in any case."""
    asked: dict[str, Any]
    """The message and the form of an approval."""
    answer: dict[str, Any] | None


class QueuedOut(Out):
    """Why a run waits for a slot, or for others of its concurrency group."""

    position: int
    """Among the tenant's own, or those of the group; 1 is the next."""
    reason: str
    words: str


class RunOut(RunRowOut):
    """All of a run but its stages, which are a listing of their own."""

    params: dict[str, Any]
    policy: int | None
    """The version of the policy under which it was accepted."""
    concurrency: str | None
    cpu_seconds: float
    outputs: dict[str, Any]
    problems: list[dict[str, Any]]
    jobs: dict[str, Status]
    waits: list[WaitOut]
    queued: QueuedOut | None


class StageOut(Out):
    """How a stage of a run ended."""

    seq: int
    path: str
    kind: str
    status: Status
    code: int
    outputs: Any
    error: dict[str, Any] | None
    started: At | None
    seconds: float
    attempts: int


class EventOut(Out):
    """One thing that happened in a run."""

    seq: int
    at: At
    kind: str
    path: str
    data: dict[str, Any]


class EventsOut(Out):
    """What happened in a run after an event; ask again after the ``seq`` of the last one."""

    items: list[EventOut]


class AnswerIn(In):
    """What is said to an approval."""

    path: Annotated[str, Field(min_length=1, max_length=2_000)]
    """The node path of the stage that asks."""
    approved: Flag
    values: dict[str, Any] = Field(default_factory=dict[str, Any])
    """What the form asks for."""
    comment: Annotated[str, Field(max_length=2_000)] | None = None


class CancelIn(In):
    """Why a run is cancelled."""

    reason: Annotated[str, Field(max_length=200)] = ""


class ResumeIn(In):
    """How a run that has ended is done again: from what failed, or from a stage, or all of it."""

    params: dict[str, Any] | None = None
    """Params that are changed; the others stay."""
    start: Annotated[str, Field(max_length=2_000)] | None = None
    """The node path of the stage from which on it is done again."""
    reset: Flag = False
    """Whether nothing of what was done stands."""
