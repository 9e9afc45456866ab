"""A value is never read as a template, code or path, whichever way it takes through a run."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from blockyard_platform import Runner

HIDDEN = "not to be seen"
VALUES = [
    "${{ params.secret }}",
    "${{ 1 + 1 }}",
    "$${{ params.secret }}",
    "{: params.secret :}",
    "{# step.x #}",
    "${HOME} $HOME ${PATH:-x}",
    "$(id) `id`",
    "%s %(secret)s",
    "{0.__class__} {secret}",
    "'); import os; ('",
    '"; exit 3; "',
    "\\${{ params.secret }}",
    "}} ${{",
]
CHILD = {
    "name": "child",
    "params": {"v": "string"},
    "stages": [{"id": "a", "echo": "${{ params.v }}"}],
    "outputs": {"v": "${{ params.v }}"},
}
V = "${{ params.v }}"

STAGES: dict[str, tuple[list[Any], str]] = {
    "python": ([{"id": "a", "run": "result = v", "vars": {"v": V}}], "${{ stages.a.outputs.result }}"),
    "python in python": (
        [
            {"id": "a", "run": "result = [v, {'k': v}]", "vars": {"v": V}},
            {"id": "b", "run": "result = x[1]['k']", "vars": {"x": "${{ stages.a.outputs.result }}"}},
        ],
        "${{ stages.b.outputs.result }}",
    ),
    "block": ([{"id": "a", "uses": "text.create", "with": {"value": V}}], "${{ stages.a.outputs.result }}"),
    "variable": (
        [
            {"id": "a", "uses": "variable.set", "with": {"name": "n", "value": V}},
            {"id": "b", "uses": "variable.get", "with": {"name": "n"}},
        ],
        "${{ stages.b.outputs.result }}",
    ),
    "foreach": (
        [{"id": "a", "foreach": [V], "use-index-as-key": True, "stages": [{"id": "i", "run": "result = x", "vars": {"x": "${{ item }}"}}]}],
        "${{ stages.a.outputs.results[0] }}",
    ),
    "items": ([{"id": "a", "foreach": [V], "use-index-as-key": True, "stages": [{}]}], "${{ stages.a.outputs.items[0] }}"),
    "until": (
        [{"id": "a", "item": V, "until": True, "stages": [{"id": "i", "run": "result = x", "vars": {"x": "${{ item }}"}}]}],
        "${{ stages.a.outputs.until.1.stages.i.outputs.result }}",
    ),
    "case": (
        [{"id": "a", "case": V, "match": [{"case": V, "stages": [{"id": "i", "run": "result = x", "vars": {"x": "${{ case }}"}}]}]}],
        "${{ stages.a.outputs.stages.i.outputs.result }}",
    ),
    "catch": (
        [{"id": "a", "try": [{"raise": V}], "catch": [{"id": "i", "run": "result = x", "vars": {"x": "${{ error.message }}"}}]}],
        "${{ stages.a.outputs.catch.stages.i.outputs.result }}",
    ),
    "bash": ([{"id": "a", "bash": 'printf %s "$V"', "env": {"V": V}}], "${{ stages.a.outputs.stdout }}"),
    "trigger": ([{"id": "a", "trigger": "child", "params": {"v": V}}], "${{ stages.a.outputs.v }}"),
    "expression": ([{}], "${{ [params.v][0] }}"),
    "text around": ([{}], "<${{ params.v }}>"),
    "text around an expression": ([{}], "<${{ params.v + '' }}>"),
    "filters": ([{}], "${{ params.v | str | coalesce('x') }}"),
    "block filters": ([{}], "${{ params.v | text.create | text.concat('') }}"),
    "a filter's argument": ([{}], "${{ params.none? | coalesce('x') | text.replace('x', '@') }}"),
}  # fmt: skip


@pytest.fixture
async def runner() -> AsyncIterator[Runner]:
    async with Runner(workflows={"child": CHILD}) as found:
        yield found


@pytest.mark.parametrize("way", STAGES)
async def test_a_value_comes_out_as_it_went_in(way: str, runner: Runner) -> None:
    stages, output = STAGES[way]
    params: dict[str, Any] = {
        "v": "string",
        "none": {"type": "any", "default": None},
        "secret": {"type": "string", "default": HIDDEN},
    }
    document = {"name": "t", "params": params, "stages": stages, "outputs": {"o": output}}
    for value in VALUES:
        result = await runner.run(document, params={"v": value})
        assert (result.status, result.problems) == ("SUCCESS", ()), value
        found = result.outputs["o"]
        expected = {"text around": f"<{value}>", "text around an expression": f"<{value}>"}
        if way == "a filter's argument":
            assert found == "@"
        elif way == "block filters":
            assert found.startswith(value)
        else:
            assert found == expected.get(way, value)
        assert HIDDEN not in str(result.as_dict()["jobs"])


@pytest.mark.parametrize("value", VALUES)
async def test_jobs_and_their_matrix_hand_on_what_they_are_given(
    value: str, runner: Runner
) -> None:
    jobs = {
        "a": {
            "strategy": {"matrix": {"m": [V]}},
            "stages": [{"id": "s", "run": "result = x", "vars": {"x": "${{ matrix.m }}"}}],
            "outputs": {"o": "${{ stages.s.outputs.result }}"},
        },
        "b": {
            "needs": "a",
            "stages": [{"id": "s", "run": "result = x", "vars": {"x": "${{ jobs.a.matrix[0].outputs.o }}"}}],
        },
    }  # fmt: skip
    document = {
        "name": "t",
        "params": {"v": "string", "secret": {"type": "string", "default": HIDDEN}},
        "jobs": jobs,
        "outputs": {"o": "${{ jobs.b.stages.s.outputs.result }}"},
    }
    result = await runner.run(document, params={"v": value})
    assert (result.status, result.outputs) == ("SUCCESS", {"o": value})


async def test_what_a_message_holds_is_not_expanded(runner: Runner) -> None:
    stages = [{"id": "a", "raise": V, "retry": 1}]
    for value in VALUES:
        result = await runner.run(
            {
                "name": "t",
                "params": {"v": "string", "secret": {"default": HIDDEN}},
                "stages": stages,
            },
            params={"v": value},
        )
        record = result.jobs["main"].stages["a"]
        assert record.error is not None
        assert record.error["message"] == value
        assert any(value in line.text for line in result.logs)
