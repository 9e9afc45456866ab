"""Triggered workflows: found by name, admitted with the document, run within its limits."""

from pathlib import Path
from typing import Any

import pytest

from blockyard_platform import Runner, RunResult, validate
from blockyard_platform.store.errors import StoreError
from blockyard_schemas.policy import Policy
from blockyard_schemas.reader import Source

CHILD: dict[str, Any] = {
    "name": "child",
    "params": {"n": "int", "more": {"type": "integer", "default": 1}},
    "stages": [
        {
            "id": "s",
            "run": "result = n + more",
            "vars": {"n": "${{ params.n }}", "more": "${{ params.more }}"},
        }
    ],
    "outputs": {"sum": "${{ stages.s.outputs.result }}"},
}


def parent(*stages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "parent", "stages": list(stages), **more}


def stages(result: RunResult) -> Any:
    assert result.problems == ()
    return result.as_dict()["jobs"]["main"]["stages"]


async def test_the_outputs_of_the_child_are_the_stage_s() -> None:
    given = parent(
        {"id": "t", "trigger": "child", "params": {"n": 4}},
        {
            "id": "u",
            "foreach": [1, 2],
            "stages": [{"id": "t", "trigger": "child", "params": {"n": "${{ item }}", "more": 10}}],
        },
        outputs={"t": "${{ stages.t.outputs.sum }}", "u": "${{ stages.u.outputs.results }}"},
    )
    paths: list[str] = []
    async with Runner(workflows={"child": CHILD}) as runner:
        result = await runner.run(given, on_step_update=lambda _, stage: paths.append(stage.path))
    assert result.outputs == {"t": 5, "u": [{"sum": 11}, {"sum": 12}]}
    assert paths == ["t>s", "t", "u[0]/t>s", "u[0]/t", "u[1]/t>s", "u[1]/t", "u"]


async def test_a_child_with_jobs_sees_nothing_of_its_parent() -> None:
    child = {
        "name": "c",
        "jobs": {
            "a": {"stages": [{"id": "x", "echo": "${{ run.workflow }} ${{ stages.before? }}"}]},
            "b": {"needs": "a", "stages": [{"raise": "no"}]},
        },
    }
    async with Runner(workflows={"c": child}) as runner:
        result = await runner.run(parent({"id": "before"}, {"id": "t", "trigger": "c"}))
    assert [(line.stage, line.text) for line in result.logs] == [("t>a:x", "c null")]
    assert stages(result)["t"]["error"]["message"] == "stage 't>b:1': no"
    assert stages(result)["t"]["code"] == 127


async def test_workflows_come_from_a_folder_by_the_name_of_their_file(tmp_path: Path) -> None:
    (tmp_path / "child.yaml").write_text("name: any\nstages: [{echo: here}]\n")
    (tmp_path / "link.yaml").symlink_to("/etc/hostname")
    async with Runner(workflows=tmp_path) as runner:
        result = await runner.run(parent({"trigger": "child"}))
    assert [line.text for line in result.logs] == ["here"]
    for name in ("../child", "link", "/etc/hostname", "chill"):
        (problem,) = validate(parent({"trigger": name}), workflows=tmp_path).problems
        assert problem.rule == "unknown-workflow"
    assert problem.hint == "did you mean 'child'?"


@pytest.mark.parametrize(
    ("children", "stage", "rule", "words"),
    [
        ({}, {"trigger": "child"}, "unknown-workflow", "no workflow 'child'"),
        ({"child": CHILD}, {"trigger": "child"}, "param", "needs the param 'n'"),
        (
            {"child": CHILD},
            {"trigger": "child", "params": {"n": 1, "m": 2}},
            "param",
            "takes no param 'm'",
        ),
        (
            {"child": {"name": "c", "stages": [{"uses": "no.such"}]}},
            {"trigger": "child"},
            "BLOCK_NOT_FOUND",
            "not admitted: /stages/0/uses",
        ),
        (
            {
                "child": "name: [",
            },
            {"trigger": "child"},
            "yaml",
            "not admitted",
        ),
        (
            {"child": parent({"trigger": "child"})},
            {"trigger": "child"},
            "circle",
            "child triggers child",
        ),
        (
            {"child": parent({"trigger": "b"}), "b": parent({"trigger": "child"})},
            {"trigger": "child"},
            "circle",
            "child triggers b triggers child",
        ),
        (
            {"child": CHILD},
            {"trigger": "${{ params.x }}"},
            "expression",
            "a name, not an expression",
        ),
    ],
)
def test_what_is_wrong_with_a_trigger_is_said_before_anything_runs(
    children: dict[str, Any], stage: dict[str, Any], rule: str, words: str
) -> None:
    (problem,) = validate(parent(stage), workflows=children).problems
    assert problem.rule == rule
    assert words in problem.message
    assert problem.pointer.startswith("/stages/0/")


