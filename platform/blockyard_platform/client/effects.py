"""What a flow wants done: flows say what, and the two transports do it, with threads that wait or with asyncio.

A flow is a generator that yields effects and is sent what came of them. An UnreachableError is thrown into it where no answer came.
Nothing in a flow waits, so that each is written once, and can be tested without a network and without a clock.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

if TYPE_CHECKING:
    from blockyard_platform.client.calls import Request
    from blockyard_platform.client.errors import UnreachableError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Open:
    """Send a request; gives the Head of the answer. The answer before is closed."""

    request: Request


@dataclass(frozen=True, slots=True)
class Read:
    """Gives the next bytes of the answer; None at its end."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Give(Generic[T]):
    """Hand something to whoever iterates."""

    item: T


Effect: TypeAlias = Open | Read | Pause
Flow: TypeAlias = Generator[Effect, Any, T]
"""Comes to one value."""
Stream: TypeAlias = Generator[Effect | Give[T], Any, None]
"""Gives many."""


class Steps:
    """A flow, one effect after the other; when it is over, ``result`` is what it came to."""

    result: Any = None

    def __init__(self, flow: Generator[Any, Any, Any]) -> None:
        """Stand at the beginning."""
        self._flow = flow
        self._value: Any = None
        self._error: UnreachableError | None = None

    def next(self) -> Effect | Give[Any] | None:
        """Return the next effect; None when the flow is over. Raises what the flow raises."""
        value, error = self._value, self._error
        self._value = self._error = None
        effect: Effect | Give[Any]
        try:
            effect = self._flow.send(value) if error is None else self._flow.throw(error)
        except StopIteration as end:
            self.result = end.value
            return None
        return effect

    def came(self, value: Any) -> None:
        """Note what came of the effect."""
        self._value = value

    def failed(self, error: UnreachableError) -> None:
        """Note that no answer came."""
        self._error = error

    def close(self) -> None:
        """End the flow where it stands."""
        self._flow.close()
