"""How work on a run stops before the run has ended: from outside, for another process, to park, or for want of its journal."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from blockyard_platform.engine.deadlines import overdue
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from blockyard_platform.engine.observers import Observers
    from blockyard_platform.errors import JournalError
    from blockyard_platform.waits import Waiting


class Interruptible:
    """Work on a run, done in one task, until it ends or something stops it."""

    def __init__(self, task: asyncio.Task[Any], observers: Observers) -> None:
        """Begin with nothing that stops it. ``task`` is cancelled by whatever stops it; ``observers`` are told nothing more when it only stops for now."""
        self.task = task
        self.observers = observers
        self.over = False
        self.lost = False
        self.parked: tuple[Waiting, ...] = ()
        self._stopped: tuple[Code, str] | None = None

    @property
    def stopped(self) -> tuple[Code, str] | None:
        """Why the run was ended from outside, if it was."""
        return self._stopped

    def stop(self, code: Code, message: str) -> None:
        """End the run from outside: cancel what runs, and remember why. Once it is over this changes nothing."""
        if self._stopped is None and not self.over:
            self._stopped = (code, message)
            self.task.cancel(message)

    def abandon(self, reason: str) -> None:
        """Stop at once, and neither write nor tell anything more: the run is another process's now."""
        if not self.over and not self.lost:
            self.lost = True
            self._leave(Code.INTERRUPTED, reason)

    def _park(self, waits: tuple[Waiting, ...]) -> None:
        if not self.over and self._stopped is None:
            self.parked = waits
            self._leave(Code.NONE, "the run waits")

    def _leave(self, code: Code, reason: str) -> None:
        """Stop without a word: what is under way is gone on with when the run is taken up."""
        self.observers.mute()
        stopped = self._stopped is not None
        self._stopped = (code, reason)
        if not stopped:
            self.task.cancel(reason)

    async def _lose(self, error: JournalError) -> None:
        stopped = self._stopped is not None
        self.abandon(str(error))
        if stopped:  # its cancellation has come before: there is no other one to wait for
            raise asyncio.CancelledError(str(error))
        await self._hold_on()

    async def _hold_on(self) -> None:
        """Go no further once the run, or what encloses this, is stopped: the cancellation is on its way, and nothing is begun meanwhile."""
        if self._stopped is not None or overdue():
            await asyncio.get_running_loop().create_future()
