"""A run stops when all that it does is to wait, and goes on from there as if it had not."""

import asyncio
from pathlib import Path
from time import monotonic, time
from typing import Any

import pytest

from blockyard_blocks import Catalog, block
from blockyard_platform import Event, Parking, Runner, RunResult, RunView
from blockyard_platform.engine import interpreter, waits
from blockyard_platform.engine.kinds import approval
from blockyard_platform.store.store import Store
from blockyard_schemas.policy import RunLimits, personal_policy
from blockyard_schemas.statuses import Status

from .conftest import Done
from .parked import Parked, paths

HOUR = {"wait": "1h"}


def use(name: str, value: Any = 0, **more: Any) -> dict[str, Any]:
    return {"id": name, "uses": "mine.effect", "with": {"value": value}, **more}


@pytest.fixture
def parked(tmp_path: Path, catalog: Catalog) -> Parked:
    return Parked(tmp_path / "runs.db", catalog)


async def test_a_run_parks_and_goes_on_when_its_time_has_come(parked: Parked, done: Done) -> None:
    result = await parked.begin({"stages": [use("a"), {"id": "w", **HOUR}, use("b")]})
    (waiting,) = result.parked
    assert (result.status, result.success, result.lost) == ("WAIT", False, False)
    assert (waiting.path, waiting.kind, done) == ("w", "timer", ["a"])
    assert result.wakes == waiting.due == waiting.since + 3600
    assert {name: it.status for name, it in result.jobs["main"].stages.items()} == {
        "a": "SUCCESS",
        "w": "WAIT",
    }
    assert result.jobs["main"].status == "WAIT"
    assert result.as_dict()["parked"] == [waiting.as_dict()]
    again = await parked.go_on()
    assert (again.parked, again.wakes) == (result.parked, result.wakes)
    parked.later(3600)
    ended = await parked.go_on()
    assert (ended.status, ended.parked, done) == ("SUCCESS", (), ["a", "b"])
    assert "parked" not in ended.as_dict()


async def test_the_journal_has_no_end_and_no_record_of_a_parked_run(parked: Parked) -> None:
    nested = {"id": "f", "foreach": [1], "stages": [{"id": "w", **HOUR}]}
    await parked.begin({"stages": [{"id": "a", "echo": "x"}, nested]})
    store = Store(parked.place)
    assert (store.paths("r"), store.read("r").status) == (["a"], Status.WAIT)
    journal, past = store.take("r")
    journal.close()
    store.close()
    assert (list(past.begun), past.again) == (["f[0]/w"], False)


SHAPES: dict[str, tuple[dict[str, Any], list[str], list[str]]] = {
    "foreach": (
        {"stages": [{"id": "f", "foreach": [1, 2], "concurrent": 2, "stages": [use("a"), {"id": "w", **HOUR}, use("b")]}]},
        ["f[0]/w", "f[1]/w"],
        ["f[0]/a", "f[0]/b", "f[1]/a", "f[1]/b"],
    ),
    "one of two branches": (
        {"stages": [{"id": "p", "parallel": {"l": [{"id": "w", **HOUR}, use("b")], "r": [{"id": "s", "sleep": 0.05}, use("c")]}}]},
        ["p/l/w"],
        ["p/l/b", "p/r/c"],
    ),
    "more items than places": (
        {"stages": [{"id": "f", "foreach": [1, 2, 3], "concurrent": 2, "stages": [{"id": "w", "if": "${{ item != 2 }}", **HOUR}, use("b")]}]},
        ["f[0]/w", "f[2]/w"],
        ["f[0]/b", "f[1]/b", "f[2]/b"],
    ),
    "try": (
        {"stages": [{"id": "t", "try": [{"id": "x", "raise": "no"}], "catch": [{"id": "w", **HOUR}, use("c")], "finally": [use("z")]}]},
        ["t/catch/w"],
        ["t/catch/c", "t/finally/z"],
    ),
    "until": (
        {"stages": [{"id": "u", "until": "${{ loop == 1 }}", "stages": [{"id": "w", **HOUR}, use("a")]}]},
        ["u#1/w"],
        ["u#1/a"],
    ),
    "case": (
        {"stages": [{"id": "c", "case": 1, "match": [{"case": 1, "stages": [{"id": "w", **HOUR}, use("a")]}]}]},
        ["c/w"],
        ["c/a"],
    ),
    "jobs": (
        {"jobs": {"a": {"stages": [{"id": "w", **HOUR}, use("x")]}, "b": {"stages": [use("y")]}, "c": {"needs": "b", "stages": [use("z")]}, "d": {"needs": "a", "stages": [use("v")]}}},
        ["a:w"],
        ["a:x", "b:y", "c:z", "d:v"],
    ),
    "fewer places than jobs": (
        {"max-parallel": 1, "jobs": {"a": {"stages": [{"id": "w", **HOUR}]}, "b": {"stages": [use("y")]}}},
        ["a:w"],
        ["b:y"],
    ),
    "matrix": (
        {"jobs": {"m": {"strategy": {"matrix": {"n": [1, 2]}}, "stages": [{"id": "w", "if": "${{ matrix.n == 1 }}", **HOUR}, use("x")]}}},
        ["m[0]:w"],
        ["m[0]:x", "m[1]:x"],
    ),
    "retry": (
        {"stages": [{"id": "f", "retry": {"attempts": 2, "delay": "50ms"}, "foreach": [1], "stages": [{"id": "g", "if": "${{ retry == 0 }}", "raise": "no"}, {"id": "w", **HOUR}, use("a")]}]},
        ["f~2[0]/w"],
        ["f~2[0]/a"],
    ),
    "a job that is tried again": (
        {"jobs": {"j": {"retry": 1, "stages": [{"id": "g", "if": "${{ retry == 0 }}", "raise": "no"}, {"id": "w", **HOUR}, use("a")]}}},
        ["j~2:w"],
        ["j~2:a"],
    ),
    "trigger": (
        {"stages": [{"id": "t", "trigger": "child"}]},
        ["t>w"],
        ["t>a"],
    ),
}  # fmt: skip

