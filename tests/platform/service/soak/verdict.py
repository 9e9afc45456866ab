"""What must hold at the end: each accepted run has ended, once; no effect that was finished was done again; nothing is left."""

import time
from collections import Counter
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from blockyard_platform.service.dispatch.tables import QUEUE
from blockyard_platform.service.runs.tables import EVENTS, WAITS
from blockyard_platform.store.tables import RECORDS, RUNS

from .load import Accepted

_OVER = ("ENDED", "CANCELLED", "FAILED")


def wait_for_all(engine: sa.Engine, accepted: list[Accepted], seconds: float) -> list[str]:
    """Wait until every accepted run has ended, and dispatch knows it; return those that have not when none has for so many seconds."""
    wanted = {it.run_id for it in accepted}
    queued = sa.exists().where(QUEUE.c.run == RUNS.c.id, QUEUE.c.state.not_in(_OVER))
    end, before = time.monotonic() + seconds, len(wanted)
    while True:
        with engine.connect() as connection:
            over = sa.select(RUNS.c.id).where(RUNS.c.settled == 1, ~queued)
            ended = set(connection.scalars(over))
        left = sorted(wanted - ended)
        if not left or time.monotonic() > end:
            return left
        if len(left) < before:
            end, before = time.monotonic() + seconds, len(left)
        time.sleep(0.3)


def faults_of(engine: sa.Engine, accepted: list[Accepted], marks: Path) -> list[str]:
    """Return everything that does not hold, in words."""
    with engine.connect() as connection:
        runs = {row.id: row for row in connection.execute(sa.select(RUNS))}
        found = [*_of_runs(runs, accepted), *_of_effects(connection, accepted, marks)]
        finished = sa.select(EVENTS.c.run).where(EVENTS.c.kind == "run-finished")
        ends: Counter[str] = Counter(connection.scalars(finished))
        found += [
            f"{it.run_id} has ended {ends[it.run_id]} times"
            for it in accepted
            if ends[it.run_id] != 1
        ]
        stuck = sa.select(QUEUE.c.run, QUEUE.c.state).where(QUEUE.c.state.not_in(_OVER))
        found += [f"{run} is {state} in the queue" for run, state in connection.execute(stuck)]
        found += _of_waits(connection)
    return found


def _of_waits(connection: sa.Connection) -> list[str]:
    """Return what runs wait for, with all that is needed to find out why they still do."""
    wanted = sa.select(WAITS, QUEUE).outerjoin(QUEUE, QUEUE.c.run == WAITS.c.run)
    rows = connection.execute(wanted).mappings()
    return [f"{row[WAITS.c.run]} waits: {dict(row)} at {time.time():.0f}" for row in rows]


def _of_runs(runs: dict[str, Any], accepted: list[Accepted]) -> list[str]:
    known = {it.run_id for it in accepted}
    found = [f"{run} is there, and nobody was told of it" for run in runs.keys() - known]
    for it in accepted:
        row = runs.get(it.run_id)
        if row is None:
            found.append(f"{it.run_id} is lost")
            continue
        allowed = {it.kind.status}
        if it.kind.broken and row.status == "FAILED" and "INTERRUPTED" in (row.result or ""):
            allowed.add("FAILED")
        if it.kind.cancelled:
            allowed.add("CANCEL")
        if row.status not in allowed:
            found.append(f"{it.run_id} ({it.kind.name}) ended as {row.status}: {row.result}")
    return found


def _of_effects(connection: sa.Connection, accepted: list[Accepted], marks: Path) -> list[str]:
    lines = marks.read_text().splitlines() if marks.exists() else []
    counts = Counter(tuple(line.split()[:2]) for line in lines)
    known = {it.run_id for it in accepted}
    found = [
        f"an effect of {run}, which nobody was told of" for run, _ in counts if run not in known
    ]
    wanted = sa.select(RECORDS).where(RECORDS.c.kind == "call")
    for row in connection.execute(wanted):
        done = counts[row.run, row.path]
        if row.status == "SUCCESS" and not 1 <= done <= row.attempts:
            found.append(f"{row.run} {row.path}: {row.attempts} attempts, done {done} times")
    return found


def ends_of(engine: sa.Engine) -> dict[str, int]:
    """Return how many runs ended how; INTERRUPTED are those whose effect was under way when its worker died."""
    with engine.connect() as connection:
        rows = list(connection.execute(sa.select(RUNS.c.status, RUNS.c.result)))
    return Counter(
        "INTERRUPTED" if "INTERRUPTED" in (result or "") else str(status) for status, result in rows
    )
