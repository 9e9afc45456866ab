"""Timeouts around a wait count from when what they enclose began first, however often the run was parked or cut off."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from blockyard_blocks import Catalog
from blockyard_platform import Answer, Event, Runner, RunView
from blockyard_platform.engine import stages
from blockyard_platform.retrying import Retry, pause

from .conftest import Done
from .parked import Parked, paths

ASK: dict[str, Any] = {"id": "ask", "wait": {"approval": {"message": "go?"}}}
DAY: dict[str, Any] = {"id": "w", "wait": "1d"}


def use(name: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "uses": "mine.effect", **more}


@pytest.fixture
def parked(tmp_path: Path, catalog: Catalog) -> Parked:
    return Parked(tmp_path / "runs.db", catalog)


AROUND: dict[str, tuple[dict[str, Any], str, str]] = {
    "the stage": ({"stages": [{**ASK, "timeout": "1h"}, use("b")]}, "ask", "ask"),
    "a stage around": (
        {"stages": [{"id": "f", "timeout": "1h", "foreach": [1], "stages": [ASK]}, use("b")]},
        "f[0]/ask",
        "f",
    ),
    "two stages around": (
        {"stages": [{"id": "t", "timeout": "1h", "try": [{"id": "f", "timeout": "2h", "foreach": [1], "stages": [ASK]}]}, use("b")]},
        "t/try/f[0]/ask",
        "t",
    ),
    "side by side": (
        {"stages": [{"id": "p", "timeout": "1h", "parallel": {"l": [DAY], "r": [ASK]}}, use("b")]},
        "p/r/ask",
        "p",
    ),
}  # fmt: skip


@pytest.mark.parametrize("around", AROUND)
async def test_a_stage_that_nobody_answers_ends_after_its_time_in_all(
    around: str, parked: Parked, done: Done
) -> None:
    document, asked, ends = AROUND[around]
    first = await parked.begin(document)
    waiting = next(it for it in first.parked if it.path == asked)
    assert waiting.deadline is not None
    assert 0 <= waiting.since + 3600 - waiting.deadline < 60
    for _ in range(3):
        parked.later(1000, clocks=True)
        again = await parked.go_on()
        assert (again.status, paths(again)) == ("WAIT", paths(first))
        waits = {it.path: it for it in again.parked}
        assert (waits[asked].deadline or 0) < waiting.deadline
    parked.later(1000, clocks=True)
    result = await parked.go_on()
    record = result.jobs["main"].stages[ends]
    assert (result.status, record.code.name, done) == ("FAILED", "TIMEOUT", [])
    assert record.error is not None
    assert "within its timeout of 3600 s" in record.error["message"]


async def test_a_job_and_a_workflow_that_was_triggered_end_after_their_time(parked: Parked) -> None:
    parked.workflows = {"child": {"name": "child", "timeout": "1h", "stages": [ASK]}}
    job = {"jobs": {"j": {"timeout": "1h", "stages": [ASK]}}}
    for document in (job, {"stages": [{"id": "t", "trigger": "child"}]}):
        parked.place = Path(parked.place).with_name(f"{len(document)}-{'jobs' in document}.db")
        await parked.begin(document)
        parked.later(3601, clocks=True)
        result = await parked.go_on()
        (found,) = result.jobs.values()
        error = found.error or found.stages["t"].error or {}
        assert (result.status, error["name"]) == ("FAILED", "TIMEOUT")


async def test_a_document_ends_after_its_time(parked: Parked, done: Done) -> None:
    stages = [use("a"), ASK, use("b")]
    first = await parked.begin({"timeout": "1h", "stages": stages})
    (waiting,) = first.parked
    assert waiting.deadline is not None
    assert (waiting.due, first.wakes) == (None, waiting.deadline)
    parked.later(3000, clocks=True)
    result = await parked.go_on({"ask": Answer(approved=True)}, parking=None)
    assert (result.status, done) == ("SUCCESS", ["a", "b"])


async def test_a_document_whose_time_is_over_begins_nothing_more(
    parked: Parked, done: Done
) -> None:
    await parked.begin({"timeout": "1h", "stages": [use("a"), ASK, use("b")]})
    parked.later(3601, clocks=True)
    result = await parked.go_on({"ask": Answer(approved=True)})
    assert (result.status, done) == ("FAILED", ["a"])
    assert [it.message for it in result.problems] == ["the run did not end within its 3600 s"]


async def test_what_is_done_again_has_its_time_again(parked: Parked, done: Done) -> None:
    row = [{"id": "f", "timeout": "1h", "foreach": [1], "stages": [ASK, use("b")]}]
    await parked.begin({"stages": row})
    parked.later(3601, clocks=True)
    assert (await parked.go_on()).status == "FAILED"
    again = await parked.go_on()
    assert (again.status, paths(again)) == ("WAIT", ["f[0]/ask"])
    parked.later(1801, clocks=True)
    assert (await parked.go_on()).status == "WAIT"
    parked.later(1801, clocks=True)
    assert (await parked.go_on()).status == "FAILED"
    assert done == []


async def test_each_attempt_has_its_time(parked: Parked) -> None:
    await parked.begin({"stages": [{**ASK, "timeout": "1h", "retry": 1}]})
    parked.later(3601, clocks=True)
    second = await parked.go_on()
    assert paths(second) == ["ask~2"]
    parked.later(3601, clocks=True)
    result = await parked.go_on()
    record = result.jobs["main"].stages["ask"]
    assert (record.code.name, record.attempts) == ("TIMEOUT", 2)
    asked_again = await parked.go_on()
    assert paths(asked_again) == ["ask"]


async def test_a_delay_between_attempts_is_waited_for_once(
    parked: Parked, monkeypatch: pytest.MonkeyPatch
) -> None:
    delays: list[float] = []

    def noted(retry: Retry, tried: int) -> float:
        delays.append(pause(retry, tried))
        return 0.0

    monkeypatch.setattr(stages, "pause", noted)
    fails = {"id": "x", "if": "${{ retry == 0 }}", "raise": "no"}
    retry = {"attempts": 2, "delay": "1h"}
    first = await parked.begin({"stages": [{"id": "t", "retry": retry, "try": [fails, ASK]}]})
    assert (paths(first), delays) == (["t~2/try/ask"], [3600])
    again = await parked.go_on()
    assert (paths(again), delays) == (["t~2/try/ask"], [3600])


async def test_a_process_that_is_gone_takes_nothing_of_the_time(parked: Parked) -> None:
    """Also a run that waits in its process counts from its first beginning when it is resumed."""
    begun = asyncio.Event()

    def note(_run: RunView, event: Event) -> None:
        if event.path == "f[0]/w":
            begun.set()

    row = [{"id": "f", "timeout": "1h", "foreach": [1], "stages": [DAY]}]
    async with Runner(journal=parked.place) as runner:
        handle = runner.start({"name": "t", "stages": row}, run_id="r", on_event=note)
        await begun.wait()
        while not handle.waiting:
            await asyncio.sleep(0)
        handle.abandon("this process ends")
        assert (await handle.result()).lost
    parked.later(3601, clocks=True)
    result = await parked.go_on(parking=None)
    assert result.jobs["main"].stages["f"].code.name == "TIMEOUT"
