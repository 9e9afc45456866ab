"""The purger: one thread of a process that forgets what is old, now and then."""

from __future__ import annotations

import logging
from threading import Event, Thread
from typing import TYPE_CHECKING

from blockyard_platform.service.operations.purging import Purged
from blockyard_platform.store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from blockyard_platform.service.operations.retention import Retention

_LOG = logging.getLogger(__name__)
FIRST_SECONDS = 60.0
"""After a start there is other work to do."""
EVERY_SECONDS = 3_600.0
_REST_SECONDS = 0.02


class Purger:
    """Has a Retention purge all tenants every so often. Several processes may each have one: what one has deleted the others do not find."""

    def __init__(
        self,
        retention: Retention,
        tidy: Callable[[], int],
        first: float = FIRST_SECONDS,
        every: float = EVERY_SECONDS,
    ) -> None:
        """Start the thread. ``tidy`` takes away some of what dispatch no longer needs, and says how much: it is called until there is nothing."""
        self._retention = retention
        self._tidy = tidy
        self._first = first
        self._every = every
        self._ending = Event()
        self._thread = Thread(target=self._serve, name="purger", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread, after the step at which it is."""
        self._ending.set()
        self._retention.stop()
        self._thread.join()

    def _serve(self) -> None:
        pause = self._first
        while not self._ending.wait(pause):
            pause = self._every
            try:
                found = self._retention.purge_all()
                if found != Purged():
                    _LOG.info("purged: %s", found)
                while self._tidy() and not self._ending.wait(_REST_SECONDS):
                    pass
            except StoreError as error:
                _LOG.warning("what is old cannot be purged: %s", error)
            except Exception:  # noqa: BLE001  (it is tried again)
                _LOG.exception("the purge has failed, and is tried again")
