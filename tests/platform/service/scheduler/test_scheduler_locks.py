"""Runs of concurrency groups that come in, end, are cancelled and are done again at once: nobody waits for each other in a circle."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from threading import Event
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from blockyard_platform.service.registry import usage
from blockyard_platform.service.registry.database import Database
from blockyard_platform.service.registry.errors import ConflictError, NotFoundError
from blockyard_schemas.statuses import Status

from .conftest import Put, by
from .test_scheduler_whole import Whole, whole

__all__ = ["whole"]

# SQLite has one writer: one of the two waits from the beginning.
pytestmark = pytest.mark.parametrize("database", ["postgresql"], indirect=True)

ANT = by("operator", "ant")
PATIENCE = 120
GROUPED = "concurrency: {group: g%s}"
NEWEST = GROUPED % ", cancel-in-progress: true"
WAITING = sa.text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")


Meet = Callable[[str], "Meeting"]


@dataclass
class Meeting:
    """Two transactions: the first is held after a statement of its own until the second waits for it, or is done."""

    database: Database
    after: str

    def of(self, first: Callable[[], Any], second: Callable[[], Any]) -> None:
        """Do both. Raises what one of them raises."""
        with ThreadPoolExecutor(2) as threads:
            held, others = Event(), list[Future[Any]]()

            def hold(_: Any, __: Any, statement: str, *more: Any) -> None:
                if held.is_set() or not statement.startswith(self.after):
                    return
                held.set()
                others.append(threads.submit(second))
                with self.database.engine.connect() as looking:
                    while not others[0].done() and not looking.scalar(WAITING):
                        looking.rollback()

            event.listen(self.database.engine, "after_cursor_execute", hold)
            try:
                threads.submit(first).result(PATIENCE)
            finally:
                event.remove(self.database.engine, "after_cursor_execute", hold)
            (other,) = others
            other.result(PATIENCE)


@pytest.fixture
def meeting(whole: Whole) -> Meet:
    return lambda after: Meeting(whole.database, after)


def test_one_ends_while_another_comes_in(whole: Whole, put: Put, meeting: Meet) -> None:
    put("w", GROUPED % "")
    first, second = whole.submit("w"), whole.submit("w")
    meeting("INSERT INTO usage").of(lambda: whole.end(first), lambda: whole.submit("w"))
    assert whole.queued() == {second}


def test_one_is_cancelled_while_another_takes_its_place(
    whole: Whole, put: Put, meeting: Meet
) -> None:
    put("w", NEWEST)
    first, newer = whole.submit("w"), list[str]()
    meeting("UPDATE queue").of(
        lambda: whole.runs.cancel(ANT, "ant", first), lambda: newer.append(whole.submit("w"))
    )
    assert whole.queued() == set(newer)


def test_one_is_done_again_while_another_comes_in(whole: Whole, put: Put, meeting: Meet) -> None:
    put("w", GROUPED % "")
    first, others = whole.submit("w"), list[str]()
    whole.end(first, Status.FAILED)
    meeting("INSERT INTO usage").of(
        lambda: whole.runs.resume(ANT, "ant", first), lambda: others.append(whole.submit("w"))
    )
    assert len(whole.queued()) == 1
    assert whole.queued() <= {first, *others}


def test_one_is_done_again_twice_at_once(whole: Whole, put: Put, meeting: Meet) -> None:
    put("w", "desc: nothing")
    run = whole.submit("w")
    whole.end(run)
    resume = partial(whole.runs.resume, ANT, "ant", run)
    with pytest.raises(ConflictError, match="has not ended"):
        meeting("INSERT INTO usage").of(resume, resume)
    assert whole.queued() == {run}
    assert runs_used(whole) == 2


def test_one_that_is_deleted_twice_gives_back_once(whole: Whole, put: Put, meeting: Meet) -> None:
    put("w", "desc: nothing")
    run, other = whole.submit("w"), whole.submit("w")
    before = stored(whole)
    whole.end(run)
    whole.end(other)
    both = stored(whole) - before
    delete = partial(whole.runs.delete, ANT, "ant", run)
    with pytest.raises(NotFoundError):
        meeting("DELETE FROM events").of(delete, delete)
    assert stored(whole) - before == both // 2


def stored(whole: Whole) -> int:
    with whole.database.reading() as work:
        return usage.stored(work, ANT, "ant")


def runs_used(whole: Whole) -> int:
    with whole.database.reading() as work:
        return usage.today(work, ANT, "ant").runs
