"""What follows from the ends of runs, done once, in one transaction: their seconds are charged, their ends are told, others may begin."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from blockyard_platform.results import RunResult
from blockyard_platform.service.registry import usage
from blockyard_platform.service.registry.access import lock_all
from blockyard_platform.service.registry.callers import Action, Caller
from blockyard_platform.service.runs import outcomes
from blockyard_platform.service.runs.eventlog import ENDED, last_number, write
from blockyard_platform.service.runs.outcomes import Outcome
from blockyard_platform.store.rows import dumped
from blockyard_platform.store.tables import RUNS
from blockyard_schemas.statuses import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    from blockyard_platform.service.registry.database import Writing
    from blockyard_platform.service.signals import Signals
    from blockyard_schemas.problems import Problem

    Follower: TypeAlias = "Callable[[Writing, Sequence[Ended]], None]"
    EventRows: TypeAlias = Sequence[dict[str, Any]]

_SERVICE = Caller.service()
_WAIT = Status.WAIT.value


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that has ended, as those learn who go on from there."""

    run_id: str
    tenant: str
    workflow: str
    status: Status
    origin: str
    depth: int
    concurrency: str | None
    cpu_seconds: float
    created: float
    outputs: dict[str, Any]


@dataclass(slots=True)
class _End:
    """An end that is settled now: the run's row, how it ended, the result as it is to be written, and the bytes of its events."""

    row: Any
    ended: Ended
    result: dict[str, Any]
    text: str | None
    told: int

    @property
    def stored(self) -> int:
        """What the run takes: its document, params and result, what its stages gave, what it told."""
        return int(self.row.own) + int(self.row.kept) + self.told + len(self.text or "")

    @property
    def seconds(self) -> float:
        """The CPU seconds that are to be charged."""
        return max(self.ended.cpu_seconds - float(self.row.charged), 0.0)


class Settler:
    """Settles runs. The ``followers`` are called within the transaction, each with all runs that have ended in it."""

    def __init__(self, signals: Signals, followers: Sequence[Follower] = ()) -> None:
        """Keep them."""
        self._signals = signals
        self._followers = followers

    def settle(self, work: Writing, run_id: str) -> Ended | None:
        """Do what follows from a run's end; None when it has not ended, or that was done before."""
        rows = {row.id: row for row in outcomes.lock(work, [run_id])}
        found = self._settle(work, _ends(rows, [Outcome(run_id)]), ())
        return found[0] if found else None

    def close(self, work: Writing, given: Sequence[Outcome], told: EventRows) -> list[bool]:
        """Write what runs have come to, with what they have told last, and do what follows; say of each whether it has ended by now.

        A run that somebody else has taken is left to them. The number of statements does not grow with that of runs.
        """
        outcomes.put_rest(work, given)
        rows = {row.id: row for row in outcomes.lock(work, {it.run_id for it in given})}
        done = {it.run_id for it in self._settle(work, _ends(rows, given), told)}
        over = {run for run, row in rows.items() if row.status != _WAIT} | done
        return [it.run_id in over or it.run_id not in rows for it in given]

    def _settle(self, work: Writing, ends: Sequence[_End], told: EventRows) -> list[Ended]:
        _tell(work, ends, told)
        ended = [it.ended for it in ends]
        if not ended:
            return ended
        run_ids = [it.run_id for it in ended]
        # Followers lock the tenants of groups, as those do that come in, and count after it.
        lock_all(
            work,
            _SERVICE,
            Action.USAGE_ADD,
            {it.tenant for it in ended if it.concurrency is not None},
        )
        outcomes.settle(work, [_settled(it) for it in ends if it.text is None], ended=False)
        outcomes.settle(
            work, [_written(work, it) for it in ends if it.text is not None], ended=True
        )
        outcomes.forget_waits(work, run_ids)
        _charge(work, ends)
        self._signals.publish_all(work.connection, ENDED, run_ids)
        for follower in self._followers:
            follower(work, ended)
        return ended


