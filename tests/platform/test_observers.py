"""Callbacks: of every form, in order, and none that can break a run."""

import asyncio
import json
import logging
from datetime import datetime
from functools import partial
from typing import Any

import pytest

from blockyard_platform import Event, Runner, RunView

DOCUMENT = {
    "name": "t",
    "stages": [{"id": "a", "echo": "x"}, {"id": "b", "raise": "no"}, {"id": "c"}],
}


class Recorder:
    """Records calls, as a function, a coroutine function or an object with an async call."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def plain(self, *arguments: Any) -> None:
        self.calls.append(arguments)

    async def coroutine(self, *arguments: Any) -> None:
        await asyncio.sleep(0)
        self.calls.append(arguments)

    async def __call__(self, *arguments: Any) -> None:
        await self.coroutine(*arguments)


def forms(recorder: Recorder) -> list[Any]:
    return [recorder.plain, recorder.coroutine, recorder, partial(recorder.coroutine)]


@pytest.mark.parametrize("form", range(4))
async def test_each_step_and_the_end_of_the_job_are_told(runner: Runner, form: int) -> None:
    steps, finishes = Recorder(), Recorder()
    await runner.run(
        DOCUMENT, on_step_update=forms(steps)[form], on_job_finish=forms(finishes)[form]
    )
    assert [(run.workflow, it.id, it.status.value) for run, it in steps.calls] == [
        ("t", "a", "SUCCESS"),
        ("t", "b", "FAILED"),
        ("t", "c", "SKIP"),
    ]
    assert [failed.id for _, failed in finishes.calls] == ["b"]


async def test_without_a_failure_the_end_tells_of_none(runner: Runner) -> None:
    finishes = Recorder()
    await runner.run({"name": "t", "stages": [{}]}, on_job_finish=finishes.plain)
    assert [failed for _, failed in finishes.calls] == [None]


@pytest.mark.parametrize("form", range(4))
async def test_events_come_in_order(runner: Runner, form: int) -> None:
    events = Recorder()
    await runner.run(DOCUMENT, on_event=forms(events)[form])
    assert [(event.kind, event.path) for _, event in events.calls] == [
        ("run-started", ""),
        ("job-started", "main"),
        ("stage-started", "a"),
        ("log", "a"),
        ("stage-finished", "a"),
        ("stage-started", "b"),
        ("stage-finished", "b"),
        ("stage-finished", "c"),
        ("job-finished", "main"),
        ("run-finished", ""),
    ]


@pytest.mark.parametrize("form", range(4))
async def test_lines_are_told(runner: Runner, form: int) -> None:
    seen = Recorder()
    stages: Any = [{"id": "a", "echo": str(number)} for number in range(3)]
    for number, stage in enumerate(stages):
        stage["id"] = f"s{number}"
    await runner.run({"name": "t", "stages": stages}, on_log=forms(seen)[form])
    assert [(line.stage, line.text) for (line,) in seen.calls] == [
        ("s0", "0"),
        ("s1", "1"),
        ("s2", "2"),
    ]


def explode(*arguments: Any) -> None:
    raise RuntimeError("a callback that fails")


async def explode_later(*arguments: Any) -> None:
    await asyncio.sleep(0)
    raise RuntimeError("a callback that fails")


@pytest.mark.parametrize("callback", [explode, explode_later])
async def test_a_callback_that_raises_is_logged_and_changes_nothing(
    runner: Runner, callback: Any, caplog: pytest.LogCaptureFixture
) -> None:
    document: Any = {"name": "t", "stages": [{"id": "a", "echo": "x"}, {"id": "b"}]}
    with caplog.at_level(logging.ERROR, logger="blockyard.callbacks"):
        result = await runner.run(
            document,
            on_step_update=callback,
            on_job_finish=callback,
            on_log=callback,
            on_event=callback,
        )
    assert result.status == "SUCCESS"
    assert len(caplog.records) == 2 + 1 + 1 + 9


async def test_events_carry_what_a_log_of_them_needs(runner: Runner) -> None:
    told: list[dict[str, Any]] = []

    def note(_run: RunView, event: Event) -> None:
        told.append(event.as_dict())

    retried = {"id": "a", "raise": "no", "retry": {"attempts": 2, "delay": "1ms"}}
    jobs: dict[str, Any] = {
        "j": {"stages": [{**retried, "continue-on-error": True}, {"id": "b", "echo": "x"}]},
        "k": {"if": "${{ params.no }}", "stages": []},
    }
    params = {"no": {"type": "boolean", "default": False}}
    outputs = {"x": "${{ jobs.j.stages.a.code }}"}
    document: dict[str, Any] = {"name": "t", "params": params, "jobs": jobs, "outputs": outputs}
    await runner.run({**document, "max-parallel": 1}, on_event=note)
    assert json.loads(json.dumps(told)) == told
    moments = [each.pop("at") for each in told]
    assert moments == sorted(moments)
    assert all(datetime.fromisoformat(moment).tzinfo is not None for moment in moments)
    for each in told:
        each.get("stage", {}).pop("started", None)
        each.get("stage", {}).pop("seconds", None)
    failed = {
        "status": "FAILED",
        "code": 127,
        "outputs": {},
        "error": {"name": "RAISED", "message": "no", "line": None, "text": None},
        "attempts": 2,
    }
    done: dict[str, Any] = {
        "status": "SUCCESS",
        "code": 0,
        "outputs": {},
        "error": None,
        "attempts": 1,
    }
    retry = {"attempt": 1, "code": 127, "message": "no", "delay": 0.001}
    ended = {"status": "SUCCESS", "outputs": {"x": 127}, "problems": list[Any]()}
    assert told == [
        {"event": "run-started", "path": "", "data": {"workflow": "t", "resumed": False}},
        {"event": "job-started", "path": "j"},
        {"event": "stage-started", "path": "j:a"},
        {"event": "log", "path": "j:a", "text": "attempt 1 failed (RAISED): no"},
        {"event": "stage-retried", "path": "j:a", "data": retry},
        {"event": "stage-finished", "path": "j:a", "stage": failed},
        {"event": "stage-started", "path": "j:b"},
        {"event": "log", "path": "j:b", "text": "x"},
        {"event": "stage-finished", "path": "j:b", "stage": done},
        {"event": "job-finished", "path": "j", "data": {"status": "SUCCESS"}},
        {"event": "job-finished", "path": "k", "data": {"status": "SKIP"}},
        {"event": "run-finished", "path": "", "data": ended},
    ]
