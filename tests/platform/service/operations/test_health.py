"""Health: each part is found as it is, within its deadline, however it fails."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from blockyard_platform.service.operations import checks
from blockyard_platform.service.operations.health import Check, Examiner, Finding, State
from blockyard_platform.store.engines import open_engine
from blockyard_platform.store.tables import HEAD
from blockyard_sandbox import doctor
from blockyard_sandbox.containers.doctor import EngineReport

OK = Finding(State.OK, "fine")
LONG = 120.0
"""Seconds that no look takes, on any machine."""


async def found(check: Check) -> tuple[State, str]:
    """Return what a check finds, however long it takes."""
    (part,) = (await Examiner([replace(check, seconds=LONG)]).look()).parts
    assert part.name == check.name
    return part.state, part.words


def fixed(state: State) -> Callable[[], Finding]:
    return lambda: Finding(state, state.value)


@pytest.mark.parametrize(
    ("states", "whole", "ready"),
    [
        ((), State.OK, True),
        ((State.OK, State.OK), State.OK, True),
        ((State.OK, State.DEGRADED), State.DEGRADED, True),
        ((State.DEGRADED, State.FAILED, State.OK), State.FAILED, False),
    ],
)
async def test_the_whole_is_as_good_as_its_worst_part(
    states: tuple[State, ...], whole: State, ready: bool
) -> None:
    parts = [Check(f"p{it}", fixed(state), seconds=LONG) for it, state in enumerate(states)]
    health = await Examiner(parts).look()
    assert (health.state, health.ready) == (whole, ready)
    assert [it.name for it in health.parts] == [it.name for it in parts]
    told = health.as_dict()
    assert told["state"] == whole.value
    assert [(it["name"], it["state"]) for it in told["parts"]] == [
        (f"p{number}", state.value) for number, state in enumerate(states)
    ]


async def test_parts_are_looked_at_side_by_side() -> None:
    both = threading.Barrier(2, timeout=LONG)

    def look() -> Finding:
        both.wait()
        return OK

    health = await Examiner([Check(it, look, seconds=LONG) for it in "ab"]).look()
    assert health.state is State.OK


async def test_a_part_that_hangs_holds_up_nothing_and_has_one_thread() -> None:
    free, hangs, begun = threading.Event(), threading.Event(), 0

    def hang() -> Finding:
        nonlocal begun
        begun += 1
        hangs.set()
        free.wait(LONG)
        return OK

    parts = [Check("a", hang, seconds=0.05, keep=LONG), Check("b", lambda: OK, seconds=LONG)]
    examiner = Examiner(parts)
    for _ in range(3):
        health = await examiner.look()
        assert [it.state for it in health.parts] == [State.FAILED, State.OK]
        assert health.parts[0].words.startswith("no answer after")
    assert await asyncio.to_thread(hangs.wait, LONG)
    assert begun == 1
    free.set()
    while (await examiner.look()).state is State.FAILED:
        await asyncio.sleep(0.01)
    assert begun == 1


async def test_a_finding_stands_for_a_while_and_a_failure_only_briefly() -> None:
    now, looks = 0.0, 0
    state = State.OK

    def look() -> Finding:
        nonlocal looks
        looks += 1
        return Finding(state, f"look {looks}")

    examiner = Examiner([Check("a", look, seconds=LONG, keep=60)], lambda: now)

    async def words() -> tuple[str, float]:
        (part,) = (await examiner.look()).parts
        return part.words, part.age

    assert await words() == ("look 1", 0.0)
    now, state = 50.0, State.FAILED
    assert await words() == ("look 1", 50.0)
    now = 70.0
    assert await words() == ("look 2", 0.0)
    now, state = 71.5, State.OK
    assert await words() == ("look 3", 0.0)


async def test_what_a_check_raises_is_what_it_found_without_passwords() -> None:
    def look() -> Finding:
        raise OSError("cannot reach postgresql://me:hunter2@db/x\nmore")

    assert await found(Check("a", look)) == (
        State.FAILED,
        "OSError: cannot reach postgresql://me:***@db/x",
    )


async def test_a_database_answers_and_takes_writes(place: str) -> None:
    engine = open_engine(place)
    state, words = await found(checks.database(engine))
    assert (state, words) == (State.OK, f"{engine.dialect.name} answers, and takes writes")
    assert await found(checks.migrations(engine)) == (State.OK, f"at {HEAD}")
    state, words = await found(checks.clock(checks.database_clock(engine)))
    assert state is State.OK
    assert words.endswith("s from the database's clock")
    engine.dispose()


async def test_a_database_that_only_reads_has_failed(postgres: str) -> None:
    engine = open_engine(postgres)
    _only_reads(engine)
    state, words = await found(checks.database(engine))
    assert state is State.FAILED
    assert "read-only transaction" in words
    engine.dispose()


def _only_reads(engine: sa.Engine) -> None:
    def connected(connection: Any, _: Any) -> None:
        connection.execute("SET default_transaction_read_only TO on")
        connection.commit()

    engine.dispose()
    event.listen(engine, "connect", connected)


async def test_a_database_that_is_full_or_gone_has_failed(tmp_path: Path) -> None:
    engine = open_engine(tmp_path / "x.db")
    check = checks.database(engine)
    assert (await found(check))[0] is State.OK
    other = open_engine(tmp_path / "x.db")
    with other.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        state, words = await found(check)
        assert (state, "locked" in words) == (State.FAILED, True)
        with engine.connect() as after:  # whoever has the connection next waits as long as all do
            assert after.exec_driver_sql("PRAGMA busy_timeout").scalar() == 10_000
    assert (await found(check))[0] is State.OK
    with other.begin() as connection:
        connection.exec_driver_sql("DROP TABLE alembic_version")
    assert (await found(check))[0] is State.FAILED
    assert await found(checks.migrations(engine)) == (
        State.FAILED,
        f"at none, and {HEAD} is needed: start anew",
    )
    other.dispose()
    engine.dispose()


async def test_tables_of_a_newer_version_are_used_on(place: str) -> None:
    engine = open_engine(place)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    assert await found(checks.migrations(engine)) == (
        State.DEGRADED,
        f"at 9999, and this process knows {HEAD}: update it",
    )
    engine.dispose()


async def test_room_on_the_disk(tmp_path: Path) -> None:
    huge = 1 << 60
    assert (await found(checks.disk(tmp_path, 0, 0)))[0] is State.OK
    assert (await found(checks.disk(tmp_path, huge, 0)))[0] is State.DEGRADED
    assert (await found(checks.disk(tmp_path, huge, huge)))[0] is State.FAILED
    assert (await found(checks.disk(tmp_path / "gone")))[0] is State.FAILED


async def test_the_sandbox_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    state, words = await found(checks.sandbox())
    level = doctor.level_of(await asyncio.to_thread(doctor.examine))
    assert words.startswith(f"level {level}")
    assert state is {"full": State.OK, "reduced": State.DEGRADED, "none": State.FAILED}[level]
    for missing, wanted, expected in (
        ("landlock", "full", State.DEGRADED),
        ("landlock", "reduced", State.OK),
        ("seccomp", "reduced", State.FAILED),
    ):
        layers = [doctor.LayerReport(it, it != missing, "", "") for it in doctor.STOPS]
        monkeypatch.setattr(doctor, "examine", lambda layers=layers: layers)  # pyright: ignore[reportUnknownArgumentType, reportUnknownLambdaType]
        state, words = await found(checks.sandbox(wanted))
        assert (state, missing in words) == (expected, True)


async def test_an_engine_is_asked_for_when_images_are_allowed() -> None:
    there = EngineReport(True, "unix:///x", "interface 1.41", "20.10")
    gone = EngineReport(False, "unix:///x", "nothing listens")
    asked = checks.containers
    assert await found(asked(lambda: False, lambda: gone)) == (State.OK, "no policy allows images")
    assert await found(asked(lambda: True, lambda: there)) == (State.OK, "20.10: interface 1.41")
    assert await found(asked(lambda: True, lambda: gone)) == (State.DEGRADED, "nothing listens")


@pytest.mark.parametrize(
    ("ago", "state", "words"),
    [
        (None, State.DEGRADED, "no worker is there: runs wait"),
        (3.2, State.OK, "a worker was seen 3 s ago"),
        (-2.0, State.OK, "a worker was seen 0 s ago"),
        (31.0, State.DEGRADED, "a worker was seen 31 s ago"),
    ],
)
async def test_a_worker_is_seen(ago: float | None, state: State, words: str) -> None:
    assert await found(checks.workers(lambda: ago)) == (state, words)


async def test_clocks() -> None:
    now, steady, other = 1_800_000_000.0, 100.0, 1_800_000_000.0
    check = checks.clock(lambda: other, lambda: now, lambda: steady)
    assert await found(check) == (State.OK, "+0.0 s from the database's clock")
    other += 45
    assert await found(check) == (State.DEGRADED, "-45 s from the database's clock")
    now, steady, other = now + 3_600, steady + 10, now + 3_600
    assert await found(check) == (State.DEGRADED, "the clock was set by +3590 s")
    assert (await found(check))[0] is State.OK
    now = 0.0
    assert (await found(check))[0] is State.FAILED
