"""A run on a server, shown until it has ended, as one on this machine is."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from blockyard_platform.cli.exits import Exit
from blockyard_platform.cli.logs import LEFT_OUT, LEFT_OUT_WORDS
from blockyard_platform.cli.progress import LiveTable, PlainLines
from blockyard_platform.cli.report import note, print_json, print_problems, printable
from blockyard_platform.cli.showing import state_words
from blockyard_platform.events import Event, RunView
from blockyard_platform.results import StageRecord
from blockyard_schemas.problems import Problem
from blockyard_schemas.statuses import Code, Status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from blockyard_platform.cli.remote import Remote
    from blockyard_platform.service.api.models.runs import EventOut, RunOut

_LOOKED_AT = 1_000


def wait_for(remote: Remote, run: RunOut, after: int = 0) -> int:
    """Show a run's events until it has ended, then what it came to; return the exit code. An interruption leaves the run going on."""
    client, view = remote.client, RunView(run.id, run.workflow, run.status, run.params)
    if run.queued is not None and run.queued.reason != "turn":
        note(f"It is {state_words(run)}.")
    progress = LiveTable() if sys.stderr.isatty() else PlainLines()
    try:
        for each in client.events(run.id, after=after, tenant=run.tenant):
            progress.show(view, event_of(each, run.id))
        found = client.wait(run.id, tenant=run.tenant)
    except KeyboardInterrupt:
        note(f"The run {run.id} goes on. End it: blockyard cancel {run.id}")
        raise
    finally:
        progress.close()
    show_result(remote, found)
    return _exit(remote, found)


def event_of(event: EventOut, run_id: str) -> Event:
    """Return an event of a server as one of this machine. What a hostile server says of a stage is taken for text and numbers."""
    data, path = event.data, printable(event.path)
    if event.kind == "stage-finished":
        return Event(event.kind, path, record=record_of(path, data))
    text = data.get("text")
    if event.kind == "approval-asked":
        text = f"{data.get('message')} Answer: blockyard approve {run_id} {path}"
    if event.kind == LEFT_OUT:
        path, text = "log", LEFT_OUT_WORDS
    return Event(event.kind, path, text=None if text is None else str(text))


def show_result(remote: Remote, run: RunOut) -> None:
    """Show what a run came to, as ``blockyard run`` does."""
    if remote.out.as_json:
        print_json(run.model_dump(mode="json"))
        return
    print_problems(run.workflow, [_problem(each) for each in run.problems])
    for key, value in run.outputs.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        click.echo(f"{printable(key)}: {printable(text)}")
    note(f"{printable(run.workflow)}: {run.status}")


def _exit(remote: Remote, run: RunOut) -> Exit:
    if run.status in (Status.SUCCESS, Status.SKIP):
        return Exit.SUCCESS
    if run.status is Status.CANCEL:
        return Exit.FAILED
    stages = remote.client.list_stages(run.id, tenant=run.tenant)
    codes = {each.code for _, each in zip(range(_LOOKED_AT), stages, strict=False)}
    no_sandbox = Code.SANDBOX_UNAVAILABLE
    if no_sandbox in codes or no_sandbox.name in {str(it.get("rule")) for it in run.problems}:
        return Exit.NO_SANDBOX
    return Exit.FAILED


def record_of(path: str, data: Mapping[str, Any]) -> StageRecord:
    """Return how a stage ended, of what a server says of it, which is taken for text and numbers."""
    try:
        status, code = Status(str(data.get("status"))), Code(data.get("code", -1))
    except ValueError:
        status, code = Status.FAILED, Code.NONE
    error = data.get("error")
    seconds, attempts = data.get("seconds"), data.get("attempts")
    return StageRecord(
        id=path,
        path=path,
        kind=str(data.get("kind", "")),
        status=status,
        code=code,
        outputs={},
        error=error if isinstance(error, dict) else None,  # pyright: ignore[reportUnknownArgumentType]
        started=None,
        seconds=float(seconds) if isinstance(seconds, int | float) else 0.0,
        attempts=attempts if isinstance(attempts, int) else 1,
    )


def _problem(data: dict[str, Any]) -> Problem:
    def text(name: str) -> str:
        return str(data.get(name) or "")

    def number(name: str) -> int | None:
        value = data.get(name)
        return value if isinstance(value, int) else None

    return Problem(
        text("rule"),
        text("pointer"),
        text("message"),
        text("hint") or None,
        number("line"),
        number("column"),
    )
