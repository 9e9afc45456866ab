"""The service: from submitting over HTTP to the end, throughput beside a raw journal, stages a second, memory, listings.

The service and its workers are processes of their own. Published figures of others, which they have measured on machines of their
own and without isolation, are printed beside the sequence of 40 stages.
"""

import sqlite3
import statistics
import sys
import time
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
import raw
import serving
from dispatch import folder_for_all, giving_out, postgres
from goals import Goal, show
from rows import clone, clone_in_sqlite, list_page

ONE = "name: hello\nstages: [{id: a, run: 'result = 1'}]\n"
FORTY = "name: forty\nstages:\n" + "".join(
    f"  - {{id: s{it}, run: 'result = {it}'}}\n" for it in range(40)
)
OTHERS = {
    "Hatchet": "1.2",
    "Windmill": "2.1 to 4.4",
    "Temporal": "3.0",
    "Prefect": "4.9",
    "Kestra": "6.0",
    "Airflow": "116",
}
RAW_OVER_OURS = {(1, 1): 4.45, (1, 2): 3.4, (10, 1): 2.35, (10, 2): 1.9}
RAW_OVER_OURS_IN_SQLITE = {1: 27.0, 10: 11.2}
"""The trial of the design: runs a second of one transaction a write, over its own, by stages (and workers). Those of 10 stages lie between those of 1 and of 20, as its seconds a stage do."""
PART = 0.8
"""Of the trial's runs a second, which did nothing but keep a journal: no tenants, policies, events, accounts or followers."""
CONNECTIONS = 16
SLOTS = 24
"""Runs that a worker has at once where throughput is measured; pure stages leave a processor free while they are written."""
ROUNDS = 3
"""How often a throughput is measured, and the best is taken: of the raw journal as well."""


def pure(stages: int) -> str:
    """Return a document of so many stages that nobody has to leave the process for."""
    return "name: pure\nstages:\n" + "".join(
        f"  - {{id: s{it}, echo: x}}\n" for it in range(stages)
    )


