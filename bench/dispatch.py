"""Dispatch: submit to start on an idle worker, runs a second of trivial work, and the cost of giving out beside a long queue.

Prints a table for SQLite, and for PostgreSQL where its server is installed, with the raw database beside: one run as three commits.
"""

import contextlib
import importlib.util
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg

from blockyard_platform.service.dispatch import claiming, runs
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


def idle(place: str) -> None:
    """Print how long it takes from submitting to the first line of the work, one run at a time; and what idling costs."""
    begun, times = threading.Semaphore(0), list[float]()

    def execute(_: str) -> None:
        times.append(time.perf_counter())
        begun.release()

    callbacks = Callbacks(execute, nothing, nothing, nothing)
    dispatcher = DbosDispatcher(Settings(place), callbacks)
    at = time.perf_counter()
    dispatcher.start()
    say("start of the dispatcher, tables made", (time.perf_counter() - at) * 1e3, "ms")
    seconds: list[float] = []
    for number in range(IDLE):
        name = f"idle-{number}"
        at = time.perf_counter()
        dispatcher.submit(name, "t")
        begun.acquire()
        seconds.append(times.pop() - at)
        time.sleep(0.005)
    say("submit to start, idle, p50", statistics.median(seconds) * 1e3, "ms")
    say("submit to start, idle, p99", statistics.quantiles(seconds, n=100)[98] * 1e3, "ms")
    at = time.process_time()
    time.sleep(5)
    say("an idle worker, of one core", (time.process_time() - at) / 5 * 100, "%")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    say("memory of this process at most", peak, "MiB")
    dispatcher.stop()


def throughput(place: str) -> None:
    """Print how many runs a second are submitted, and come to their end, with one worker in this process."""
    dispatcher = DbosDispatcher(Settings(place), Callbacks(nothing, nothing, nothing, nothing))
    dispatcher.start()
    at, spent = time.perf_counter(), time.process_time()

    def submit(number: int) -> bool:
        return dispatcher.submit(f"many-{number}", f"t{number % 5}")

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(submit, range(MANY)))
    say(
        "submitted, each in a transaction, by 16 threads",
        MANY / (time.perf_counter() - at),
        "runs/s",
    )
    drained(dispatcher)
    say("ended, one worker", MANY / (time.perf_counter() - at), "runs/s")
    say("a run, of one core", (time.process_time() - spent) / MANY * 1e3, "ms")
    dispatcher.stop()


def workers(place: str, count: int) -> None:
    """Print how many runs a second workers in processes of their own bring to their end; all are submitted at once."""
    front = DbosDispatcher(Settings(place, slots=0), Callbacks(nothing, nothing, nothing, nothing))
    front.start()
    command = (sys.executable, __file__, "worker", place)
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(count)]  # noqa: S603
    for process in processes:
        assert process.stdout is not None  # noqa: S101  (for type checkers: it is a pipe)
        process.stdout.readline()
    engine = open_tables(place)
    at = time.perf_counter()
    with locked(engine) as connection:
        names = [(f"two-{it}", f"t{it % 5}") for it in range(MANY)]
        runs.add(connection, [runs.Submission(run, who) for run, who in names])
    drained(front)
    say(f"ended, {count} workers in processes", MANY / (time.perf_counter() - at), "runs/s")
    for process in processes:
        process.terminate()
        process.wait()
    engine.dispose()
    front.stop()


def drained(dispatcher: DbosDispatcher) -> None:
    """Wait until nothing is queued and nothing at work."""
    for state in (State.QUEUED, State.RUNNING):
        while dispatcher.list(state=state, limit=1):
            time.sleep(0.01)


def work(place: str) -> None:
    """Be a worker, until terminated."""
    DbosDispatcher(Settings(place), Callbacks(nothing, nothing, nothing, nothing)).start()
    print("ready", flush=True)
    time.sleep(600)


def giving_out(place: str) -> dict[str, float]:
    """Return the seconds in which a run is given out and its end noted, by how many are queued and of how many tenants."""
    found: dict[str, float] = {}
    engine = open_tables(place)
    with locked(engine) as connection:
        connection.exec_driver_sql("INSERT INTO workers VALUES ('w', '', 1, 0, 0)")
    for count, tenants in ((20, 1), (QUEUED, 1), (QUEUED, 1_000)):
        with locked(engine) as connection:
            names = [(f"{count}-{tenants}-{it}", f"t{it % tenants}") for it in range(count)]
            runs.add(connection, [runs.Submission(run, who) for run, who in names])
        turns = Turns(equal_share)
        seconds: list[float] = []
        for _ in range(20):
            at = time.perf_counter()
            with locked(engine) as connection:
                claims = claiming.claim(connection, "w", 1, turns)
                runs.end(connection, claims, State.ENDED)
            seconds.append(time.perf_counter() - at)
        found[f"{count:,} queued of {tenants:,} tenant(s)"] = statistics.median(seconds)
    engine.dispose()
    return found


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
    idle(places["idle"])
    throughput(places["one"])
    for count in (1, 2):
        workers(places[f"by_{count}"], count)
    for name, seconds in giving_out(places["queue"]).items():
        say(f"give out and end one: {name}", seconds * 1e3, "ms")


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
    names = ("idle", "one", "by_1", "by_2", "queue")
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
