"""``blockyard worker``: a process that executes runs and answers nobody, until a signal ends it in order."""

from __future__ import annotations

import signal
from contextlib import ExitStack
from queue import SimpleQueue
from typing import TYPE_CHECKING

from blockyard_platform.service import process
from blockyard_platform.service.admitting import Admitting
from blockyard_platform.service.operations.errors import OperationsError
from blockyard_platform.service.operations.observing import Observing
from blockyard_platform.service.operations.serving import MetricsServer
from blockyard_platform.service.operations.setup import told
from blockyard_platform.service.operations.timing import TimedDatabase
from blockyard_platform.service.running import running
from blockyard_platform.service.starting import catalog_of
from blockyard_platform.service.vault import vault_of
from blockyard_schemas.problems import InvalidDocumentError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from blockyard_platform.service.settings import Settings


def work(settings: Settings, say: Callable[[str], None]) -> None:
    """Execute runs until SIGTERM or SIGINT; those under way then end, or go on elsewhere. Raises InvalidDocumentError."""
    if settings.on_one_machine:
        raise InvalidDocumentError(
            [
                Problem(
                    "start",
                    "",
                    "a worker of its own needs a database that several processes share",
                    "give --database postgresql://USER@HOST/NAME; on SQLite `blockyard serve` is the worker",
                )
            ]
        )
    process.prepare()
    # Not an Event: a signal that comes while this thread begins to wait for one would wait for itself.
    stop = SimpleQueue[None]()

    def ended(number: int, frame: object) -> None:
        del number, frame
        stop.put(None)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ended)
    observing = Observing(settings.metrics_tenants)
    with told(settings), ExitStack() as stack:
        database = TimedDatabase(settings.place, observing.metrics.written)
        stack.callback(database.close)
        vault = vault_of(settings, database)
        admitting = Admitting(database, catalog_of(settings), vault)
        found = stack.enter_context(running(settings, database, admitting, observing))
        if settings.metrics_port is not None:
            figures = _figures(observing, settings.metrics_port)
            stack.callback(figures.close)
            say(f"Its figures are at http://127.0.0.1:{figures.port}/metrics")
        say(f"The worker {found.dispatcher.executor_id} takes up to {settings.slots} runs")
        if vault is None:
            say(
                f"It opens no secrets: there is no key file {settings.keys_file}, as the servers have"
            )
        process.settle()
        stop.get()
        say("The worker takes no more runs, and ends when those under way have ended")


def _figures(observing: Observing, port: int) -> MetricsServer:
    try:
        return MetricsServer(observing.metrics, port)
    except OperationsError as error:
        problem = Problem("start", "/metrics_port", str(error), error.hint)
        raise InvalidDocumentError([problem]) from error