CHILD = {"name": "child", "stages": [{"id": "w", **HOUR}, use("a")]}


@pytest.mark.parametrize("shape", SHAPES)
async def test_what_else_there_is_goes_on_before_it_parks(
    shape: str, parked: Parked, done: Done
) -> None:
    document, waits, all_done = SHAPES[shape]
    parked.workflows = {"child": CHILD}
    first = await parked.begin(document)
    assert (first.status, paths(first)) == ("WAIT", waits)
    again = await parked.go_on()
    assert (again.status, paths(again)) == ("WAIT", waits)
    assert not [job for job in first.jobs.values() if job.status in ("FAILED", "CANCEL")]
    result, _ = await parked.to_end(again)
    assert (result.status, sorted(done)) == ("SUCCESS", all_done)


async def test_what_is_near_is_waited_for_in_the_process(parked: Parked) -> None:
    parked.parking = Parking(least=5)
    stages = [{"id": "w", "wait": "20ms"}, {"id": "v", **HOUR}]
    first = await parked.begin({"stages": stages})
    assert (first.jobs["main"].stages["w"].status, paths(first)) == ("SUCCESS", ["v"])


async def test_without_the_capability_it_waits_in_the_process(parked: Parked) -> None:
    result = await parked.begin({"stages": [{"id": "w", "wait": "50ms"}]}, parking=None)
    assert (result.status, result.parked) == ("SUCCESS", ())


@pytest.mark.parametrize("parking", [Parking(least=5), None])
@pytest.mark.parametrize("kind", ["wait", "approval"])
async def test_a_clock_that_is_put_back_meanwhile_makes_no_wait_longer(
    parked: Parked, monkeypatch: pytest.MonkeyPatch, kind: str, parking: Parking | None
) -> None:
    for module in (waits, approval):
        monkeypatch.setattr(module, "time", lambda: time() - 86_400)
    asked = {"message": "go?", "timeout": "200ms", "on-timeout": "approve"}
    wait = {"approval": asked} if kind == "approval" else "200ms"

    async def nobody(*_: object) -> None:
        await asyncio.Event().wait()

    result = await asyncio.wait_for(
        parked.begin({"stages": [{"id": "w", "wait": wait}]}, parking=parking, on_approval=nobody),
        60,
    )
    assert (result.status, result.parked) == ("SUCCESS", ())


async def test_a_failure_beside_a_wait_ends_the_run(parked: Parked) -> None:
    stages = [
        {"id": "w", "if": "${{ item == 1 }}", **HOUR},
        {"id": "x", "if": "${{ item == 2 }}", "raise": "no"},
    ]
    document = {"stages": [{"id": "f", "foreach": [1, 2], "concurrent": 2, "stages": stages}]}  # fmt: skip
    result = await parked.begin(document)
    assert (result.status, result.parked) == ("FAILED", ())


async def test_a_parked_run_is_told_of_and_nothing_else(parked: Parked) -> None:
    told: list[dict[str, Any]] = []

    def note(_run: RunView, event: Event) -> None:
        told.append(event.as_dict())

    first = await parked.begin({"stages": [{"id": "w", **HOUR}]}, on_event=note)
    assert [(it["event"], it["path"]) for it in told] == [
        ("run-started", ""),
        ("job-started", "main"),
        ("stage-started", "w"),
        ("run-parked", ""),
    ]
    assert told[-1]["data"] == {"waits": [first.parked[0].as_dict()]}
    told.clear()
    await parked.to_end(first, on_event=note)
    assert told[0]["data"] == {"workflow": "t", "resumed": True}
    assert [it["event"] for it in told[1:]] == [
        "job-started",
        "stage-started",
        "stage-finished",
        "job-finished",
        "run-finished",
    ]