def idle(service: serving.Service, rounds: int) -> list[Goal]:
    """Measure runs one at a time, with nothing else to do."""
    time.sleep(2)
    memory = service.memory()
    with service.client() as client:
        for _ in range(10):
            serving.finish(client, ONE)
        spent = service.cpu()
        singles = [_seconds(lambda: serving.finish(client, ONE)) for _ in range(rounds)]
        spent = (service.cpu() - spent) / rounds
        forty = [
            _seconds(lambda: serving.finish(client, FORTY)) for _ in range(max(rounds // 20, 3))
        ]
        many = [_inner(client, pure(400)) for _ in range(3)]
    p99 = statistics.quantiles(singles, n=100)[98]
    print(f"{'one-stage run, the least of all':<62}{min(singles) * 1e3:>10.2f} ms")
    print(f"{'one-stage run, CPU of the server':<62}{spent * 1e3:>10.2f} ms")
    where = "SQLite" if "://" not in service.place else "PostgreSQL"
    usual = statistics.median(singles)
    if where == "SQLite":
        at_once = [
            Goal("one-stage run over HTTP, SQLite, p50", usual * 1e3, 25, "ms"),
            Goal("one-stage run over HTTP, SQLite, p99", p99 * 1e3, 80, "ms"),
        ]
    else:
        print(f"{'one-stage run, p50 / p99':<62}{usual * 1e3:>10.2f} / {p99 * 1e3:.2f} ms")
        at_once = []
    return [
        Goal(f"memory of an idle server, {where}", memory, 150, "MiB"),
        *at_once,
        Goal(f"40 stages in sequence over HTTP, {where}", statistics.median(forty), 0.5, "s"),
        Goal(f"pure stage, SQL journal, {where} (2,000/s)", min(many) * 1e6, 500, "us"),
    ]


def throughput(url: str, folder: Path, runs: int) -> list[Goal]:
    """Measure how many runs a second one worker, and two, bring to their end, and the raw journal beside."""
    found: list[Goal] = []
    rates: dict[tuple[int, int], float] = {}
    for stages in (1, 10):
        limit = max(raw.postgresql(url, stages, runs, CONNECTIONS) for _ in range(ROUNDS))
        grouped = max(raw.group(url, stages, runs) for _ in range(ROUNDS))
        print(f"raw PostgreSQL, {stages}-stage runs: {limit:.0f}/s each, {grouped:.0f}/s in groups")
        for workers in (1, 2):
            with _place(url, f"w{workers}_{stages}") as place:
                rate = _rate(folder / f"w{workers}-{stages}", place, workers, stages, runs)
            rates[workers, stages] = rate
            name = f"raw / {stages}-stage runs, {workers} worker(s) ({rate:.0f}/s)"
            most = RAW_OVER_OURS[stages, workers] / PART
            found.append(Goal(name, limit / rate, most, "x"))
        name = f"one worker's time / two workers', {stages}-stage runs (1.3)"
        found.append(Goal(name, rates[1, stages] / rates[2, stages], 1 / 1.3, "x"))
    return found


def queued(place: str) -> list[Goal]:
    """Measure whether it costs more to give a run out when many others are queued; and print what it costs when many tenants wait."""
    (few, base), (many, seconds), (tenants, dearer) = giving_out(place).items()
    where = "SQLite" if "://" not in place else "PostgreSQL"
    print(f"{f'give out a run, {tenants}, {where}':<62}{dearer * 1e3:>10.2f} ms")
    return [Goal(f"give out a run: {many} / {few}, {where}", seconds / base, 1.5, "x")]


def throughput_in_sqlite(folder: Path, runs: int) -> list[Goal]:
    """Measure how many runs a second the one process brings to their end on SQLite, and the raw journal beside."""
    found: list[Goal] = []
    for stages in (1, 10):
        file = str(folder / f"raw-{stages}.db")
        limit = max(raw.sqlite(file, stages, runs) for _ in range(ROUNDS))
        print(f"raw SQLite, {stages}-stage runs: {limit:.0f}/s each")
        place = str(folder / f"many-{stages}.db")
        with (
            serving.service(folder / f"many-{stages}", place, slots=SLOTS) as service,
            service.client() as client,
        ):
            first = [serving.finish(client, pure(stages)) for _ in range(4)][-1]
            rates: list[float] = []
            for _ in range(ROUNDS):
                begun = clone_in_sqlite(place, first["id"], runs)
                rates.append(runs / (_last_end_in_sqlite(place) - begun))
        rate = max(rates)
        name = f"raw SQLite / {stages}-stage runs ({rate:.0f}/s)"
        found.append(Goal(name, limit / rate, RAW_OVER_OURS_IN_SQLITE[stages] / PART, "x"))
    return found


def _last_end_in_sqlite(file: str) -> float:
    with closing(sqlite3.connect(file, timeout=60, isolation_level=None)) as database:
        left = "SELECT 1 FROM runs WHERE settled = 0 LIMIT 1"
        while database.execute(left).fetchone() is not None:
            time.sleep(0.1)
        return float(database.execute("SELECT max(ended) FROM runs").fetchone()[0])


def _rate(folder: Path, place: str, workers: int, stages: int, runs: int) -> float:
    """Queue runs all at once, and return how many end in a second: from their commit to the end of the last."""
    with (
        serving.service(folder, place, workers=workers, slots=SLOTS) as service,
        service.client() as client,
    ):
        for _ in range(3 * workers):
            serving.finish(client, pure(stages))
        first = serving.finish(client, pure(stages))
        with psycopg.connect(place, autocommit=True) as database:
            return max(_drained(database, first["id"], runs) for _ in range(ROUNDS))


def _drained(database: psycopg.Connection[Any], run: str, runs: int) -> float:
    """Queue runs, and return how many end in a second."""
    begun = clone(database, run, runs)
    while database.execute("SELECT 1 FROM runs WHERE settled = 0 LIMIT 1").fetchone() is not None:
        time.sleep(0.1)
    last = database.execute("SELECT max(ended) FROM runs").fetchone()
    assert last is not None  # noqa: S101  (for type checkers)
    return runs / (float(last[0]) - begun)


def listing(service: serving.Service, rows: int) -> Goal:
    """Fill the table of runs, and measure a page of its listing over HTTP."""
    with service.client() as client:
        first = serving.finish(client, ONE)
        seconds = list_page(service.place, first["id"], rows, client)
    where = "SQLite" if "://" not in service.place else "PostgreSQL"
    return Goal(f"a page of runs, {rows:,} in the table, {where}", seconds * 1e3, 50, "ms")


def goals(*, quick: bool) -> list[Goal]:
    """Measure everything, or in little time what shows that nothing has broken."""
    rounds, runs, rows = (30, 60, 20_000) if quick else (300, 1_000, 1_000_000)
    with folder_for_all() as folder:
        with serving.service(folder / "idle", str(folder / "idle.db")) as service:
            found = idle(service, rounds)
            found.append(listing(service, rows))
        found += throughput_in_sqlite(folder, runs)
        found += queued(str(folder / "queue.db"))
        words = ", ".join(f"{name} {seconds}" for name, seconds in OTHERS.items())
        print(f"40 stages as published by others, on their machines, seconds: {words}")
        tests = postgres()
        if tests.programs() is None:
            print("PostgreSQL: its server is not installed")
            return found
        (folder / "postgresql").mkdir()
        with tests.server(folder / "postgresql") as url:
            with (
                _place(url, "idle") as place,
                serving.service(folder / "idle-pg", place) as service,
            ):
                found += idle(service, rounds)
                found.append(listing(service, rows))
            found += throughput(url, folder, runs)
            with _place(url, "queue") as place:
                found += queued(place)
    return found


@contextmanager
def _place(url: str, name: str) -> Generator[str]:
    """Make a database, and yield its URL."""
    with psycopg.connect(url, autocommit=True) as database:
        database.execute(f"CREATE DATABASE bench_{name}".encode())
    yield url.replace("/postgres?", f"/bench_{name}?")


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _inner(client: httpx.Client, document: str) -> float:
    """Return the seconds of a stage, from the first record of a run to its last."""
    run = serving.finish(client, document)
    path = f"/tenants/{serving.TENANT}/runs/{run['id']}/stages?limit=500"
    records = client.get(path).raise_for_status().json()["items"]
    first, last = (datetime.fromisoformat(records[it]["started"]) for it in (0, -1))
    return (last - first).total_seconds() / (len(records) - 1)


if __name__ == "__main__":
    print("\n".join(map(show, goals(quick="--quick" in sys.argv))))
