"""What runs ask and wait for, noted in the service's database, and told to those who want to know."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from blockyard_platform.service.runs import parking
from blockyard_platform.service.runs.eventlog import TOPIC as TOLD
from blockyard_platform.service.runs.eventlog import write
from blockyard_platform.service.scheduler.endings import on_approval_asked
from blockyard_platform.service.scheduler.tables import TOPIC
from blockyard_platform.store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blockyard_platform.events import Event
    from blockyard_platform.service.registry.database import Database, Writing
    from blockyard_platform.service.runs.eventlog import EventLog
    from blockyard_platform.service.signals import Signals
    from blockyard_platform.service.worker.ticket import TakenRun
    from blockyard_platform.waits import Waiting

_LOG = logging.getLogger(__name__)


class Asking:
    """Notes and tells for the runs of one worker."""

    def __init__(self, database: Database, signals: Signals, events: EventLog) -> None:
        """Ask nothing yet."""
        self._database = database
        self._signals = signals
        self._events = events

    def ask(self, ticket: TakenRun, event: Event) -> None:
        """Have it noted what a run asks while other things go on in it; called in the loop, which does not wait for it."""
        loop = asyncio.get_running_loop()
        loop.run_in_executor(None, self._note, ticket, event.path, dict(event.data or {}))

    def _note(self, ticket: TakenRun, path: str, data: dict[str, Any]) -> None:
        try:
            with self._database.writing() as work:
                held = ticket.holds(work)
                if held and parking.note(work, ticket.run_id, path, "approval", data):
                    self._tell(work, ticket, path, str(data.get("message") or ""))
        except StoreError as error:  # it is noted again when the run parks
            _LOG.warning("what the run %s asks cannot be noted: %s", ticket.run_id, error)

    def park(self, ticket: TakenRun, waits: Sequence[Waiting]) -> bool:
        """Note what a run waits for that stands still, and what it has told last. False: another process has taken the run, and nothing is noted of its waits."""
        with self._events.taken(ticket.run_id) as told, self._database.writing() as work:
            write(work, told)
            self._signals.publish(work.connection, TOLD, ticket.run_id)

            def asked(waiting: Waiting) -> None:
                self._tell(work, ticket, waiting.path, waiting.message or "")

            # Who has lost the run, and does not know it yet, must not change what its heir waits for.
            held = ticket.holds(work)
            if held:
                parking.park(work, ticket.run_id, waits, self._signals, asked)
        return held

    def _tell(self, work: Writing, ticket: TakenRun, path: str, message: str) -> None:
        """Have those told who want to know of approvals."""
        if on_approval_asked(work, ticket.tenant, ticket.run_id, ticket.workflow, path, message):
            self._signals.publish(work.connection, TOPIC)
