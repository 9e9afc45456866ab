"""Approvals that a run asks for: noted while it is at work, which may come late, and answered by those who are named."""

import asyncio

import pytest

from blockyard_platform.events import Event
from blockyard_platform.results import RunResult
from blockyard_platform.service.registry.callers import Caller, Role
from blockyard_platform.service.registry.errors import ForbiddenError
from blockyard_platform.service.runs import details, parking
from blockyard_platform.service.runs.eventlog import EventLog
from blockyard_platform.service.runs.outcomes import Outcome
from blockyard_platform.service.worker.asking import Asking
from blockyard_platform.service.worker.ticket import TakenRun
from blockyard_platform.waits import Answer, Waiting
from blockyard_schemas.statuses import Status

from .conftest import Desk


def ticket(desk: Desk, run_id: str) -> TakenRun:
    journal, _ = desk.store.take(run_id)
    journal.close()
    return TakenRun(
        desk.store,
        lambda what, seconds: None,
        run_id,
        "ant",
        "report",
        "{}",
        None,
        {},
        ended=False,
        cancelled=False,
        epoch=journal.epoch,
    )


def ask(asking: Asking, taken: TakenRun, waiting: Waiting) -> None:
    """Ask as a run does in a loop, which does not end before it is noted."""

    async def begin() -> None:
        asking.ask(taken, Event("approval-asked", waiting.path, data=waiting.as_dict()))

    asyncio.run(begin())


def test_a_late_note_leaves_the_deadline_of_a_parked_approval(desk: Desk) -> None:
    run_id = desk.submit()
    taken, events = ticket(desk, run_id), EventLog(desk.database.engine, desk.signals)
    asking = Asking(desk.database, desk.signals, events)
    due = desk.clock.now + 3_600
    waiting = Waiting("ask", "approval", 0.0, due, message="Go on?")
    for _ in range(2):  # before it is parked, and after
        ask(asking, taken, waiting)
        asking.park(taken, [waiting])
    ask(asking, taken, waiting)
    events.close()
    with desk.database.reading() as work:
        (found,) = details.waits(work, run_id)
        assert found.due is not None
        assert parking.next_due(work) == found.due


def test_what_an_ended_run_has_asked_is_noted_no_more(desk: Desk) -> None:
    run_id = desk.submit()
    taken, events = ticket(desk, run_id), EventLog(desk.database.engine, desk.signals)
    asking = Asking(desk.database, desk.signals, events)
    with desk.database.writing() as work:
        result = RunResult(run_id, "report", Status.FAILED)
        assert desk.settler.close(work, [Outcome(run_id, taken.epoch, result)], []) == [True]
    ask(asking, taken, Waiting("ask", "approval", 0.0, message="Go on?"))
    events.close()
    with desk.database.reading() as work:
        assert details.waits(work, run_id) == ()


@pytest.mark.parametrize(
    ("asked", "role", "label", "allowed"),
    [
        (("lead", "accounting"), "operator", "lead", True),
        (("operator",), "operator", "", True),
        (("t-1",), "author", "anything", True),
        (("lead",), "admin", "", False),
        (("lead", ""), "operator", "", False),
        (("admin",), "operator", "admin", False),  # a label makes nobody another role
        (("service",), "operator", "service", False),
    ],
)
def test_who_is_named_may_answer(
    desk: Desk, asked: tuple[str, ...], role: str, label: str, *, allowed: bool
) -> None:
    run_id = desk.submit()
    caller = Caller("ant", Role(role), frozenset({"*"}), "t-1", label)
    waiting = Waiting("ask", "approval", 0.0, message="Go on?", approvers=asked)
    with desk.database.writing() as work:
        parking.park(work, run_id, [waiting], desk.signals)
    if allowed:
        desk.runs.answer(caller, "ant", run_id, "ask", Answer(approved=True))
    else:
        with pytest.raises(ForbiddenError, match="not among those who may answer"):
            desk.runs.answer(caller, "ant", run_id, "ask", Answer(approved=True))
    with desk.database.reading() as work:
        assert set(parking.answers(work, run_id)) == ({"ask"} if allowed else set())
