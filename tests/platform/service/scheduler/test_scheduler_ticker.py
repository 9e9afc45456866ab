"""The thread that watches the clock, several of them, and processes that die."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import pytest
import sqlalchemy as sa

from blockyard_platform.service.registry.database import Database
from blockyard_platform.service.registry.tables import SCHEDULES
from blockyard_platform.service.scheduler import firing, groups, orders
from blockyard_platform.service.scheduler import ticker as watching
from blockyard_platform.service.scheduler.firing import adopt
from blockyard_platform.service.scheduler.orders import LEASE, Waiting
from blockyard_platform.service.scheduler.tables import ORDERS
from blockyard_platform.service.scheduler.ticker import LONGEST_SLEEP, Ports, Ticker

from .conftest import SERVICE, START, Clock, Put, every, make
from .recording import Recording

NINE = 1_800_003_600.0
ROOT = Path(__file__).parents[4]
PROGRAM = "tests.platform.service.scheduler.one_process"


def test_it_sleeps_until_the_next_thing(database: Database, clock: Clock, ticker: Ticker) -> None:
    assert ticker.tick() == LONGEST_SLEEP
    make(database, "s", "* * * * *")
    clock.now = START + 50
    assert ticker.tick() == pytest.approx(9.75)
    clock.now = START + 60
    assert ticker.tick() == LONGEST_SLEEP  # of a minute


def test_it_looks_at_once_when_it_is_told(
    database: Database, clock: Clock, runs: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = Event()
    runs.after = lambda _: begun.set()
    monkeypatch.setattr(watching, "LONGEST_SLEEP", 600.0)
    make(database, "s", "0 9 * * *")
    adopt(database)
    ticker = Ticker(database, Ports(runs, runs, runs), runs.failed)
    ticker.start()
    try:
        clock.now = NINE + 1
        ticker.nudge()
        assert begun.wait(60)
    finally:
        ticker.close()
    assert [it.origin for it in runs.rows()] == ["schedule/s"]


def test_it_ends_when_it_is_closed(ticker: Ticker) -> None:
    ticker.start()
    ticker.close()
    ticker.close()


def test_what_fails_is_told_and_the_rest_is_done(
    database: Database, clock: Clock, runs: Recording, ticker: Ticker, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    def fail(*_: Any) -> None:
        raise RuntimeError("no")

    with database.writing() as work:
        orders.add(work, SERVICE, Waiting("ant", "k", "report", "after/r/1", 1.0))
    monkeypatch.setattr(firing, "fire", fail)
    monkeypatch.setattr(groups, "sweep", fail)
    assert ticker.tick() == watching.AFTER_ERROR
    assert [what for what, _ in runs.errors] == ["schedules that are due", "what is left behind"]
    assert len(runs.rows()) == 1
    runs.errors.clear()


def test_a_database_that_is_away_stops_nothing_for_ever(
    database: Database, runs: Recording, ticker: Ticker
) -> None:
    rename = "ALTER TABLE {} RENAME TO {}"
    with database.writing() as work:
        work.connection.exec_driver_sql(rename.format("schedules", "elsewhere"))
    assert ticker.tick() == watching.AFTER_ERROR
    assert {what for what, _ in runs.errors} >= {"schedules that are new", "when to look next"}
    runs.errors.clear()
    with database.writing() as work:
        work.connection.exec_driver_sql(rename.format("elsewhere", "schedules"))
    assert ticker.tick() == LONGEST_SLEEP


def test_two_tickers_at_once_start_each_run_once(
    database: Database, clock: Clock, runs: Recording
) -> None:
    both = [Ticker(database, Ports(runs, runs, runs), runs.failed) for _ in range(3)]
    for number in range(4):
        make(
            database,
            f"s{number}",
            "0 9 * * *",
            overlap=["allow", "skip", "queue", "replace"][number],
        )
    both[0].tick()
    for day in range(3):
        clock.now = NINE + day * 86_400 + 1
        barrier = Barrier(len(both))

        def look(each: Ticker, barrier: Barrier = barrier) -> float:
            barrier.wait()
            return each.tick()

        with ThreadPoolExecutor(len(both)) as pool:
            list(pool.map(look, both))
        for row in runs.rows():
            runs.end(row.id)
        both[0].tick()
    assert sorted(it.origin for it in runs.rows()) == sorted(
        [f"schedule/s{n}" for n in range(4)] * 3
    )


def begin(place: str, now: float, what: str = "tick") -> subprocess.Popen[str]:
    """Start a process with a scheduler that waits for a word."""
    process = subprocess.Popen(
        [sys.executable, "-m", PROGRAM, place, str(now), what], cwd=ROOT,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_two_processes_start_each_run_once(database: Database, runs: Recording, where: str) -> None:
    for number in range(6):
        make(database, f"s{number}", "0 9 * * *")
    adopt(database)
    processes = [begin(where, NINE + 1) for _ in range(2)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        _, said = process.communicate(timeout=120)
        assert (process.returncode, said) == (0, "")
    assert sorted(it.origin for it in runs.rows()) == [f"schedule/s{n}" for n in range(6)]
    assert every(database, ORDERS) == []


def test_a_process_that_dies_after_a_submission_doubles_nothing(
    database: Database, runs: Recording, where: str
) -> None:
    for number in range(3):
        make(database, f"s{number}", "0 9 * * *")
    adopt(database)
    dying = begin(where, NINE + 1, "die")
    dying.communicate("go\n", timeout=120)
    assert dying.returncode == 9
    assert len(runs.rows()) == 1
    assert len(every(database, ORDERS)) == 3
    following = begin(where, NINE + 2 + LEASE)
    _, said = following.communicate("go\n", timeout=120)
    assert (following.returncode, said) == (0, "")
    assert sorted(it.origin for it in runs.rows()) == [f"schedule/s{n}" for n in range(3)]
    assert every(database, ORDERS) == []


@pytest.fixture
def where(request: pytest.FixtureRequest, database: Database, tmp_path: Path) -> str:
    """Return the place of the database, for another process."""
    with database.reading() as work:
        if work.connection.dialect.name == "sqlite":
            return str(tmp_path / "runs.db")
    found: tuple[str, Any] = request.getfixturevalue("filled_server")
    return found[0]


def test_a_schedule_that_a_document_makes_is_run(
    database: Database, clock: Clock, runs: Recording, ticker: Ticker, put: Put
) -> None:
    put(
        "w",
        "params: {at: string}\non: {schedule: [{cron: '0 9 * * *', params: {at: '${{ fire.nominal }}'}}]}",
    )
    clock.now = NINE + 30
    ticker.tick()
    put("w", "desc: no more")
    clock.now += 86_400
    ticker.tick()
    assert runs.seen() == [("ant", "w", "schedule/w.1", {"at": "2027-01-15T09:00:00+00:00"})]
    with database.reading() as work:
        assert work.connection.scalar(sa.select(sa.func.count()).select_from(SCHEDULES)) == 0