def _ends(rows: dict[str, Any], given: Sequence[Outcome]) -> list[_End]:
    """Return those of the runs that end now and were not settled, in the order of their ids."""
    found: dict[str, _End] = {}
    for it in given:
        row = rows.get(it.run_id)
        end = None if row is None or row.settled else _end(row, it)
        if end is not None:
            found.setdefault(it.run_id, end)
    return [found[run_id] for run_id in rows if run_id in found]


def _end(row: Any, outcome: Outcome) -> _End | None:
    """Return the end of a run: as its worker says, while it has the run; otherwise as it is written. None when it has none."""
    mine = outcome.result if row.epoch == outcome.epoch else None
    if mine is not None and mine.status is not Status.WAIT:
        result = mine.as_dict()
        return _End(row, _ended(row, mine.status, result), result, dumped(result), int(row.told))
    if row.status == _WAIT:
        return None
    found: dict[str, Any] = {} if row.result is None else json.loads(row.result)
    return _End(row, _ended(row, Status(row.status), found), found, None, int(row.told))


def _ended(row: Any, status: Status, result: dict[str, Any]) -> Ended:
    return Ended(
        run_id=row.id,
        tenant=row.tenant,
        workflow=row.workflow,
        status=status,
        origin=row.origin,
        depth=row.depth,
        concurrency=row.concurrency,
        cpu_seconds=max(row.cpu_seconds, row.spent or 0.0),
        created=row.created,
        outputs=result.get("outputs", {}),
    )


def _tell(work: Writing, ends: Sequence[_End], told: EventRows) -> None:
    """Write what was told, and after that of each run its end; note what its events take."""
    rows = [*told, *(_finished(work, it) for it in ends)]
    if write(work, rows) == len(rows):
        more: dict[str, int] = defaultdict(int)
        for row in rows:
            more[row["run"]] += len(row["data"])
        for it in ends:
            it.told += more[it.ended.run_id]
    else:  # some of it was there: an answer of the database was lost before
        whole = outcomes.told(work, [it.ended.run_id for it in ends])
        for it in ends:
            it.told = whole[it.ended.run_id]


def _finished(work: Writing, end: _End) -> dict[str, Any]:
    """Return the event that tells of an end."""
    data = {"status": end.ended.status.value, "problems": end.result.get("problems", [])[:20]}
    seq = last_number(end.row.epoch)
    row = {"run": end.ended.run_id, "seq": seq, "at": work.now, "kind": "run-finished"}
    return row | {"path": "", "data": json.dumps(data)}


def _settled(end: _End) -> dict[str, Any]:
    charged = end.row.charged + end.seconds
    return {"run_id": end.ended.run_id, "now_charged": charged, "now_stored": end.stored}


def _written(work: Writing, end: _End) -> dict[str, Any]:
    how = {"now_status": end.ended.status.value, "now_ended": work.now, "now_result": end.text}
    return _settled(end) | how


def _charge(work: Writing, ends: Sequence[_End]) -> None:
    """Charge each tenant the CPU seconds, and the bytes that its runs take."""
    kept: dict[str, usage.Kept] = {}
    for it in ends:
        count, seconds = kept.get(it.ended.tenant, usage.Kept())
        more = it.stored - it.row.stored
        kept[it.ended.tenant] = usage.Kept(count + more, seconds + it.seconds)
    usage.keep_all(work, _SERVICE, {tenant: it for tenant, it in kept.items() if any(it)})


def end(work: Writing, run_id: str, status: Status, problems: Sequence[Problem] = ()) -> bool:
    """Write the end of a run that no worker has, and keep whoever had it from writing; False when it had ended before."""
    waits = (RUNS.c.id == run_id, RUNS.c.status == Status.WAIT.value)
    wanted = sa.select(RUNS.c.workflow, RUNS.c.tenant, RUNS.c.concurrency).where(*waits)
    row: Any = work.connection.execute(wanted).first()
    if row is None:
        return False
    if row.concurrency is not None:
        lock_all(work, _SERVICE, Action.USAGE_ADD, [row.tenant])
    result = RunResult(run_id, row.workflow, status, problems=tuple(problems)).as_dict()
    changed = {"status": status.value, "ended": work.now, "result": dumped(result)}
    statement = sa.update(RUNS).where(*waits)
    return work.change(statement.values(epoch=RUNS.c.epoch + 1, **changed)) == 1
