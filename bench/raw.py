"""The limit: a journal that is as small as an honest one can be. A run is a submission, a claim, its stages and its end.

Each is on the disk when the next begins; a stage is refused, in the same statement, when the run is another's. ``each`` makes every
one of them a transaction; ``group`` gathers what several runs want to write at the same time.
"""

import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import psycopg

_TABLES = (
    "CREATE TABLE raw_runs (id TEXT PRIMARY KEY, status TEXT, owner TEXT, input TEXT, output TEXT)",
    "CREATE TABLE raw_steps (run TEXT, seq INTEGER, output TEXT, PRIMARY KEY (run, seq))",
)
_STATEMENTS = {
    "submit": "INSERT INTO raw_runs VALUES ({0}, 'QUEUED', NULL, {1}, NULL)",
    "claim": "UPDATE raw_runs SET status = 'RUNNING', owner = {1} WHERE id = {0} AND status = 'QUEUED'",
    "stage": "INSERT INTO raw_steps SELECT {0}, {2}, {3} WHERE EXISTS"
    " (SELECT 1 FROM raw_runs WHERE id = {0} AND owner = {1} AND status = 'RUNNING')",
    "end": "UPDATE raw_runs SET status = 'SUCCESS', output = {2} WHERE id = {0} AND owner = {1}",
}
_GROUP_RUNS = 64

Write = tuple[str, tuple[Any, ...]]
Send = Callable[[str, tuple[Any, ...]], None]


def writes(run: str, stages: int) -> Iterable[Write]:
    """Yield what a run of so many stages writes, in order."""
    yield "submit", (run, '{"stages": []}')
    yield "claim", (run, "w")
    for number in range(stages):
        yield "stage", (run, "w", number, '{"result": 1}')
    yield "end", (run, "w", "{}")


def sqlite(file: str, stages: int, runs: int) -> float:
    """Return the runs a second of SQLite: one connection, write-ahead log, each write a transaction that does not wait for the disk."""
    database = sqlite3.connect(file, isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=NORMAL")
    for table in _TABLES:
        database.execute(f"DROP TABLE IF EXISTS {table.split()[2]}")
        database.execute(table)
    texts = {name: text.format("?1", "?2", "?3", "?4") for name, text in _STATEMENTS.items()}
    begun = time.perf_counter()
    for number in range(runs):
        for name, values in writes(f"r{number}", stages):
            if database.execute(texts[name], values).rowcount != 1:
                raise RuntimeError("a run was lost")
    found = runs / (time.perf_counter() - begun)
    database.close()
    return found


def postgresql(url: str, stages: int, runs: int, connections: int) -> float:
    """Return the runs a second of PostgreSQL, each write a transaction, by so many connections at once."""
    _make(url)
    left: queue.SimpleQueue[str] = queue.SimpleQueue()
    for number in range(runs):
        left.put(f"r{number}")

    def work(_: int) -> None:
        with psycopg.connect(url, autocommit=True) as database:
            while not left.empty():
                try:
                    run = left.get_nowait()
                except queue.Empty:
                    return
                for name, values in writes(run, stages):
                    _write(database, name, values)

    begun = time.perf_counter()
    with ThreadPoolExecutor(connections) as threads:
        list(threads.map(work, range(connections)))
    return runs / (time.perf_counter() - begun)


def group(url: str, stages: int, runs: int) -> float:
    """Return the runs a second of PostgreSQL where one connection commits in groups for runs that go on side by side."""
    _make(url)
    wanted: queue.SimpleQueue[tuple[str, tuple[Any, ...], Future[None]] | None]
    wanted = queue.SimpleQueue()

    def commit() -> None:
        with psycopg.connect(url) as database:
            while (first := wanted.get()) is not None:
                found = [first]
                while not wanted.empty():
                    following = wanted.get()
                    if following is None:
                        wanted.put(None)
                        break
                    found.append(following)
                with database.pipeline():
                    for name, values, _ in found:
                        database.execute(_text(name, values), _values(name, values))
                    database.commit()
                for _, _, done in found:
                    done.set_result(None)

    def send(name: str, values: tuple[Any, ...]) -> None:
        done: Future[None] = Future()
        wanted.put((name, values, done))
        done.result()

    def one(number: int) -> None:
        for name, values in writes(f"r{number}", stages):
            send(name, values)

    thread = threading.Thread(target=commit)
    thread.start()
    begun = time.perf_counter()
    with ThreadPoolExecutor(_GROUP_RUNS) as threads:
        list(threads.map(one, range(runs)))
    found = runs / (time.perf_counter() - begun)
    wanted.put(None)
    thread.join()
    return found


def _make(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as database:
        for table in _TABLES:
            database.execute(f"DROP TABLE IF EXISTS {table.split()[2]}".encode())
            database.execute(table.encode())


def _write(database: psycopg.Connection[Any], name: str, values: tuple[Any, ...]) -> None:
    if database.execute(_text(name, values), _values(name, values)).rowcount != 1:
        raise RuntimeError("a run was lost")


def _text(name: str, values: tuple[Any, ...]) -> bytes:
    kinds = {int: "int", str: "text"}
    names = [f"%(v{number})s::{kinds[type(it)]}" for number, it in enumerate(values)]
    return _STATEMENTS[name].format(*names, "", "").encode()


def _values(name: str, values: tuple[Any, ...]) -> dict[str, Any]:
    del name
    return {f"v{number}": it for number, it in enumerate(values)}
