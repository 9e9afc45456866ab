"""Tasks: what is to be done, and what has become of it."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from blockyard_platform.manager.actions import Context
from blockyard_platform.manager.errors import StepError
from blockyard_platform.manager.steps import Step, steps_of
from blockyard_schemas.statuses import Code, Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from blockyard_platform.results import StageRecord

_BAD = (Status.FAILED, Status.CANCEL)


@dataclass(frozen=True, slots=True)
class TaskError:
    """One failed attempt: its number from 1, the name of the exception, its message and its traceback."""

    attempt: int
    exception: str
    message: str
    traceback: str


class Task:
    """One task: ``step`` is a function, a coroutine function, a class with marked methods, or ``module:name``.

    ``initial_context`` is handed to the step, ``callback(task=...)`` is called at its end, ``group_name`` says with which others it
    stands in a row. ``name`` is what checkpoints are found by: unless told, that of the step.

    Afterwards ``status``, ``current_context``, ``previous_context``, ``errors``, ``attempts``, ``duration`` (seconds), ``started_at`` and
    ``finished_at`` (UTC) tell what became of it, and ``restored`` whether that was taken from a checkpoint.
    """

    def __init__(
        self,
        step: Callable[..., Any] | str,
        callback: Callable[..., Any] | None = None,
        initial_context: Any = None,
        group_name: str = "default",
        name: str | None = None,
    ) -> None:
        """Look the step up. Raises StepError when it cannot be called."""
        self.steps: list[Step] = steps_of(step)
        self.name = name or _name_of(step)
        self.callback = callback
        self.group_name = group_name
        self.initial_context = _context(initial_context)
        self.reset()

    def reset(self) -> None:
        """Forget what became of the task."""
        self.status = Status.WAIT
        self.previous_context = Context()
        self.current_context = Context()
        self.errors: list[TaskError] = []
        self.attempts = 0
        self.duration = 0.0
        self.started_at: datetime | None = None
        self.finished_at: datetime | None = None
        self.restored = False

    @property
    def task_id(self) -> str:
        """The name, which is the same in every process."""
        return self.name

    def stage_ids(self) -> list[str]:
        """Return the ids of the task's stages: its name, or one for each method of a class."""
        if len(self.steps) == 1:
            return [self.name]
        return [f"{self.name}-{step.method}" for step in self.steps]

    def failed_once(self, error: BaseException) -> None:
        """Note a failed attempt."""
        trace = "".join(traceback.format_exception(error))
        number = len(self.errors) + 1
        code = getattr(error, "code", None)
        name = code.name if isinstance(code, Code) else type(error).__name__
        self.errors.append(TaskError(number, name, str(error), trace))

    def ended(self, record: StageRecord, *, restored: bool) -> None:
        """Take over how one of the task's stages ended."""
        if record.status is Status.SKIP and record.code is Code.SKIPPED:
            return
        self.status = self.status if self.status in _BAD else record.status
        self.attempts += record.attempts
        self.duration += record.seconds
        self.restored = restored
        if record.started is not None:
            begun = datetime.fromtimestamp(record.started, UTC)
            self.started_at = self.started_at or begun
            self.finished_at = datetime.fromtimestamp(record.started + record.seconds, UTC)
        if record.error is not None and not self.errors:
            self.errors.append(TaskError(1, record.error["name"], record.error["message"], ""))


def _context(value: Any) -> Context:
    return value if isinstance(value, Context) else Context(value)


def _name_of(step: Any) -> str:
    if isinstance(step, str):
        return step.replace(":", ".").rpartition(".")[2]
    name = getattr(step, "__name__", None)
    if name is None:
        raise StepError("a step without a name of its own needs one: Task(step, name=...)")
    return "step" if name == "<lambda>" else str(name)
