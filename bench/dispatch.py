"""Dispatch: submit to start on an idle worker, runs a second of trivial work, and the cost of giving out beside a long queue.

Prints a table for SQLite, and for PostgreSQL where its server is installed, with the raw database beside: one run as three commits.
"""

import asyncio
import contextlib
import importlib.util
import resource
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import psycopg

from blockyard_platform.service.dispatch import runs
from blockyard_platform.service.dispatch.dispatcher import DbosDispatcher
from blockyard_platform.service.dispatch.fairness import Turns
from blockyard_platform.service.dispatch.port import Callbacks, Settings, State, equal_share
from blockyard_platform.service.dispatch.tables import locked, open_tables

IDLE = 300
MANY = 2_000
QUEUED = 10_000


def nothing(_: object) -> None:
    """Do nothing."""


def say(name: str, figure: float, unit: str) -> None:
    """Print a line of the table."""
    print(f"{name:<62}{figure:>10.2f} {unit}", flush=True)


async def idle(place: str) -> None:
    """Print how long it takes from submitting to the first line of the work, one run at a time; and what idling costs."""
    begun: dict[str, float] = {}

    def execute(run_id: str) -> None:
        begun[run_id] = time.perf_counter()

    callbacks = Callbacks(execute, nothing, nothing, nothing)
    dispatcher = DbosDispatcher(Settings(place), callbacks)
    at = time.perf_counter()
    await asyncio.to_thread(dispatcher.start)
    say("start of the dispatcher, tables made", (time.perf_counter() - at) * 1e3, "ms")
    seconds: list[float] = []
    for number in range(IDLE):
        name = f"idle-{number}"
        at = time.perf_counter()
        await dispatcher.submit(name, "t")
        while name not in begun:
            await asyncio.sleep(0)
        seconds.append(begun[name] - at)
        await asyncio.sleep(0.005)
    say("submit to start, idle, p50", statistics.median(seconds) * 1e3, "ms")
    say("submit to start, idle, p99", statistics.quantiles(seconds, n=100)[98] * 1e3, "ms")
    at = time.process_time()
    await asyncio.sleep(5)
    say("an idle worker, of one core", (time.process_time() - at) / 5 * 100, "%")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    say("memory of this process at most", peak, "MiB")
    await dispatcher.stop()


async def throughput(place: str) -> None:
    """Print how many runs a second are submitted, and come to their end, with one worker in this process."""
    dispatcher = DbosDispatcher(Settings(place), Callbacks(nothing, nothing, nothing, nothing))
    await asyncio.to_thread(dispatcher.start)
    at, spent = time.perf_counter(), time.process_time()
    await asyncio.gather(*(dispatcher.submit(f"many-{it}", f"t{it % 5}") for it in range(MANY)))
    say("submitted, at once", MANY / (time.perf_counter() - at), "runs/s")
    await drained(dispatcher)
    say("ended, one worker", MANY / (time.perf_counter() - at), "runs/s")
    say("a run, of one core", (time.process_time() - spent) / MANY * 1e3, "ms")
    await dispatcher.stop()


async def two_workers(place: str) -> None:
    """Print how many runs a second two workers in processes of their own bring to their end."""
    front = DbosDispatcher(Settings(place, slots=0), Callbacks(nothing, nothing, nothing, nothing))
    front.start()
    command = (sys.executable, __file__, "worker", place)
    pipe = asyncio.subprocess.PIPE
    workers = [await asyncio.create_subprocess_exec(*command, stdout=pipe) for _ in range(2)]
    for worker in workers:
        assert worker.stdout is not None  # noqa: S101  (for type checkers: it is a pipe)
        await worker.stdout.readline()
    at = time.perf_counter()
    await asyncio.gather(*(front.submit(f"two-{it}", f"t{it % 5}") for it in range(MANY)))
    await drained(front)
    say("ended, two workers", MANY / (time.perf_counter() - at), "runs/s")
    for worker in workers:
        worker.terminate()
        await worker.wait()
    await front.stop()


async def drained(dispatcher: DbosDispatcher) -> None:
    """Wait until nothing is queued and nothing at work."""
    for state in (State.QUEUED, State.RUNNING):
        while await dispatcher.list(state=state, limit=1):
            await asyncio.sleep(0.01)