async def test_what_the_run_holds_is_let_go_of(parked: Parked) -> None:
    stages = [
        {"id": "set", "uses": "variable.set", "with": {"name": "v", "value": [1]}},
        {"id": "w", **HOUR},
        {"id": "get", "uses": "variable.get", "with": {"name": "v"}},
    ]
    first = await parked.begin({"stages": stages})
    result, times = await parked.to_end(first)
    assert (result.jobs["main"].stages["get"].outputs, times) == ({"result": [1]}, 1)


async def test_a_run_that_is_parked_already_can_be_abandoned_and_cancelled(parked: Parked) -> None:
    async with Runner(journal=parked.place) as runner:
        document = {"name": "t", "stages": [{"id": "w", **HOUR}]}
        handle = runner.start(document, run_id="r", parking=parked.parking)
        result = await handle.result()
        handle.cancel()
        handle.abandon("late")
        assert (await handle.result()) is result
        with pytest.raises(ValueError, match="parks in a journal"):
            Runner().start(document, parking=parked.parking)


async def test_another_process_that_takes_it_while_it_parks_has_it(parked: Parked) -> None:
    begun, taken = asyncio.Event(), asyncio.Event()

    @block(tags=set(), runs="host", name="mine.gate")
    async def gate(context: Any) -> None:
        """End, in the first process, once the second has come here."""
        if begun.is_set():
            taken.set()
        begun.set()
        await taken.wait()

    stages = [{"id": "g", "uses": "mine.gate", "retry": 1}, {"id": "w", **HOUR}]
    given: Any = {"journal": parked.place, "catalog": Catalog.of(gate)}
    async with Runner(**given) as one, Runner(**given) as two:
        handle = one.start({"name": "t", "stages": stages}, run_id="r", parking=parked.parking)
        await begun.wait()
        other = two.start_again("r", parking=parked.parking)
        lost, result = await asyncio.gather(handle.result(), other.result())
    assert (lost.lost, lost.status, lost.parked) == (True, "FAILED", ())
    assert (result.lost, paths(result)) == (False, ["w"])


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the seconds by which the clock of work on a run is ahead, which a test may change."""
    ahead = [0.0]
    monkeypatch.setattr(interpreter, "monotonic", lambda: monotonic() + ahead[0])
    return ahead


async def test_time_in_a_car_park_is_no_time_at_work(tmp_path: Path, clock: list[float]) -> None:
    policy = personal_policy().model_copy(update={"run": RunLimits(wall_seconds=600)})
    wait = {"stages": [{"id": "w", **HOUR}, {"id": "s", "sleep": 0.1}, {"id": "v", **HOUR}]}
    results: list[RunResult] = []
    async with Runner(journal=tmp_path / "runs.db", policy=policy) as runner:
        parked = Parked(tmp_path / "runs.db")
        options: Any = {"parking": parked.parking}
        results.append(await runner.run({"name": "t", **wait}, run_id="r", **options))
        for _ in range(2):
            clock[0] += 3600
            parked.later(3600)
            results.append(await runner.resume("r", **options))
    assert [it.status for it in results] == ["WAIT", "WAIT", "SUCCESS"]


async def test_time_at_work_adds_up(tmp_path: Path, clock: list[float]) -> None:
    may_end = asyncio.Event()

    @block(tags=set(), runs="host", name="mine.gate")
    async def gate(context: Any) -> None:
        """End when it may."""
        await may_end.wait()

    def work(_run: RunView, event: Event) -> None:
        if (event.kind, event.path) == ("stage-finished", "s"):
            clock[0] += 599.5

    policy = personal_policy().model_copy(update={"run": RunLimits(wall_seconds=600)})
    stages = [{"id": "s", "echo": "x"}, {"id": "w", **HOUR}, {"id": "t", "uses": "mine.gate", "retry": 1}]  # fmt: skip
    given: Any = {"journal": tmp_path / "runs.db", "policy": policy, "catalog": Catalog.of(gate)}
    async with Runner(**given) as runner:
        parked = Parked(tmp_path / "runs.db")
        options: Any = {"parking": parked.parking}
        begun = {"name": "t", "stages": stages}
        first = await runner.run(begun, run_id="r", on_event=work, **options)
        parked.later(3600)
        second = await runner.resume("r", **options)
        may_end.set()
        third = await runner.resume("r", **options)
    assert (first.status, second.status, third.status) == ("WAIT", "FAILED", "SUCCESS")
    assert [it.message for it in second.problems] == ["the run did not end within its 600 s"]
