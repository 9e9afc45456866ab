"""Whether the service is there, and ready."""

from __future__ import annotations

from typing import Literal

from blockyard_platform.service.api.models.base import Out
from blockyard_platform.service.operations.health import State


class LiveOut(Out):
    """The process answers."""

    status: Literal["ok"] = "ok"


class PartOut(Out):
    """One part as it stood ``age`` seconds ago. ``words`` are for the platform's own people: others are not told."""

    name: str
    state: State
    words: str | None
    age: float


class ReadyOut(Out):
    """How the whole stands: as well as its worst part. It is ready unless one has failed."""

    state: State
    parts: list[PartOut]
