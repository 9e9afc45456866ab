"""A run is accepted with whatever else a transaction writes, or not at all; then it begins at once, here or elsewhere."""

import contextlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from blockyard_platform.service.dispatch import runs
from blockyard_platform.service.dispatch.looking import ahead_of
from blockyard_platform.service.dispatch.port import State
from blockyard_platform.service.dispatch.runs import Submission
from blockyard_platform.service.dispatch.tables import locked, open_tables, writing
from blockyard_platform.service.registry import tenants
from blockyard_platform.service.registry.callers import ALL, Caller, Role
from blockyard_platform.service.registry.database import Database
from blockyard_platform.store.tables import RUNS

from .conftest import Here, Workers, until

ADMIN = Caller(None, Role("admin"), frozenset({ALL}), "admin")
NEVER = 3600.0
"""A poll that does not come while a test lasts: what begins was told to."""


class UndoneError(Exception):
    """What makes a transaction roll back."""


async def test_a_run_is_accepted_with_its_row_or_not_at_all(here: Here, place: str) -> None:
    dispatcher = await here.begin(poll_seconds=NEVER)
    database = Database(place)
    with contextlib.suppress(UndoneError), database.writing() as work:
        tenants.create(work, ADMIN, "ant")
        assert runs.add(work.connection, [Submission("undone", "ant")]) == {"undone"}
        raise UndoneError
    dispatcher.nudge()
    with database.writing() as work:
        tenants.create(work, ADMIN, "ant")
        assert runs.add(work.connection, [Submission("r", "ant"), Submission("s", "ant")]) == {
            "r",
            "s",
        }
        assert dispatcher.status("r") is None
    dispatcher.nudge()
    for name in ("r", "s"):
        await here.reach(name, State.ENDED)
    assert dispatcher.status("undone") is None
    assert sorted(here.work.begun) == ["r", "s"]
    database.close()


async def test_many_accept_at_once_while_runs_begin_and_end(here: Here, place: str) -> None:
    dispatcher = await here.begin(slots=4)
    database = Database(place)

    def accept(number: int) -> None:
        with database.writing() as work:
            names = [f"r{number}-{it}" for it in range(3)]
            # Some run already, have ended, or wait; all are looked at in one order.
            runs.add(work.connection, [Submission(it, f"t{number % 2}") for it in names])
            runs.add(
                work.connection, [Submission(f"again-{it}", "t", again=True) for it in range(5)]
            )
        dispatcher.nudge()

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(accept, range(30)))
    for number in range(30):
        for it in range(3):
            await here.reach(f"r{number}-{it}", State.ENDED)
    for it in range(5):
        await here.reach(f"again-{it}", State.ENDED)
    assert not dispatcher.list(state=State.DELAYED)
    database.close()


async def test_a_run_that_waits_outside_is_queued_again(here: Here, place: str) -> None:
    """It parks (``execute`` returns), and whoever has its answer queues it: before its end, at it, and after it."""
    dispatcher = await here.begin(slots=1, poll_seconds=NEVER)
    dispatcher.submit("held", "t")
    await until(lambda: here.work.begun)
    engine = open_tables(place)
    with writing(engine) as connection:
        if engine.dialect.name != "sqlite":
            # This test may stand still for longer than a process of the service would.
            connection.execute(sa.text("SET LOCAL idle_in_transaction_session_timeout TO 0"))
        assert runs.add(connection, [Submission("held", "t", again=True)]) == {"held"}
        if engine.dialect.name != "sqlite":
            # The run ends while the answer is being written.
            here.work.gate("held").set()
            await until(lambda: here.work.ended)
    here.work.gate("held").set()
    dispatcher.nudge()
    await until(lambda: len(here.work.ended) == 2)
    await here.reach("held", State.ENDED)
    with writing(engine) as connection:
        runs.add(connection, [Submission("held", "t", again=True)])
    dispatcher.nudge()
    await until(lambda: len(here.work.ended) == 3)
    await here.reach("held", State.ENDED)
    assert here.work.begun == ["held"] * 3
    engine.dispose()


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
async def test_another_process_is_told_at_once(
    here: Here, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLL_SECONDS", str(NEVER))
    workers.begin("first")
    front = await here.begin(slots=0)
    front.submit("held", "t")
    workers.wait("begin held first")
    assert front.cancel("held") is State.RUNNING
    workers.wait("cancel held first")
    workers.let_go()
    await here.reach("held", State.CANCELLED)


def test_a_process_without_slots_does_not_load_dbos(place: str) -> None:
    program = (
        "import sys\n"
        "from blockyard_platform.service.dispatch.dispatcher import DbosDispatcher\n"
        "from blockyard_platform.service.dispatch.port import Callbacks, Settings\n"
        "it = DbosDispatcher(Settings(sys.argv[1], slots=0), Callbacks(print, print, print, print))\n"
        "it.start()\n"
        "it.submit('r', 't')\n"
        "it.cancel('r')\n"
        "it.stop()\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('dbos', 'alembic')])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, place], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_a_position_is_a_stretch_of_the_index(place: str) -> None:
    engine = open_tables(place)
    with locked(engine) as connection:
        names = [(f"r{number:05}", f"t{number % 10}") for number in range(10_000)]
        runs.add(connection, [Submission(run, tenant, 1) for run, tenant in names])
    query = ahead_of("t0", -1, 5_000)
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("RESET enable_seqscan")
            connection.exec_driver_sql("ANALYZE queue")
        assert connection.scalar(query) == 500
        plain = query.compile(connection, compile_kwargs={"literal_binds": True})
        explain = "EXPLAIN QUERY PLAN" if engine.dialect.name == "sqlite" else "EXPLAIN"
        plan = "\n".join(str(it) for it in connection.exec_driver_sql(f"{explain} {plain}"))
    engine.dispose()
    assert plan.count("queue_order") == 2
    assert ("rank=? AND seq<?" in plan) or ("(seq < 5000)" in plan and "Filter" not in plan)
    assert "Seq Scan" not in plan
    assert "SCAN queue" not in plan


def test_a_long_run_holds_no_transaction_open(place: str) -> None:
    """A connection for as long as the run, but nothing that a limit of idle transactions would end."""
    from blockyard_platform.store.store import Store

    store = Store(place)
    journal = store.create("r", "w", {}, {})
    journal.started("a", 1.0)
    engine = open_tables(place)
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            # The server's own processes look at the database now and then.
            activity = "SELECT state FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            assert set(connection.execute(sa.text(activity)).scalars()) == {"idle"}
            connection.rollback()
            with store._engine.connect() as own:  # pyright: ignore[reportPrivateUsage]
                shown = own.scalar(sa.text("SHOW idle_in_transaction_session_timeout"))
            assert shown == "1min"
        else:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        assert connection.scalar(sa.select(RUNS.c.epoch)) == 1
    journal.close()
    store.close()
    engine.dispose()
