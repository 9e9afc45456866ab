"""The checks of the service's parts: database, migrations, disk, sandbox, container engine, workers, clock."""

from __future__ import annotations

import shutil
from time import monotonic, time
from typing import TYPE_CHECKING

import sqlalchemy as sa

from blockyard_platform.service.operations.health import Check, Finding, State
from blockyard_platform.store.engines import version_of
from blockyard_platform.store.tables import HEAD

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from sqlalchemy.engine import Engine

    from blockyard_sandbox.containers.doctor import EngineReport

_MIB = 1024 * 1024
LOW_BYTES = 2048 * _MIB
NO_BYTES = 128 * _MIB
"""Free bytes of the data folder's disk with which it is degraded, and failed."""
WORKER_SECONDS = 30.0
"""Without a worker's heartbeat for so long, runs wait."""
CLOCK_SECONDS = 30.0
"""By how much clocks may differ."""
_EARLIEST = 1_735_689_600.0  # 2025: before this program was written
_LONG = 600.0


def database(engine: Engine) -> Check:
    """Look whether the database answers, and takes a write that is committed: a full disk and a standby are found so."""

    def look() -> Finding:
        with engine.connect() as connection:
            try:
                if engine.dialect.name == "sqlite":
                    connection.exec_driver_sql("PRAGMA busy_timeout=2000")
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
                else:
                    connection.exec_driver_sql("SET LOCAL lock_timeout='2s'")
                connection.exec_driver_sql("UPDATE alembic_version SET version_num = version_num")
                connection.commit()
            finally:
                connection.rollback()
                if engine.dialect.name == "sqlite":
                    connection.exec_driver_sql("PRAGMA busy_timeout=10000")
        return Finding(State.OK, f"{engine.dialect.name} answers, and takes writes")

    return Check("database", look, keep=5.0)


def migrations(engine: Engine) -> Check:
    """Look whether the tables are what this version needs. Newer ones are used on: they have only more in them."""

    def look() -> Finding:
        with engine.connect() as connection:
            version = version_of(connection)
        if version == HEAD:
            return Finding(State.OK, f"at {HEAD}")
        if version is not None and version > HEAD:
            words = f"at {version}, and this process knows {HEAD}: update it"
            return Finding(State.DEGRADED, words)
        return Finding(State.FAILED, f"at {version or 'none'}, and {HEAD} is needed: start anew")

    return Check("migrations", look, keep=5.0)


def disk(folder: str | os.PathLike[str], low: int = LOW_BYTES, none: int = NO_BYTES) -> Check:
    """Look how much room the disk of the data folder has."""

    def look() -> Finding:
        free = shutil.disk_usage(folder).free
        state = State.FAILED if free < none else State.DEGRADED if free < low else State.OK
        return Finding(state, f"{free // _MIB} MiB free")

    return Check("disk", look)


def sandbox(wanted: str = "full") -> Check:
    """Look at which level guests can be jailed, by making one; ``wanted`` is the highest that a policy asks for."""

    def look() -> Finding:
        from blockyard_sandbox.doctor import examine, level_of

        layers = examine()
        level = level_of(layers)
        missing = ", ".join(it.name for it in layers if not it.holds)
        words = f"level {level}" + (f"; without {missing}" if missing else "")
        if level == "none":
            return Finding(State.FAILED, words)
        return Finding(State.OK if level in (wanted, "full") else State.DEGRADED, words)

    return Check("sandbox", look, seconds=20.0, keep=_LONG)


def containers(
    wanted: Callable[[], bool], examine: Callable[[], EngineReport] | None = None
) -> Check:
    """Look for a container engine, when ``wanted`` says that a policy allows images."""

    def look() -> Finding:
        if not wanted():
            return Finding(State.OK, "no policy allows images")
        from blockyard_sandbox.containers.doctor import examine_engine

        report = (examine or examine_engine)()
        state = State.OK if report.usable else State.DEGRADED
        return Finding(
            state, report.detail if report.version is None else f"{report.version}: {report.detail}"
        )

    return Check("containers", look, seconds=10.0, keep=30.0)


def workers(seen: Callable[[], float | None]) -> Check:
    """Look whether a worker lives: ``seen`` returns how many seconds ago the last heartbeat of any was, None when there is none."""

    def look() -> Finding:
        ago = seen()
        if ago is None:
            return Finding(State.DEGRADED, "no worker is there: runs wait")
        state = State.OK if ago <= WORKER_SECONDS else State.DEGRADED
        return Finding(state, f"a worker was seen {max(ago, 0.0):.0f} s ago")

    return Check("workers", look)


def clock(
    theirs: Callable[[], float],
    ours: Callable[[], float] = time,
    steady: Callable[[], float] = monotonic,
) -> Check:
    """Look whether this machine's clock is one: ``theirs`` is the database's, in seconds since 1970.

    A clock that was set since this process began is told once, by how much; on one machine both clocks are the same.
    """
    last = ours() - steady()

    def look() -> Finding:
        nonlocal last
        now = ours()
        apart, jumped = now - theirs(), now - steady() - last
        last += jumped
        if now < _EARLIEST:
            return Finding(
                State.FAILED,
                "the clock is years behind: secrets of webhooks and tokens expire by it",
            )
        if abs(apart) > CLOCK_SECONDS:
            return Finding(State.DEGRADED, f"{apart:+.0f} s from the database's clock")
        if abs(jumped) > CLOCK_SECONDS:
            return Finding(State.DEGRADED, f"the clock was set by {jumped:+.0f} s")
        return Finding(State.OK, f"{apart:+.1f} s from the database's clock")

    return Check("clock", look, keep=10.0)


def database_clock(engine: Engine) -> Callable[[], float]:
    """Return a callable that asks a database for the time."""
    words = (
        "SELECT (julianday('now') - 2440587.5) * 86400.0"
        if engine.dialect.name == "sqlite"
        else "SELECT extract(epoch from clock_timestamp())::float8"
    )

    def ask() -> float:
        with engine.connect() as connection:
            return float(connection.scalar(sa.text(words)) or 0.0)

    return ask
