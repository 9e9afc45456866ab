"""What a step is told and what it may say of itself: ``Context`` and ``@action``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, overload

from blockyard_platform.manager.errors import StepError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

_Target = TypeVar("_Target")
_MARK = "__blockyard_action__"


@dataclass(frozen=True, slots=True)
class Context:
    """A value that is handed on: ``storage`` is the value itself, any Python object; ``time``, in UTC, when a task had made it."""

    storage: Any = None
    task_id: str | None = None
    workflow_id: str | None = None
    time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """How a step is tried: ``retry`` attempts in all, seconds of ``timeout`` for each (0 is none), seconds between them."""

    retry: int = 1
    timeout: float = 0.0
    retry_delay: float = 1.0
    backoff: bool = False

    def __post_init__(self) -> None:
        """Refuse what makes no sense. Raises StepError."""
        if type(self.retry) is not int or self.retry < 1:
            raise StepError(
                f"retry counts all attempts and is at least 1, not {str(self.retry)[:40]!r}"
            )
        for name in ("timeout", "retry_delay"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
                raise StepError(f"{name} is a number of seconds, not {str(value)[:40]!r}")


@overload
def action(target: _Target, /) -> _Target: ...
@overload
def action(
    target: None = None,
    /,
    *,
    retry: int = 1,
    timeout: float = 0.0,
    retry_delay: float = 1.0,
    backoff: bool = False,
) -> Callable[[_Target], _Target]: ...
def action(
    target: Any = None,
    /,
    *,
    retry: int = 1,
    timeout: float = 0.0,
    retry_delay: float = 1.0,
    backoff: bool = False,
) -> Any:
    """Mark a function, a coroutine function, a class or a method as a step, and say how it is tried.

    ``retry`` counts all attempts; between them ``retry_delay`` seconds pass, doubled each time with ``backoff``. An attempt that
    takes longer than ``timeout`` seconds is ended, and counts as failed. What is marked stays as it is, and can be called by itself.
    """
    options = Options(retry, timeout, retry_delay, backoff)

    def mark(target: Any) -> Any:
        setattr(target, _MARK, options)
        return target

    return mark if target is None else mark(target)


def options_of(target: Any) -> Options | None:
    """Return what ``@action`` said of a callable; ``None`` when it is not marked."""
    found = getattr(target, _MARK, None)
    return found if isinstance(found, Options) else None
