"""Waiting for news of a run in an event loop, while signals come in another thread."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager, suppress
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from blockyard_platform.service.runs.eventlog import ENDED, TOPIC

if TYPE_CHECKING:
    from collections.abc import Generator

    from blockyard_platform.service.signals import Signals


class _Waiter(NamedTuple):
    """Who waits, and whether for the end alone."""

    loop: asyncio.AbstractEventLoop
    event: asyncio.Event
    ending: bool


class Watching:
    """Tells those who wait that there may be news: of their run, or of all when signals were lost."""

    def __init__(self, signals: Signals) -> None:
        """Listen from now on."""
        self._lock = Lock()
        self._waiting: dict[str, set[_Waiter]] = {}
        self._left = False
        self._ends = [
            signals.subscribe(TOPIC, partial(self._tell, ended=False)),
            signals.subscribe(ENDED, partial(self._tell, ended=True)),
        ]

    @contextmanager
    def of(self, run_id: str, *, ending: bool = False) -> Generator[asyncio.Event]:
        """Yield an event of the running loop that is set whenever there may be news of a run, or it may have ended; who has looked clears it *before* looking."""
        waiter = _Waiter(asyncio.get_running_loop(), asyncio.Event(), ending)
        with self._lock:
            self._waiting.setdefault(run_id, set()).add(waiter)
        try:
            yield waiter.event
        finally:
            with self._lock:
                self._waiting[run_id].discard(waiter)
                if not self._waiting[run_id]:
                    del self._waiting[run_id]

    @property
    def left(self) -> bool:
        """Whether nobody is to wait here any more: they answer with what they have, and are asked again elsewhere, or later."""
        return self._left

    def leave(self) -> None:
        """Have all who wait look up, and nobody wait any more: the process is about to end."""
        self._left = True
        self._tell("", ended=True)

    def close(self) -> None:
        """Listen no more."""
        for end in self._ends:
            end()

    def _tell(self, run_id: str, *, ended: bool) -> None:
        with self._lock:
            groups = [self._waiting.get(run_id, set())] if run_id else self._waiting.values()
            found = [waiter for group in groups for waiter in group]
        for it in found:
            if ended or not it.ending:
                # A loop may end between a look whether it has and the call: then nobody waits any more.
                with suppress(RuntimeError):
                    it.loop.call_soon_threadsafe(it.event.set)
