"""Each status that a stage can end with here, and what leads to it."""

from typing import Any

import pytest

from blockyard_platform import Runner
from blockyard_schemas.policy import personal_policy
from blockyard_schemas.statuses import Code

TIGHT: dict[str, Any] = {
    "cpu_seconds": 1.0,
    "wall_seconds": 120.0,
    "memory_mib": 64,
    "output_kib": 4,
    "result_kib": 64,
}


TABLE: list[tuple[dict[str, Any], str, Code]] = [
    ({}, "SUCCESS", Code.DONE),
    ({"if": False}, "SKIP", Code.IF_CONDITION_FAILED),
    (
        {"case": 1, "match": [{"case": 2, "stages": []}], "skip-not-match": True},
        "SKIP",
        Code.SKIPPED,
    ),
    ({"run": "result = {}['x']"}, "FAILED", Code.UNHANDLED_EXCEPTION),
    ({"uses": "text.upper", "with": "${{ {'txet': 'a'} }}"}, "FAILED", Code.INVALID_ARGUMENT),
    ({"run": "assert 1 > 2, 'no'"}, "FAILED", Code.ASSERTION_ERROR),
    ({"run": "result = {1, 2}"}, "FAILED", Code.INVALID_TYPE),
    ({"uses": "text.upper", "with": {"text": "${{ [] }}"}}, "FAILED", Code.INVALID_TYPE),
    ({"until": False, "max-loop": 2, "stages": []}, "FAILED", Code.STEP_LIMIT_EXCEED),
    ({"run": "import os"}, "FAILED", Code.RESTRICTED_CODE),
    ({"sleep": 30, "timeout": 0.01}, "FAILED", Code.TIMEOUT),
    ({"run": "x = [0] * 10 ** 9"}, "FAILED", Code.MEMORY_LIMIT),
    ({"run": "while True: pass"}, "FAILED", Code.CPU_LIMIT),
    ({"run": "while True: print('x' * 1000)"}, "FAILED", Code.OUTPUT_LIMIT),
    ({"run": "result = 'x' * 100_000"}, "FAILED", Code.RESULT_LIMIT),
    ({"raise": "no"}, "FAILED", Code.RAISED),
    ({"echo": "${{ 1 / 0 }}"}, "FAILED", Code.EXPRESSION_ERROR),
    ({"echo": "${{ params.x.y }}"}, "FAILED", Code.EXPRESSION_ERROR),
]


@pytest.fixture
async def tight() -> Any:
    """Yield a runner under narrow limits."""
    policy = personal_policy()
    stage = policy.stage.model_copy(update=TIGHT)
    async with Runner(policy=policy.model_copy(update={"stage": stage})) as runner:
        yield runner


@pytest.mark.parametrize(("stage", "status", "code"), TABLE)
async def test_a_stage_ends_with(tight: Runner, stage: Any, status: str, code: Code) -> None:
    document = {"name": "t", "params": {"x": {"default": 1}}, "stages": [{"id": "s", **stage}]}
    result = await tight.run(document)
    assert result.problems == ()
    record = result.jobs["main"].stages["s"]
    assert (record.status, record.code) == (status, code)
    assert (record.error is None) == (status != "FAILED")
    if record.error is not None:
        assert record.error["name"] == code.name
        assert record.error["message"]


async def test_after_each_limit_the_run_goes_on_with_a_sound_guest(tight: Runner) -> None:
    bad = ["x = [0] * 10 ** 9", "while True: pass", "while True: print('x' * 1000)", "import os"]
    stages = [{"run": code, "continue-on-error": True} for code in bad]
    result = await tight.run({"name": "t", "stages": [*stages, {"id": "s", "run": "result = 1"}]})
    assert result.status == "SUCCESS"
    assert result.jobs["main"].stages["s"].outputs == {"result": 1}


async def test_the_outputs_that_one_run_holds_are_bounded() -> None:
    stages: Any = [
        {
            "id": "f",
            "continue-on-error": True,
            "foreach": list(range(100)),
            "stages": [{"run": "result = 'x' * 1_000_000"}],
        },
        {"id": "b"},
    ]
    async with Runner() as runner:
        result = await runner.run({"name": "t", "stages": stages})
    found = {name: (it.status, it.code) for name, it in result.jobs["main"].stages.items()}
    assert found == {"f": ("FAILED", Code.RESULT_LIMIT), "b": ("SKIP", Code.SKIPPED)}
    assert "exceed 64 MiB" in str(result.jobs["main"].stages["f"].error)


async def test_what_an_expression_is_given_is_bounded() -> None:
    stages: Any = [
        {"id": "f", "foreach": list(range(20)), "stages": [{"run": "result = 'x' * 1_000_000"}]},
        {"id": "s", "echo": "${{ len(stages.f.outputs.results) + 1 }}"},
    ]
    async with Runner() as runner:
        result = await runner.run({"name": "t", "stages": stages})
    assert result.jobs["main"].stages["s"].code == Code.EXPRESSION_ERROR
    assert "exceed 16 MiB" in str(result.jobs["main"].stages["s"].error)


async def test_the_lines_that_a_result_holds_are_bounded_and_all_are_told() -> None:
    told: list[int] = []
    stages = [{"foreach": list(range(30)), "stages": [{"run": "print('x' * 100_000)"}]}]
    async with Runner() as runner:
        result = await runner.run(
            {"name": "t", "stages": stages}, on_log=lambda line: told.append(len(line.text))
        )
    assert told == [100_000] * 30
    assert len(result.logs) == 11
