"""Python callables as tasks of a workflow: modes, going on after failures, checkpoints, and resuming by a fixed id."""

from blockyard_platform.manager.actions import Context, action
from blockyard_platform.manager.errors import (
    InputChangedError,
    ManagerError,
    StepError,
    TasksChangedError,
)
from blockyard_platform.manager.manager import Manager
from blockyard_platform.manager.tasks import Task, TaskError

__all__ = [
    "Context",
    "InputChangedError",
    "Manager",
    "ManagerError",
    "StepError",
    "Task",
    "TaskError",
    "TasksChangedError",
    "action",
]