def work(place: str) -> None:
    """Be a worker, until terminated."""
    DbosDispatcher(Settings(place), Callbacks(nothing, nothing, nothing, nothing)).start()
    print("ready", flush=True)
    time.sleep(600)


def giving_out(place: str) -> None:
    """Print what it costs to give a run out and to note its end, by how many are queued and of how many tenants."""
    engine = open_tables(place)
    with locked(engine) as connection:
        connection.exec_driver_sql("INSERT INTO workers VALUES ('w', '', 1, 0, 0)")
    for count, tenants in ((20, 1), (QUEUED, 1), (QUEUED, 1_000)):
        with locked(engine) as connection:
            names = [(f"{count}-{tenants}-{it}", f"t{it % tenants}") for it in range(count)]
            runs.add(connection, [runs.Submission(run, who, 0, False) for run, who in names])
        turns = Turns(equal_share)
        seconds: list[float] = []
        for _ in range(20):
            at = time.perf_counter()
            with locked(engine) as connection:
                claims = runs.claim(connection, "w", 1, turns)
                runs.end(connection, claims, State.ENDED)
            seconds.append(time.perf_counter() - at)
        name = f"give out and end one: {count:,} queued of {tenants:,} tenants"
        say(name, statistics.median(seconds) * 1e3, "ms")
    engine.dispose()


def raw_sqlite(folder: Path) -> None:
    """Print the limit: a run as three commits of one row, write-ahead log, without waiting for the disk."""
    database = sqlite3.connect(folder / "raw.db", isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=NORMAL")
    database.execute("CREATE TABLE r (id TEXT PRIMARY KEY, state TEXT)")
    at = time.perf_counter()
    for number in range(MANY):
        database.execute("INSERT INTO r VALUES (?, 'a')", (str(number),))
        for state in "bc":
            database.execute("UPDATE r SET state = ? WHERE id = ?", (state, str(number)))
    say("raw: a run as three commits", MANY / (time.perf_counter() - at), "runs/s")
    database.close()


def raw_postgresql(url: str) -> None:
    """Print the limit: a run as three commits of one row, one connection."""
    with psycopg.connect(url, autocommit=True) as database:
        database.execute("CREATE TABLE raw (id TEXT PRIMARY KEY, state TEXT)")
        at = time.perf_counter()
        for number in range(MANY):
            database.execute("INSERT INTO raw VALUES (%s, 'a')", (str(number),))
            for state in "bc":
                database.execute("UPDATE raw SET state = %s WHERE id = %s", (state, str(number)))
    say("raw: a run as three commits", MANY / (time.perf_counter() - at), "runs/s")


@contextlib.contextmanager
def folder_for_all() -> Generator[Path]:
    """Make a folder that PostgreSQL's own user can enter."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def measure(places: dict[str, Any]) -> None:
    """Measure in three empty places."""
    asyncio.run(idle(places["idle"]))
    asyncio.run(throughput(places["one"]))
    asyncio.run(two_workers(places["two"]))
    giving_out(places["queue"])


def postgres() -> Any:
    """Return the module by which the tests start a server."""
    file = Path(__file__).parents[1] / "tests" / "platform" / "store" / "postgres.py"
    spec = importlib.util.spec_from_file_location("postgres", file)
    assert spec is not None  # noqa: S101  (for type checkers: the file is there)
    assert spec.loader is not None  # noqa: S101  (likewise)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    """Print the tables."""
    names = ("idle", "one", "two", "queue")
    with folder_for_all() as folder:
        print("SQLite")
        raw_sqlite(folder)
        measure({name: str(folder / f"{name}.db") for name in names})
        tests = postgres()
        if tests.programs() is None:
            print("PostgreSQL: its server is not installed")
            return
        print("\nPostgreSQL")
        (folder / "postgresql").mkdir()
        with tests.server(folder / "postgresql") as url:
            raw_postgresql(url)
            with psycopg.connect(url, autocommit=True) as database:
                for name in names:
                    database.execute(f"CREATE DATABASE bench_{name}".encode())
            measure({name: url.replace("/postgres?", f"/bench_{name}?") for name in names})


if __name__ == "__main__":
    if sys.argv[1:2] == ["worker"]:
        work(sys.argv[2])
    else:
        main()