def test_the_limits_of_the_parent_hold_for_all_in_sum(policy: Policy) -> None:
    upper = {"uses": "text.upper", "with": {"text": "x"}}
    child = {"name": "c", "stages": [{"id": f"s{n}", **upper} for n in range(3)]}
    given = parent({"trigger": "c"}, {"trigger": "c"})
    narrow = policy.model_copy(update={"steps": 7})
    (problem,) = validate(given, policy=narrow, workflows={"c": child}).problems
    assert problem.rule == "STEP_LIMIT_EXCEED"
    assert "8 stages at all depths, 6 of them in workflows that it triggers" in problem.message
    narrow = policy.model_copy(update={"blocks": {"text.*": 5}})
    (problem,) = validate(given, policy=narrow, workflows={"c": child}).problems
    assert problem.rule == "BLOCK_LIMIT_EXCEED"
    assert validate(parent({"trigger": "c"}), policy=narrow, workflows={"c": child}).valid
    nested = {"name": "d", "stages": [{"foreach": [1], "stages": [{"trigger": "c"}]}]}
    narrow = policy.model_copy(update={"depth": 3})
    (problem,) = validate(
        parent({"trigger": "d"}), policy=narrow, workflows={"c": child, "d": nested}
    ).problems
    assert "nested 4 deep" in problem.message


async def test_executed_steps_count_in_sum(policy: Policy) -> None:
    narrow = policy.model_copy(update={"executed_steps": 4})
    child = {"name": "c", "stages": [{"id": "a"}, {"id": "b"}]}
    async with Runner(policy=narrow, workflows={"c": child}) as runner:
        result = await runner.run(parent({"id": "t", "trigger": "c"}, {"id": "u", "trigger": "c"}))
    assert stages(result)["t"]["status"] == "SUCCESS"
    assert stages(result)["u"]["code"] == 108


async def test_params_are_bound_and_refused_at_run_time() -> None:
    async with Runner(workflows={"child": CHILD}) as runner:
        given = parent(
            {"id": "t", "trigger": "child", "params": {"n": "${{ params.n }}"}}, params={"n": "any"}
        )
        result = await runner.run(given, params={"n": "many"})
    assert stages(result)["t"]["code"] == 103
    assert "workflow 'child'" in stages(result)["t"]["error"]["message"]


async def test_a_child_ends_at_its_own_timeout() -> None:
    child = {"name": "c", "timeout": "50ms", "stages": [{"sleep": 60}]}
    async with Runner(workflows={"c": child}) as runner:
        result = await runner.run(parent({"id": "t", "trigger": "c"}))
    assert stages(result)["t"]["code"] == 121


def test_a_chain_of_many_workflows_is_refused_and_a_diamond_is_counted_not_walked(
    policy: Policy,
) -> None:
    chain = {f"w{n}": parent({"trigger": f"w{n + 1}"}) for n in range(2000)}
    (problem,) = validate(parent({"trigger": "w0"}), workflows=chain).problems
    assert problem.rule == "policy-limit"
    diamond: dict[str, Any] = {
        f"w{n}": parent(*[{"id": f"s{i}", "trigger": f"w{n + 1}"} for i in range(9)])
        for n in range(7)
    }
    diamond["w7"] = parent({"echo": "x"})
    problems = validate(parent({"trigger": "w0"}), policy=policy, workflows=diamond).problems
    assert "STEP_LIMIT_EXCEED" in {problem.rule for problem in problems}


class Unreachable:
    """Workflows in a database that is not there at the time."""

    def find(self, name: str, most: int) -> Source | None:
        raise StoreError("the registry cannot be used: no connection")

    def names(self) -> list[str]:
        return []


async def test_workflows_that_cannot_be_asked_for_are_not_refused() -> None:
    async with Runner(workflows=Unreachable()) as runner:
        given = parent({"id": "t", "trigger": "child", "params": {"n": 4}})
        with pytest.raises(StoreError, match="no connection"):
            runner.admit(given)
        with pytest.raises(StoreError, match="no connection"):
            await runner.run(given)
