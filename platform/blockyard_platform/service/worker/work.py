"""A run that a worker has, and what is wished of it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from blockyard_schemas.problems import InvalidDocumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    from blockyard_platform.engine.handle import RunHandle
    from blockyard_platform.waits import Answer

    Wish: TypeAlias = Callable[[RunHandle], None]


class Work:
    """A run that this worker has; what is wished of it before it has begun is kept. Used in the loop, but for its making.

    ``lost`` tells that dispatch has given the run to another worker.
    """

    __slots__ = ("_handle", "_wish", "lost")

    def __init__(self) -> None:
        """Have no run yet."""
        self.lost = False
        self._handle: RunHandle | None = None
        self._wish: Wish | None = None

    def begin(self, handle: RunHandle) -> None:
        """Have a run, and do to it what was wished before."""
        self._handle = handle
        if self._wish is not None:
            self._wish(handle)

    def answer(self, answers: Mapping[str, Answer]) -> None:
        """Answer what the run asks now; what it does not ask it is given when it is taken up again."""
        for path, answer in answers.items():
            with suppress(InvalidDocumentError):
                if self._handle is not None:
                    self._handle.answer(path, answer)

    def wish(self, wish: Wish) -> None:
        """Do something to the run, now or when it begins."""
        self._wish = wish
        if self._handle is not None:
            wish(self._handle)
