"""Many runs at once, made by the database itself from one that has ended."""

import sqlite3
import statistics
import time
from typing import Any

import httpx
import psycopg
import serving

_AS_NEW = {
    "status": "'WAIT'",
    "epoch": "0",
    "settled": "0",
    "ended": "NULL",
    "result": "NULL",
    "charged": "0",
    "stored": "0",
}
_QUEUED = (
    "INSERT INTO queue (run, tenant, state, rank, number, failures, cancel, again, submitted)"
    " SELECT id, tenant, 'QUEUED', 0, 0, 0, 0, 0, 0"
)


def clone(database: psycopg.Connection[Any], run: str, count: int) -> float:
    """Queue runs that are like another, all in one transaction; return when that was, in seconds since 1970."""
    known = _columns(database)
    changed = _AS_NEW | {"id": "gen_random_uuid()::text"}
    columns, values = ", ".join(known), ", ".join(changed.get(it, it) for it in known)
    runs = (
        f"INSERT INTO runs ({columns}) SELECT {values} FROM runs, generate_series(1, {count})"  # noqa: S608
        f" WHERE id = '{run}' RETURNING id, tenant"
    )
    queued = f"WITH made AS ({runs}) {_QUEUED} FROM made"
    begun = time.time()
    with database.transaction():
        database.execute(queued.encode())
        database.execute(b"SELECT pg_notify('blockyard_queue', '')")
    return begun


def clone_in_sqlite(file: str, run: str, count: int) -> float:
    """Do as :func:`clone` in SQLite, where a worker looks for itself."""
    with sqlite3.connect(file, timeout=60) as database:
        begun = time.time()
        _multiply(database, run, count, _AS_NEW)
        database.execute(f"{_QUEUED} FROM runs WHERE epoch = 0")
    database.close()
    return begun


def list_page(place: str, run: str, rows: int, client: httpx.Client) -> float:
    """Fill the table, and return the seconds in which a page comes: the first, one of a status, and one further back."""
    (_fill_postgresql if "://" in place else _fill_sqlite)(place, run, rows)
    paths = [
        f"/runs?tenant={serving.TENANT}&limit=100",
        "/runs?limit=100",
        f"/runs?tenant={serving.TENANT}&status=SUCCESS&limit=100",
    ]
    following = client.get(paths[0]).raise_for_status().json()["next"]
    seconds: list[float] = []
    for path in paths:
        for cursor in ({}, {"cursor": following}) if path is paths[0] else ({},):
            client.get(path, params=cursor or None).raise_for_status()
            for _ in range(10):
                begun = time.perf_counter()
                client.get(path, params=cursor or None).raise_for_status()
                seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds)


def _fill_sqlite(file: str, run: str, rows: int) -> None:
    with sqlite3.connect(file, timeout=60) as database:
        _multiply(database, run, rows, {"created": "created - it"})
    database.close()


def _multiply(database: sqlite3.Connection, run: str, count: int, changed: dict[str, str]) -> None:
    known: list[str] = [row[1] for row in database.execute("PRAGMA table_info(runs)")]
    changed = changed | {"id": "lower(hex(randomblob(16)))"}
    columns, values = ", ".join(known), ", ".join(changed.get(it, it) for it in known)
    database.execute(
        "WITH RECURSIVE many(it) AS (SELECT 1 UNION ALL SELECT it + 1 FROM many WHERE it < ?)"  # noqa: S608
        f" INSERT INTO runs ({columns}) SELECT {values} FROM runs, many WHERE id = ?",
        (count, run),
    )


def _fill_postgresql(url: str, run: str, rows: int) -> None:
    with psycopg.connect(url, autocommit=True) as database:
        known = _columns(database)
        changed = {"id": "gen_random_uuid()::text", "created": "created - it"}
        columns, values = ", ".join(known), ", ".join(changed.get(it, it) for it in known)
        database.execute(
            f"INSERT INTO runs ({columns}) SELECT {values}"  # noqa: S608
            f" FROM runs, generate_series(1, {rows}) it WHERE id = '{run}'".encode()
        )
        database.execute(b"ANALYZE runs")


def _columns(database: psycopg.Connection[Any]) -> list[str]:
    query = (
        "SELECT column_name FROM information_schema.columns"
        " WHERE table_name = 'runs' AND table_schema = 'public'"
    )
    return [row[0] for row in database.execute(query)]
