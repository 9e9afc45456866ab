"""The thread that sends webhooks: it sleeps until one is due or it is told, and sends several at once.

Every process may have one: what one sends is leased to it. An attempt that a process began and did not end is made again.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from threading import Event, Thread
from typing import TYPE_CHECKING

from blockyard_platform.service.scheduler import outgoing
from blockyard_platform.service.scheduler.sending import Outcome, attempt, note, prepare
from blockyard_platform.triggers.hooks_out import Backoff, Next

if TYPE_CHECKING:
    from collections.abc import Callable

    from blockyard_platform.service.registry.database import Database
    from blockyard_platform.service.scheduler.outgoing import Outgoing
    from blockyard_platform.service.scheduler.seam import Reveal

MOST_AT_ONCE = 16
"""Attempts at once."""
LONGEST_SLEEP = 15.0
"""Seconds after which it looks whatever it knows: another process may have written something."""
AFTER_ERROR = 5.0

_USUAL = Backoff()


class Sender:
    """Sends what is due, in a thread of its own. Close it at the end: what has not arrived then is sent by the next."""

    def __init__(
        self,
        database: Database,
        reveal: Reveal,
        backoff: Backoff = _USUAL,
        on_error: Callable[[str, Exception], None] = lambda what, error: None,
    ) -> None:
        """Send nothing yet. ``on_error`` is told what has failed here, not what receivers answer."""
        self._database = database
        self._reveal = reveal
        self._backoff = backoff
        self._on_error = on_error
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed: asyncio.Event | None = None
        self._ready = Event()
        self._thread: Thread | None = None

    def start(self) -> None:
        """Begin to send."""
        self._thread = Thread(
            target=lambda: asyncio.run(self._watch()), name="blockyard-sender", daemon=True
        )
        self._thread.start()
        self._ready.wait()

    def nudge(self) -> None:
        """Look at once. May be called by any thread."""
        loop, changed = self._loop, self._changed
        if loop is not None and changed is not None:
            # A loop may end between a look whether it has and the call: then nobody waits any more.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(changed.set)

    def close(self) -> None:
        """End; attempts that are under way are given up, and made again when their lease has passed."""
        self._closed = True
        self.nudge()
        if self._thread is not None:
            self._thread.join()

    async def _watch(self) -> None:
        self._loop, self._changed = asyncio.get_running_loop(), asyncio.Event()
        self._ready.set()
        tasks: dict[asyncio.Task[None], str] = {}
        try:
            while not self._closed:
                self._changed.clear()
                wait = await self._begin(tasks)
                await self._pause(tasks, wait)
                for task in [each for each in tasks if each.done()]:
                    del tasks[task]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _begin(self, tasks: dict[asyncio.Task[None], str]) -> float:
        """Begin to send what is due, as far as there is room, and return the seconds until the next look."""
        try:
            free = MOST_AT_ONCE - len(tasks)
            counts = Counter(tasks.values())
            busy = [tenant for tenant, number in counts.items() if number >= outgoing.SHARE]
            taken, wait = await asyncio.to_thread(self._look, free, busy)
        except Exception as error:  # noqa: BLE001  (it is told, and the others are sent)
            self._on_error("webhooks to send", error)
            return AFTER_ERROR
        for each in taken:
            tasks[asyncio.create_task(self._send(each))] = each.tenant
        return LONGEST_SLEEP if len(tasks) >= MOST_AT_ONCE or busy else wait

    def _look(self, free: int, busy: list[str]) -> tuple[tuple[Outgoing, ...], float]:
        taken: tuple[Outgoing, ...] = ()
        if free > 0 and self._is_due():
            with self._database.writing() as work:
                taken = outgoing.take(work, free, busy)
        with self._database.reading() as work:
            due = outgoing.earliest(work)
            wait = LONGEST_SLEEP if due is None else due - work.now
        return taken, min(max(wait, 0.0), LONGEST_SLEEP)

    def _is_due(self) -> bool:
        with self._database.reading() as work:
            return outgoing.is_due(work)

    async def _pause(self, tasks: dict[asyncio.Task[None], str], wait: float) -> None:
        """Wait until something has changed, an attempt has ended, or so many seconds have passed."""
        if self._changed is None:
            return
        changed = asyncio.create_task(self._changed.wait())
        try:
            await asyncio.wait({changed, *tasks}, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
        finally:
            changed.cancel()

    async def _send(self, each: Outgoing) -> None:
        try:
            prepared = await asyncio.to_thread(prepare, self._database, self._reveal, each)
            if isinstance(prepared, str):
                outcome = Outcome(Next("give-up"), problem=prepared)
            else:
                outcome = await attempt(each, prepared, self._backoff)
            await asyncio.to_thread(note, self._database, each, outcome)
        except Exception as error:  # noqa: BLE001  (it is told, and the others are sent)
            self._on_error(f"webhook {each.tenant}/{each.id}", error)
