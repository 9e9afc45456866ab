"""Schedules: when a stored workflow is run."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from blockyard_platform.service.api.models.base import At, Flag, In, Out, Whole
from blockyard_platform.triggers.missed import Missed
from blockyard_platform.triggers.overlap import Overlap


class ScheduleIn(In):
    """What is run, and when."""

    workflow: Annotated[str, Field(max_length=100)]
    """A stored workflow."""
    cron: Annotated[str, Field(min_length=1, max_length=200)]
    """A cron expression of five fields, such as ``0 6 * * 1-5``."""
    timezone: Annotated[str, Field(min_length=1, max_length=100)] = "UTC"
    """The zone whose clock the expression means, such as ``Europe/Paris``."""
    version: Annotated[Whole, Field(ge=1, lt=2**31)] | None = None
    """The version that is run; null is the newest at that time."""
    params: dict[str, Any] = Field(default_factory=dict[str, Any])
    missed: Missed = "once"
    """What becomes of times that came while nothing watched the clock."""
    overlap: Overlap = "skip"
    """What is done while an earlier run of the schedule is under way."""
    enabled: Flag = True


class ScheduleOut(Out):
    """A tenant's schedule."""

    tenant: str
    name: str
    workflow: str
    cron: str
    timezone: str
    version: int | None
    params: dict[str, Any]
    missed: str
    overlap: str
    enabled: bool
    next_at: At | None
    """When it is due next."""
    last_at: At | None
    """When it was last due."""
    source: str | None = None
    """The workflow whose document says so, where one does: it is changed there, and switched off and on here."""
    problem: str | None = None
    """Why it did not start a run, or never will."""
    author: str
    created: At


class TimesOut(Out):
    """When a schedule is due next, the earliest first."""

    items: list[At]
