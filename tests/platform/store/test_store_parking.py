"""Parking in both databases: what stands in them between a run's parts, and what becomes of it."""

from typing import Any

import pytest
import sqlalchemy as sa

from blockyard_platform import Answer, Parking, Runner
from blockyard_platform.engine.journal import UNDER_WAY, Begun
from blockyard_platform.store.changes import begin_again
from blockyard_platform.store.engines import open_engine
from blockyard_platform.store.store import Store
from blockyard_platform.store.tables import STARTS
from blockyard_schemas.statuses import Status

ANY = Parking(least=0)
ASK: dict[str, Any] = {"id": "ask", "wait": {"approval": {"message": "go?"}}}
DOCUMENT: dict[str, Any] = {
    "name": "t",
    "timeout": "3d",
    "stages": [
        {"id": "a", "echo": "x"},
        {
            "id": "p",
            "timeout": "2d",
            "parallel": {"l": [{"id": "w", "wait": "1d"}], "r": [ASK, {"id": "b", "echo": "y"}]},
        },
    ],
}


def shift(place: str, seconds: float) -> None:
    engine = open_engine(place)
    with engine.begin() as connection:
        connection.execute(sa.update(STARTS).values(at=STARTS.c.at - seconds))
    engine.dispose()


async def test_a_run_is_parked_and_goes_on(place: str) -> None:
    async with Runner(journal=place) as runner:
        first = await runner.run(DOCUMENT, run_id="r", parking=ANY)
    assert [(it.path, it.kind) for it in first.parked] == [
        ("p/l/w", "timer"),
        ("p/r/ask", "approval"),
    ]
    store = Store(place)
    journal, past = store.take("r")
    journal.close()
    assert (list(past.records), sorted(past.begun)) == (["a"], ["@", "p/l/w", "p/r/ask", "p@"])
    assert past.begun["p@"].times == 1
    assert past.begun["@"].at <= past.begun["p@"].at <= past.begun["p/l/w"].at
    assert float(past.pins[UNDER_WAY]) > 0
    assert (store.read("r").status, store.read("r").result) == (Status.WAIT, None)
    async with Runner(journal=store) as runner:
        yes = {"p/r/ask": Answer(approved=True, by="ann")}
        second = await runner.resume("r", parking=ANY, answers=yes)
        assert [it.path for it in second.parked] == ["p/l/w"]
        shift(place, 86_400)
        last = await runner.resume("r", parking=ANY)
    assert (last.status, store.read("r").status) == ("SUCCESS", "SUCCESS")
    assert store.paths("r") == ["a", "p/r/ask", "p/r/b", "p/l/w", "p"]
    store.close()


async def test_a_run_that_had_ended_has_its_time_again(place: str) -> None:
    async with Runner(journal=place) as runner:
        await runner.run(DOCUMENT, run_id="r", parking=ANY)
        shift(place, 2 * 86_400)
        ended = await runner.resume("r", parking=ANY)
        assert ended.jobs["main"].stages["p"].code.name == "TIMEOUT"
        again = await runner.resume("r", parking=ANY)
        waits = {it.path: it for it in again.parked}
        assert list(waits) == ["p/r/ask"]
        deadline = waits["p/r/ask"].deadline
        assert deadline is not None
        assert deadline - waits["p/r/ask"].since > 3 * 86_400
    store = Store(place)
    journal, past = store.take("r")
    journal.close()
    store.close()
    assert past.again
    assert sorted(past.begun) == ["@", "p/r/ask", "p@"]


async def test_a_run_that_is_let_begin_again_has_its_time_again(place: str) -> None:
    async with Runner(journal=place) as runner:
        await runner.run(DOCUMENT, run_id="r", parking=ANY)
        shift(place, 2 * 86_400)
        assert (await runner.resume("r", parking=ANY)).status == "FAILED"
        engine = open_engine(place)
        with engine.begin() as connection:
            begin_again(connection, "r", {}, [])
        engine.dispose()
        again = await runner.resume("r", parking=ANY)
    assert (again.status, [it.path for it in again.parked]) == ("WAIT", ["p/r/ask"])


@pytest.mark.parametrize("attempts", [1, 3])
async def test_what_a_wait_has_begun_ends_with_it(place: str, attempts: int) -> None:
    document = {"name": "t", "stages": [{**ASK, "timeout": "1h", "retry": attempts - 1}]}
    async with Runner(journal=place) as runner:
        result = await runner.run(document, run_id="r", parking=ANY)
        for _ in range(attempts):
            assert result.status == "WAIT"
            shift(place, 3601)
            result = await runner.resume("r", parking=ANY)
    assert result.jobs["main"].stages["ask"].attempts == attempts
    store = Store(place)
    journal, past = store.take("r")
    journal.close()
    store.close()
    assert dict[str, Begun](past.begun) == {}
