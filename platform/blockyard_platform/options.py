"""The options of a run: who is told of it, and how it waits. They are types alone, which nothing needs at work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypedDict

from blockyard_platform.engine.waits import Parking
from blockyard_platform.events import Event, RunView
from blockyard_platform.results import LogLine, StageRecord
from blockyard_platform.waits import Waiting


class Callbacks(TypedDict, total=False):
    """Functions or coroutine functions that are told of a run; one that raises is logged and changes nothing."""

    on_step_update: Callable[[RunView, StageRecord], Any] | None
    on_job_finish: Callable[[RunView, StageRecord | None], Any] | None
    on_log: Callable[[LogLine], Any] | None
    on_event: Callable[[RunView, Event], Any] | None


class Options(Callbacks, total=False):
    """Callbacks, and how a run waits: see :meth:`Runner.start`."""

    parking: Parking | None
    on_approval: Callable[[RunView, Waiting], Any] | None
