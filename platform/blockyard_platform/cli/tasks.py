"""``blockyard tasks``: Python callables of this machine's own, run as the tasks of a workflow."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from blockyard_platform.cli.exits import Exit
from blockyard_platform.cli.options import JOURNAL, JSON, options
from blockyard_platform.cli.report import note, print_json, print_problems, printable
from blockyard_platform.tickets import ON_INPUT_CHANGE
from blockyard_schemas.problems import InvalidDocumentError, Problem
from blockyard_schemas.statuses import Status

if TYPE_CHECKING:
    from blockyard_platform.manager import Manager, Task
    from blockyard_platform.tickets import OnInputChange

_MODES = ("sequential", "parallel")


@click.command("tasks")
@click.argument("steps", metavar="STEP...", nargs=-1, required=True)
@click.option(
    "--mode",
    type=click.Choice(_MODES),
    default=_MODES[0],
    help="One after the other, or all at once.",
)
@click.option(
    "--initial", metavar="JSON", help="The initial context of each task; what is no JSON is a text."
)
@click.option("--keep-going", is_flag=True, help="Do the tasks after one that failed, too.")
@options(JOURNAL)
@click.option("--workflow-id", metavar="ID", help="What checkpoints are found by.")
@click.option("--resume", is_flag=True, help="What was done under this id stands.")
@click.option(
    "--on-input-change",
    type=click.Choice(ON_INPUT_CHANGE),
    default="reuse",
    help="What becomes of checkpoints when the input changed: they stand, an error, or all anew.",
)
@options(JSON)
def command(
    steps: tuple[str, ...],
    mode: str,
    initial: str | None,
    keep_going: bool,
    journal: str | None,
    workflow_id: str | None,
    resume: bool,
    on_input_change: OnInputChange,
    as_json: bool,
) -> int:
    """Run each STEP, as module:function; modules are looked for in this folder, too. A step runs with all your rights."""
    from blockyard_platform.manager import Manager, ManagerError, Task

    sys.path.insert(0, str(Path.cwd()))
    try:
        tasks = [Task(step, _show, _value(initial)) for step in steps]
        manager = Manager(
            tasks,
            mode="parallel" if mode == "parallel" else "sequential",
            keep_going=keep_going,
            workflow_id=workflow_id,
            resume=resume,
            journal=journal,
            on_input_change=on_input_change,
        )
    except ManagerError as error:
        return _refused([Problem("tasks", "", str(error))], as_json=as_json)
    except InvalidDocumentError as error:
        return _refused(error.problems, as_json=as_json)
    _report(manager, as_json=as_json)
    return Exit.SUCCESS if manager.status is Status.SUCCESS else Exit.FAILED


def _refused(problems: Any, *, as_json: bool) -> int:
    print_problems("tasks", problems)
    if as_json:
        print_json({"status": "FAILED", "tasks": [], "problems": [it.as_dict() for it in problems]})
    return Exit.INVALID


def _value(text: str | None) -> Any:
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text


def _show(task: Task) -> None:
    note(f"{task.name}: {task.status} in {task.duration:.3f} s")


def _report(manager: Manager, *, as_json: bool) -> None:
    for task in manager.tasks:
        if task.restored:
            note(f"{task.name}: {task.status}, done before")
        if task.status is Status.WAIT:
            note(f"{task.name}: not run")
        if task.errors and task.status is not Status.SUCCESS:
            note(f"{task.name}: {task.errors[-1].exception}: {printable(task.errors[-1].message)}")
    if as_json:
        rows = [_row(task) for task in manager.tasks]
        print_json(
            {"workflow_id": manager.workflow_id, "status": manager.status.value, "tasks": rows}
        )
    else:
        note(f"{manager.workflow_id}: {manager.status}")


def _row(task: Task) -> dict[str, Any]:
    from blockyard_platform.manager.values import plain

    return {
        "name": task.name,
        "status": task.status.value,
        "value": plain(task.current_context.storage),
        "attempts": task.attempts,
        "seconds": round(task.duration, 6),
        "restored": task.restored,
        "errors": [
            {"attempt": it.attempt, "exception": it.exception, "message": it.message}
            for it in task.errors
        ],
    }
