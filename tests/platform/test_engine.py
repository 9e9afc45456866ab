"""What stands around every stage: conditions, failures, retries, timeouts, limits, records."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import pytest

from blockyard_platform import Runner, RunResult
from blockyard_schemas.policy import Policy

Go = Callable[..., Awaitable[RunResult]]


def records(result: RunResult) -> Any:
    """Return the records of the job main as plain data."""
    assert result.problems == ()
    return result.as_dict()["jobs"]["main"]["stages"]


def shown(result: RunResult) -> dict[str, tuple[str, int]]:
    """Return status and code of each stage."""
    return {name: (it["status"], it["code"]) for name, it in records(result).items()}


def lines(result: RunResult) -> list[tuple[str, str]]:
    """Return what the stages said, in order."""
    return [(line.stage, line.text) for line in result.logs]


async def test_stages_run_in_order_and_a_stage_without_id_is_known_by_its_position(go: Go) -> None:
    result = await go([{"echo": "one"}, {"id": "b", "echo": "two"}, {"echo": "three"}])
    assert lines(result) == [("1", "one"), ("b", "two"), ("3", "three")]
    assert shown(result) == {"1": ("SUCCESS", 0), "b": ("SUCCESS", 0), "3": ("SUCCESS", 0)}


async def test_the_result_is_the_json_of_the_contract(go: Go) -> None:
    result = await go(
        [{"id": "a", "echo": "x"}],
        params={"n": "int"},
        outputs={"n": "${{ params.n }}"},
        given={"n": 4},
    )
    found = result.as_dict()
    assert list(found) == ["run_id", "workflow", "status", "outputs", "jobs", "problems"]
    assert (found["workflow"], found["status"], found["outputs"]) == ("t", "SUCCESS", {"n": 4})
    stage = found["jobs"]["main"]["stages"]["a"]
    keys = ["status", "code", "outputs", "error", "started", "seconds", "attempts"]
    assert list(stage) == keys
    assert datetime.fromisoformat(stage["started"]).tzinfo is not None
    assert stage["error"] is None
    assert stage["attempts"] == 1
    assert found["jobs"]["main"]["status"] == "SUCCESS"


async def test_a_workflow_without_stages_succeeds(go: Go) -> None:
    assert (await go([])).as_dict()["status"] == "SUCCESS"


async def test_after_a_failure_only_always_stages_run_and_the_run_fails(go: Go) -> None:
    result = await go(
        [
            {"id": "a", "raise": "no"},
            {"id": "b", "echo": "never"},
            {"id": "c", "always": True, "echo": "${{ stages.a.error.message }}"},
            {"id": "d", "always": True, "raise": "again"},
        ]
    )
    assert shown(result) == {
        "a": ("FAILED", 127),
        "b": ("SKIP", 100),
        "c": ("SUCCESS", 0),
        "d": ("FAILED", 127),
    }
    assert result.status == "FAILED"
    assert lines(result) == [("c", "no")]
    assert records(result)["a"]["error"] == {
        "name": "RAISED",
        "message": "no",
        "line": None,
        "text": None,
    }
    assert records(result)["b"]["attempts"] == 0


async def test_continue_on_error_keeps_the_failure_and_the_flow(go: Go) -> None:
    result = await go(
        [{"id": "a", "raise": "no", "continue-on-error": True}, {"id": "b", "echo": "on"}]
    )
    assert shown(result) == {"a": ("FAILED", 127), "b": ("SUCCESS", 0)}
    assert result.status == "SUCCESS"


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        (True, 0),
        (False, 110),
        ("true", 0),
        ("false", 110),
        ("${{ params.yes }}", 0),
        ("${{ params.no }}", 110),
        ("${{ params.word }}", 0),
        ("${{ params.none }}", 110),
        ("${{ params.zero }}", 110),
        ("${{ params.items }}", 0),
    ],
)
async def test_a_condition(go: Go, condition: Any, code: int) -> None:
    declared = dict.fromkeys(("yes", "no"), "boolean") | {"word": "string", "zero": "integer"}
    given: Any = {"yes": True, "no": False, "word": "True", "zero": 0, "none": None, "items": [1]}
    params: Any = {**declared, "none": {}, "items": "array"}
    result = await go([{"id": "a", "if": condition}, {"id": "b"}], params=params, given=given)
    assert shown(result)["a"] == ("SKIP" if code else "SUCCESS", code)
    assert shown(result)["b"] == ("SUCCESS", 0)
    assert result.status == "SUCCESS"


async def test_a_condition_that_gives_a_text_is_an_error_that_says_what_to_write(go: Go) -> None:
    result = await go(
        [{"id": "a", "if": "${{ params.w }}"}], params={"w": "string"}, given={"w": "x"}
    )
    assert shown(result) == {"a": ("FAILED", 128)}
    assert (
        "neither true nor false (put the whole comparison"
        in records(result)["a"]["error"]["message"]
    )


async def test_a_number_of_retries_is_counted_after_the_first_attempt(go: Go) -> None:
    result = await go([{"id": "a", "raise": "attempt ${{ retry }}", "retry": 2}])
    assert records(result)["a"]["attempts"] == 3
    assert records(result)["a"]["error"]["message"] == "attempt 2"
    assert [text for _, text in lines(result)] == [
        "attempt 1 failed (RAISED): attempt 0",
        "attempt 2 failed (RAISED): attempt 1",
    ]


async def test_attempts_are_counted_in_all_and_an_attempt_may_succeed(go: Go) -> None:
    stage: Any = {
        "id": "a",
        "retry": {"attempts": 3, "delay": "1ms", "backoff": 2, "max-delay": 1, "jitter": True},
        "case": "${{ retry }}",
        "match": [{"case": 1, "stages": [{"echo": "second"}]}, {"else": [{"raise": "first"}]}],
    }
    result = await go([stage])
    assert shown(result) == {"a": ("SUCCESS", 0)}
    assert records(result)["a"]["attempts"] == 2


async def test_only_the_codes_of_on_are_retried(go: Go) -> None:
    retry: Any = {"attempts": 3, "on": ["TIMEOUT"]}
    result = await go(
        [
            {"id": "a", "raise": "x", "retry": retry, "continue-on-error": True},
            {"id": "b", "sleep": 10, "timeout": "10ms", "retry": retry},
        ]
    )
    assert records(result)["a"]["attempts"] == 1
    assert records(result)["b"]["attempts"] == 3
    assert shown(result)["b"] == ("FAILED", 121)


async def test_a_timeout_stops_what_runs_at_any_depth(go: Go) -> None:
    result = await go(
        [
            {
                "id": "p",
                "timeout": 0.05,
                "parallel": {"a": [{"id": "s", "sleep": 60}], "b": [{"id": "s", "sleep": 60}]},
            }
        ]
    )
    assert shown(result) == {"p": ("FAILED", 121)}
    assert "its timeout of 0.05 s" in records(result)["p"]["error"]["message"]


async def test_a_timeout_may_come_from_an_expression(go: Go) -> None:
    stages: Any = [{"id": "a", "sleep": 60, "timeout": "${{ params.t }}"}]
    assert shown(await go(stages, params={"t": "string"}, given={"t": "10ms"})) == {
        "a": ("FAILED", 121)
    }
    wrong = await go(stages, params={"t": "string"}, given={"t": "soon"})
    assert shown(wrong) == {"a": ("FAILED", 103)}
    assert "'soon' is not a duration" in records(wrong)["a"]["error"]["message"]


async def test_the_executed_steps_of_a_run_are_bounded_and_nothing_catches_that(
    policy: Policy,
) -> None:
    tight = policy.model_copy(update={"executed_steps": 5})
    stages: Any = [
        {
            "id": "t",
            "continue-on-error": True,
            "retry": 3,
            "try": [{"id": "f", "foreach": list(range(9)), "stages": [{"echo": "${{ item }}"}]}],
            "catch": [{"echo": "caught"}],
        },
        {"id": "b", "always": True, "echo": "never"},
    ]
    async with Runner(policy=tight) as runner:
        result = await runner.run({"name": "t", "stages": stages})
    assert shown(result) == {"t": ("FAILED", 108), "b": ("SKIP", 100)}
    assert [text for _, text in lines(result)] == ["0", "1", "2"]
    assert result.status == "FAILED"


async def test_a_run_ends_at_its_wall_seconds(
    policy: Policy, five_minutes_after: Callable[..., Any]
) -> None:
    run = policy.run.model_copy(update={"wall_seconds": 200})
    document: Any = {"name": "t", "stages": [{"id": "a", "sleep": 1800}, {"id": "b"}]}
    async with Runner(policy=policy.model_copy(update={"run": run})) as runner:
        result = await runner.run(document, on_event=five_minutes_after("a"))
    stages = result.as_dict()["jobs"]["main"]["stages"]
    assert (result.status, result.problems[0].rule) == ("FAILED", "TIMEOUT")
    assert (stages["a"]["status"], stages["a"]["code"]) == ("FAILED", 121)
    assert "b" not in stages


async def test_a_workflow_timeout_ends_the_run(go: Go) -> None:
    result = await go([{"id": "a", "sleep": 60}], timeout="50ms")
    assert result.problems[0].message == "the run did not end within its 0.05 s"


async def test_cancel_stops_what_runs(runner: Runner) -> None:
    begun = asyncio.Event()
    stages: Any = [
        {"id": "f", "foreach": [1, 2], "concurrent": 2, "stages": [{"id": "s", "sleep": 60}]}
    ]

    def note(_run: Any, event: Any) -> None:
        if event.path == "f[1]/s":
            begun.set()

    handle = runner.start({"name": "t", "stages": stages}, on_event=note)
    await begun.wait()
    handle.cancel()
    result = await handle.result()
    assert result.status == "CANCEL"
    assert result.run_id == handle.run_id
    stage = result.as_dict()["jobs"]["main"]["stages"]["f"]
    assert (stage["status"], stage["code"], stage["error"]["name"]) == (
        "CANCEL",
        111,
        "KILLED_MANUALLY",
    )


async def test_a_run_that_is_cancelled_before_it_begins_is_cancelled(runner: Runner) -> None:
    handle = runner.start({"name": "t", "stages": [{"sleep": 60}]})
    handle.cancel()
    assert (await handle.result()).status == "CANCEL"


async def test_cancelling_the_waiting_task_cancels_the_run(runner: Runner) -> None:
    ended: list[str] = []
    begun = asyncio.Event()
    document: Any = {"name": "t", "stages": [{"id": "s", "sleep": 60}]}

    def note(_run: Any, event: Any) -> None:
        if event.kind == "stage-started":
            begun.set()

    waiting = asyncio.ensure_future(
        runner.run(
            document,
            on_step_update=lambda run, stage: ended.append(stage.status),
            on_event=note,
        )
    )
    await begun.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert ended == ["CANCEL"]


async def test_a_value_is_not_expanded_again_by_a_later_stage(go: Go) -> None:
    hostile = "${{ params.secret }} {: secret :} ${HOME}"
    result = await go(
        [
            {"id": "a", "raise": "${{ params.x }}", "continue-on-error": True},
            {"id": "b", "echo": "${{ stages.a.error.message }}"},
            {"id": "f", "foreach": ["${{ params.x }}"], "stages": [{"echo": "${{ item }}"}]},
        ],
        params={"x": "string", "secret": {"type": "string", "default": "S3CRET"}},
        given={"x": hostile},
    )
    assert [text for _, text in lines(result)] == [hostile, hostile]


async def test_outputs_of_the_workflow(go: Go) -> None:
    stages: Any = [{"id": "u", "until": True, "stages": [{"id": "e"}]}]
    outputs: Any = {
        "n": "${{ stages.u.outputs.loops }}",
        "all": "${{ jobs.main.stages.u.outputs.loops }}",
    }
    assert (await go(stages, outputs=outputs)).outputs == {"n": 1, "all": 1}


async def test_outputs_that_cannot_be_resolved_fail_the_run(go: Go) -> None:
    result = await go([{"id": "a"}], outputs={"n": "${{ stages.a.outputs.gone }}"})
    assert result.status == "FAILED"
    assert [(it.rule, it.pointer) for it in result.problems] == [("EXPRESSION_ERROR", "/outputs")]


async def test_ten_thousand_stages_of_one_run_all_have_their_record(policy: Policy) -> None:
    wide = policy.model_copy(
        update={"steps": 10_000, "executed_steps": 10_000, "document_kib": 2048}
    )
    async with Runner(policy=wide) as runner:
        result = await runner.run({"name": "t", "stages": [{} for _ in range(10_000)]})
    assert result.status == "SUCCESS"
    assert len(result.jobs["main"].stages) == 10_000
