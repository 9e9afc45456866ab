"""What a person or a program is told of a run that has ended: outputs or one JSON object, problems, and the exit code."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from typing import TYPE_CHECKING

import click

from blockyard_platform.cli.exits import Exit, exit_of
from blockyard_platform.cli.report import note, print_json, print_problems, printable
from blockyard_platform.loops import complete
from blockyard_platform.results import RunResult
from blockyard_schemas.problems import InvalidDocumentError
from blockyard_schemas.statuses import Code, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from types import FrameType
    from typing import Any

    from blockyard_platform.cli.progress import Progress
    from blockyard_platform.engine.handle import RunHandle


def follow(
    name: str,
    start: Callable[[Progress], Coroutine[Any, Any, RunResult]],
    *,
    as_json: bool,
    events: bool,
) -> int:
    """Run a coroutine to its result, with progress meanwhile; print the result, and return the exit code.

    SIGTERM, as of ``timeout`` or ``docker stop``, interrupts it as Ctrl-C does.
    """
    progress = _progress(quiet=as_json, events=events)
    try:
        result = complete(_terminable(start(progress)))
    except InvalidDocumentError as error:
        result = RunResult(None, None, Status.FAILED, problems=error.problems)
    except (KeyboardInterrupt, asyncio.CancelledError):
        result = RunResult(None, None, Status.CANCEL)
    finally:
        progress.close()
    if result.status is Status.CANCEL:
        note("Interrupted.")
    _report(name, result, as_json=as_json)
    return _exit(result)


async def ended(handle: RunHandle) -> RunResult:
    """Wait for the end of a run. An interruption cancels it; what it had done until then is its result."""
    try:
        return await handle.result()
    except asyncio.CancelledError:
        return await handle.result()


async def _terminable(main: Coroutine[Any, Any, RunResult]) -> RunResult:
    """Have SIGTERM cancel it; SIGINT does not do for that, since a shell has what it runs in the background ignore it."""
    task, before = asyncio.current_task(), signal.getsignal(signal.SIGTERM)
    if task is None or before not in (signal.SIG_DFL, signal.default_int_handler):
        return await main

    def cancel(number: int, frame: FrameType | None) -> None:
        del number, frame
        task.cancel()

    signal.signal(signal.SIGTERM, cancel)
    try:
        return await main
    finally:
        signal.signal(signal.SIGTERM, before)


def _progress(*, quiet: bool, events: bool) -> Progress:
    from blockyard_platform.cli.progress import EventLines, LiveTable, PlainLines

    if events:
        return EventLines(to_error=quiet)
    if sys.stderr.isatty():
        return LiveTable()
    return PlainLines()


def _report(name: str, result: RunResult, *, as_json: bool) -> None:
    print_problems(name, result.problems)
    if as_json:
        print_json(result.as_dict())
        return
    for key, value in result.outputs.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        click.echo(f"{key}: {printable(text)}")
    if result.run_id is not None:
        note(f"{result.workflow}: {result.status}")


def _exit(result: RunResult) -> Exit:
    if result.status is Status.SUCCESS:
        return Exit.SUCCESS
    if result.run_id is None and result.problems:
        return exit_of(result.problems)
    codes = {record.code.name for job in result.jobs.values() for record in job.records()}
    codes |= {problem.rule for problem in result.problems}
    if Code.SANDBOX_UNAVAILABLE.name in codes:
        return Exit.NO_SANDBOX
    return Exit.INTERRUPTED if result.status is Status.CANCEL else Exit.FAILED
