"""What is wrong with a workflow of callables, told before any of them is called."""

from __future__ import annotations

from blockyard_platform.errors import PlatformError


class ManagerError(PlatformError):
    """A workflow of callables cannot be run as it is asked for; the message says what to do."""


class StepError(ManagerError):
    """A step cannot be called: it is not found, takes what is not offered, or cannot reach the process it is to run in."""


class InputChangedError(ManagerError):
    """The workflow was begun with another input, and ``on_input_change`` is ``raise``."""


class TasksChangedError(ManagerError):
    """The workflow was begun with other tasks, so that its checkpoints do not fit."""
