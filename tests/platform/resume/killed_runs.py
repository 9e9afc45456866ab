"""Kills a run at each of its recorded events, resumes it in another process, and tells what became of it.

Run as a program: prints one JSON object for each event. Everything is imported once; each run is a forked child.
"""

import asyncio
import importlib
import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

from blockyard_blocks import Catalog, block
from blockyard_platform import Runner
from blockyard_platform.engine.journal import Marks
from blockyard_platform.results import RunResult, StageRecord
from blockyard_platform.store import store as stores
from blockyard_platform.store.journal import SqlJournal

FOLDER = Path(sys.argv[1])
TRACE = FOLDER / "trace.txt"


def trace(line: str) -> None:
    """Write a line that outlives this process."""
    with TRACE.open("a") as file:
        file.write(line + "\n")


@block(tags=set(), runs="host", name="mine.effect")
async def effect(context: Any, *, value: int = 0) -> int:
    """Do something outside of the jail.

    Args:
        value: what is given back
    """
    trace(f"effect {context.stage}")
    return value


def echo(name: str) -> dict[str, Any]:
    return {"id": name, "echo": name}


def use(name: str, value: Any, **more: Any) -> dict[str, Any]:
    return {"id": name, "uses": "mine.effect", "with": {"value": value}, **more}


CHILD = {
    "name": "child",
    "params": {"n": "integer"},
    "stages": [echo("c1"), use("c2", "${{ params.n + 1 }}", retry=1), echo("c3")],
    "outputs": {"n": "${{ stages.c2.outputs.result }}"},
}
DOCUMENT: dict[str, Any] = {
    "name": "thirty",
    "jobs": {
        "first": {
            "stages": [
                echo("a1"),
                use("once", 1),
                {"id": "py", "run": "result = 20 + 1"},
                {
                    "id": "each",
                    "foreach": [10, 20],
                    "stages": [echo("e1"), use("e2", "${{ item }}", retry=1), echo("e3")],
                },
                {
                    "id": "both",
                    "parallel": {"l": [use("l1", 3, retry=1)], "r": [echo("r1"), echo("r2")]},
                },
                {"id": "call", "trigger": "child", "params": {"n": 4}},
                {
                    "id": "caught",
                    "try": [echo("t1"), {"id": "t2", "raise": "no"}],
                    "catch": [use("t3", 5, retry=1)],
                    "finally": [echo("t4")],
                },
                {
                    "id": "loop",
                    "until": "${{ loop == 2 }}",
                    "stages": [echo("u1"), use("u2", "${{ loop }}", retry=1)],
                },
                {
                    "id": "pick",
                    "case": "b",
                    "match": [{"case": "b", "stages": [echo("p1"), use("p2", 6, retry=1)]}],
                },
                {"id": "never", "if": "${{ stages.once.outputs.result == 2 }}", "echo": "x"},
                {"id": "set", "uses": "variable.set", "with": {"name": "v", "value": 7}},
                {"id": "pause", "wait": "1ms"},
            ],
            "outputs": {"sum": "${{ stages.each.outputs.results }}"},
        },
        "second": {
            "needs": "first",
            "strategy": {"matrix": {"m": [1, 2]}, "max-parallel": 1},
            "stages": [echo("m1"), use("m2", "${{ matrix.m }}", retry=1)],
        },
        "third": {
            "needs": ["first", "second"],
            "stages": [{"id": "get", "uses": "variable.get", "with": {"name": "v"}}],
        },
    },
    "outputs": {
        "v": "${{ jobs.third.stages.get.outputs.result }}",
        "child": "${{ jobs.first.stages.call.outputs.n }}",
        "m": "${{ jobs.second.matrix[1].stages.m2.outputs.result }}",
        "py": "${{ jobs.first.stages.py.outputs.result }}",
        "loops": "${{ jobs.first.stages.loop.outputs.loops }}",
    },
}


class KilledJournal(SqlJournal):
    """A journal whose process is killed before or after its n-th write."""

    deadline: int | None = None
    count = 0
    events: list[str]

    def _point(self, when: str, what: str) -> None:
        cls = type(self)
        cls.count += 1
        cls.events.append(f"{when} {what}")
        if cls.count == cls.deadline:
            trace(f"killed {when} {what}")
            os.kill(os.getpid(), signal.SIGKILL)

    def started(self, path: str, at: float) -> None:
        self._point("before", f"started {path}")
        super().started(path, at)
        self._point("after", f"started {path}")

    def finished(self, record: StageRecord, marks: Marks) -> None:
        self._point("before", f"finished {record.path}")
        super().finished(record, marks)
        trace(f"finished {record.path}")
        self._point("after", f"finished {record.path}")

    def ended(self, result: RunResult) -> None:
        self._point("before", "ended")
        super().ended(result)
        self._point("after", "ended")


async def work(journal: Path, *, resume: bool) -> dict[str, Any]:
    """Begin the run or take it up; return how it ended."""
    catalog = Catalog.builtin().merge(Catalog.of(effect))

    def begins(_run: Any, event: Any) -> None:
        if event.kind == "stage-started":
            trace(f"began {event.path}")

    async with Runner(catalog=catalog, workflows={"child": CHILD}, journal=journal) as runner:
        if resume:
            result = await runner.resume("r", on_event=begins)
        else:
            result = await runner.run(DOCUMENT, run_id="r", on_event=begins)
    codes = {it.path: it.code.name for job in result.jobs.values() for it in job.records()}
    problems = [problem.message for problem in result.problems]
    return {
        "status": result.status.value,
        "outputs": dict(result.outputs),
        "codes": codes,
        "problems": problems,
    }


def in_child(journal: Path, *, resume: bool, deadline: int | None) -> tuple[int, Any]:
    """Do the work in a forked process; return its exit code, and what it tells when it lives to do so."""
    told = FOLDER / "told.json"
    told.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        KilledJournal.deadline, KilledJournal.count, KilledJournal.events = deadline, 0, []
        setattr(stores, "SqlJournal", KilledJournal)  # noqa: B010  (the store's own, for this process alone)
        found = asyncio.run(work(journal, resume=resume))
        told.write_text(json.dumps(found | {"events": KilledJournal.events}))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), json.loads(
        told.read_text()
    ) if told.exists() else None


def warm_up() -> None:
    """Import what a run needs, and make a journal that is ready: neither is what is tried here."""
    importlib.import_module("blockyard_sandbox.sandbox")
    stores.Store(FOLDER / "empty.db").close()

    async def once() -> None:
        async with Runner(journal=FOLDER / "warm.db") as runner:
            await runner.run(
                {"name": "w", "stages": [{"try": [{"raise": "x"}], "catch": [{"echo": "x"}]}]}
            )

    asyncio.run(once())


def main() -> None:
    """Print the undisturbed run, and then each run that was killed at one more event."""
    TRACE.write_text("")
    warm_up()
    _, whole = in_child(FOLDER / "whole.db", resume=False, deadline=None)
    print(json.dumps(whole), flush=True)
    for point in range(1, len(whole["events"]) + 1):
        TRACE.write_text("")
        journal = FOLDER / f"{point}.db"
        shutil.copy(FOLDER / "empty.db", journal)
        code, _ = in_child(journal, resume=False, deadline=point)
        trace("resumed")
        _, found = in_child(journal, resume=True, deadline=None)
        again = None
        if found is not None and found["status"] != "SUCCESS":
            trace("resumed again")
            _, again = in_child(journal, resume=True, deadline=None)
        lines = TRACE.read_text().splitlines()
        told = {"code": code, "found": found, "again": again, "trace": lines}
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
