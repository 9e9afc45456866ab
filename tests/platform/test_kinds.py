"""The stage kinds that hold other stages, each with its outputs."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from blockyard_platform import Runner, RunResult
from blockyard_schemas.policy import Policy

Go = Callable[..., Awaitable[RunResult]]


NOTHING: dict[str, Any] = {}


async def one(go: Go, stage: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Run one stage and return its record as plain data."""
    result = await go([{"id": "s", **stage}], **more)
    assert result.problems == ()
    found: dict[str, Any] = result.as_dict()["jobs"]["main"]["stages"]["s"]
    return found


def done(outputs: Any = None) -> dict[str, Any]:
    """Return a nested record of a stage that succeeded."""
    return {"status": "SUCCESS", "code": 0, "outputs": outputs or {}, "error": None}


def raised(message: str) -> dict[str, Any]:
    """Return a nested record of a raise stage."""
    error = {"name": "RAISED", "message": message, "line": None, "text": None}
    return {"status": "FAILED", "code": 127, "outputs": {}, "error": error}


async def test_empty_says_and_sleeps(go: Go) -> None:
    result = await go([{"echo": "a\nb\n", "sleep": 0.001}])
    assert [line.text for line in result.logs] == ["a", "b"]


async def test_empty_refuses_a_sleep_that_is_too_long_at_run_time(go: Go) -> None:
    found = await one(go, {"sleep": "${{ params.n }}"}, params={"n": "int"}, given={"n": 1801})
    assert (found["code"], found["error"]["message"]) == (103, "sleep: 1801 s is more than 1800 s")


async def test_raise_stops_with_its_message(go: Go) -> None:
    found = await one(go, {"raise": "no ${{ params.n }}"}, params={"n": "int"}, given={"n": 3})
    assert (found["status"], found["code"], found["error"]["message"]) == ("FAILED", 127, "no 3")


@pytest.mark.parametrize(
    ("value", "taken"),
    [(1, "one"), ("1", "one"), (True, "yes"), ("b", "bee"), ("zzz", "other"), (None, "none")],
)
async def test_case_compares_as_written_and_as_text(go: Go, value: Any, taken: str) -> None:
    match: Any = [
        {"case": 1, "stages": [{"id": "one"}]},
        {"case": "true", "stages": [{"id": "yes"}]},
        {"case": "b", "stages": [{"id": "bee"}]},
        {"case": "null", "stages": [{"id": "none"}]},
        {"else": [{"id": "other"}]},
    ]
    stage: Any = {"case": "${{ params.v }}", "match": match}
    found = await one(go, stage, params={"v": {}}, given={"v": value})
    assert found["outputs"] == {"case": value, "stages": {taken: done()}}


async def test_case_takes_the_first_condition_that_holds(go: Go) -> None:
    match: Any = [
        {"case": "${{ params.a }}", "stages": [{"id": "a"}]},
        {"case": "${{ params.b }}", "stages": [{"id": "b", "echo": "${{ case }}"}]},
        {"case": "_", "stages": [{"id": "c"}]},
    ]
    stage: Any = {"case": "x", "match": match}
    params: Any = {"a": "boolean", "b": "boolean"}
    found = await one(go, stage, params=params, given={"a": False, "b": True})
    assert found["outputs"] == {"case": "x", "stages": {"b": done()}}
    found = await one(go, stage, params=params, given={"a": False, "b": False})
    assert found["outputs"] == {"case": "x", "stages": {"c": done()}}


async def test_case_without_a_match_fails_or_is_skipped(go: Go) -> None:
    stage: dict[str, Any] = {"case": "x", "match": [{"case": "y", "stages": []}]}
    found = await one(go, stage)
    assert (found["status"], found["code"]) == ("FAILED", 103)
    assert "no entry of match fits 'x'; add `- else: [...]`" in found["error"]["message"]
    found = await one(go, {**stage, "skip-not-match": True})
    assert (found["status"], found["code"]) == ("SKIP", 100)
    assert found["outputs"] == {"case": "x", "stages": {}}


async def test_a_stage_that_fails_in_a_case_fails_it_with_its_code_and_place(go: Go) -> None:
    found = await one(
        go, {"case": 1, "match": [{"case": 1, "stages": [{"id": "r", "raise": "no"}]}]}
    )
    assert (found["code"], found["error"]["message"]) == (127, "stage 's/r': no")
    assert found["outputs"] == {"case": 1, "stages": {"r": raised("no")}}


async def test_foreach_over_scalars_is_keyed_by_their_text(go: Go) -> None:
    found = await one(
        go, {"foreach": ["x", 2, True], "stages": [{"id": "e", "echo": "${{ loop }}"}]}
    )
    entry = {"status": "SUCCESS", "stages": {"e": done()}}
    assert found["outputs"] == {
        "items": ["x", 2, True],
        "foreach": {
            "x": {**entry, "item": "x"},
            "2": {**entry, "item": 2},
            "true": {**entry, "item": True},
        },
        "results": [{}, {}, {}],
    }


async def test_foreach_over_objects_is_keyed_by_index(go: Go) -> None:
    items: Any = [{"n": 1}, {"n": 2}]
    result = await go([{"id": "s", "foreach": items, "stages": [{"echo": "${{ item.n }}"}]}])
    assert [line.text for line in result.logs] == ["1", "2"]
    assert [line.stage for line in result.logs] == ["s[0]/1", "s[1]/1"]
    assert list(result.jobs["main"].stages["s"].outputs["foreach"]) == ["0", "1"]


async def test_foreach_over_a_mapping_gives_keys_and_values(go: Go) -> None:
    stage: Any = {"foreach": "${{ params.m }}", "stages": [{"id": "e", "echo": "${{ item.key }}"}]}
    found = await one(go, stage, params={"m": "object"}, given={"m": {"a": 1, "b": 2}})
    assert found["outputs"]["items"] == [{"key": "a", "value": 1}, {"key": "b", "value": 2}]
    assert list(found["outputs"]["foreach"]) == ["a", "b"]


async def test_foreach_refuses_equal_keys_unless_told_to_use_the_index(go: Go) -> None:
    stage: Any = {"foreach": [1, "1"], "stages": [{"id": "e"}]}
    found = await one(go, stage)
    assert (found["code"], "two items with the key '1'" in found["error"]["message"]) == (103, True)
    found = await one(go, {**stage, "use-index-as-key": True})
    assert list(found["outputs"]["foreach"]) == ["0", "1"]


@pytest.mark.parametrize("value", ["text", 3, None])
async def test_foreach_over_anything_else_is_an_error(go: Go, value: Any) -> None:
    stage: Any = {"foreach": "${{ params.v }}", "stages": []}
    found = await one(go, stage, params={"v": {}}, given={"v": value})
    assert (found["code"], "takes a list or a mapping" in found["error"]["message"]) == (107, True)


async def test_foreach_fails_fast_and_says_which_item(go: Go) -> None:
    stages: Any = [
        {
            "id": "c",
            "case": "${{ item }}",
            "match": [{"case": 2, "stages": [{"raise": "no"}]}, {"else": []}],
        }
    ]
    found = await one(go, {"foreach": [1, 2, 3], "stages": stages})
    assert (found["code"], found["error"]["message"]) == (127, "stage 's[1]/c/1': no")
    assert {k: v["status"] for k, v in found["outputs"]["foreach"].items()} == {
        "1": "SUCCESS",
        "2": "FAILED",
    }
    assert found["outputs"]["results"] == [{"case": 1, "stages": {}}, None, None]
    found = await one(go, {"foreach": [1, 2, 3], "stages": stages, "fail-fast": False})
    assert [it["status"] for it in found["outputs"]["foreach"].values()] == [
        "SUCCESS",
        "FAILED",
        "SUCCESS",
    ]


async def test_foreach_runs_items_side_by_side_and_stops_them_when_one_fails(go: Go) -> None:
    stages: Any = [
        {
            "id": "c",
            "case": "${{ item }}",
            "match": [{"case": 3, "stages": [{"raise": "no"}]}, {"else": [{"sleep": 60}]}],
        }
    ]
    found = await one(go, {"foreach": [1, 2, 3, 4], "concurrent": 3, "stages": stages})
    assert {k: v["status"] for k, v in found["outputs"]["foreach"].items()} == {
        "1": "CANCEL",
        "2": "CANCEL",
        "3": "FAILED",
    }


async def test_foreach_side_by_side_keeps_the_order_of_items(go: Go) -> None:
    stage: Any = {
        "foreach": [0.02, 0.01, 0],
        "concurrent": 3,
        "stages": [{"id": "e", "sleep": "${{ item }}"}],
    }
    found = await one(go, stage)
    assert list(found["outputs"]["foreach"]) == ["0.02", "0.01", "0"]


async def test_foreach_over_nothing_succeeds(go: Go) -> None:
    found = await one(go, {"foreach": [], "stages": [{"raise": "no"}]})
    assert found["outputs"] == {"items": [], "foreach": {}, "results": []}


async def test_foreach_items_are_bounded_at_run_time(policy: Policy) -> None:
    tight = policy.model_copy(update={"foreach_items": 2})
    document: dict[str, Any] = {
        "name": "t",
        "params": {"l": "array"},
        "stages": [{"id": "s", "foreach": "${{ params.l }}", "stages": []}],
    }
    async with Runner(policy=tight) as runner:
        result = await runner.run(document, params={"l": [1, 2, 3]})
    record = result.jobs["main"].stages["s"]
    assert (record.code, "the policy allows 2" in record.as_dict()["error"]["message"]) == (
        108,
        True,
    )


async def test_parallel_runs_every_branch_to_its_end(go: Go) -> None:
    branches: Any = {
        "a": [{"id": "r", "raise": "no"}],
        "b": [{"id": "w", "sleep": 0.01}, {"id": "e", "echo": "${{ branch }}"}],
    }
    found = await one(go, {"parallel": branches})
    assert (found["code"], found["error"]["message"]) == (127, "stage 's/a/r': no")
    assert found["outputs"] == {
        "parallel": {
            "a": {
                "status": "FAILED",
                "branch": "a",
                "stages": {"r": raised("no")},
                "error": raised("no")["error"],
            },
            "b": {"status": "SUCCESS", "branch": "b", "stages": {"w": done(), "e": done()}},
        }
    }


async def test_parallel_runs_max_workers_at_a_time(go: Go) -> None:
    running: list[int] = []
    most: list[int] = []

    def watch(run: Any, event: Any) -> None:
        if event.path.endswith("/w") and event.kind == "stage-started":
            running.append(1)
        if event.path.endswith("/w") and event.kind == "stage-finished":
            running.pop()
        most.append(len(running))

    branches: Any = {str(i): [{"id": "w", "sleep": 0.005}] for i in range(7)}
    await go([{"parallel": branches, "max-workers": 3}], on_event=watch)
    assert max(most) == 3


async def test_until_runs_at_least_once_and_seeds_the_next_item(go: Go) -> None:
    stages: Any = [{"id": "e", "echo": "${{ item }} ${{ loop }}"}]
    result = await go(
        [{"id": "s", "until": "${{ params.t }}", "item": 7, "stages": stages}],
        params={"t": "boolean"},
        given={"t": True},
    )
    assert [(it.stage, it.text) for it in result.logs] == [("s#1/e", "7 1")]
    assert result.jobs["main"].stages["s"].outputs == {
        "until": {"1": {"status": "SUCCESS", "loop": 1, "item": 7, "stages": {"e": done()}}},
        "loops": 1,
    }


async def test_until_ends_at_max_loop(go: Go) -> None:
    found = await one(
        go, {"until": False, "max-loop": 3, "stages": [{"id": "e", "echo": "${{ item }}"}]}
    )
    assert (found["status"], found["code"]) == ("FAILED", 108)
    assert "after 3 loops (max-loop)" in found["error"]["message"]
    assert [it["item"] for it in found["outputs"]["until"].values()] == [0, 1, 2]


async def test_until_loops_are_bounded_by_the_policy_at_run_time(policy: Policy) -> None:
    tight = policy.model_copy(update={"loop_iterations": 4})
    document: dict[str, Any] = {
        "name": "t",
        "params": {"n": "int"},
        "stages": [{"id": "s", "until": False, "max-loop": "${{ params.n }}", "stages": []}],
    }
    async with Runner(policy=tight) as runner:
        result = await runner.run(document, params={"n": 5})
    assert "max-loop is 5, and the policy allows 4" in str(result.jobs["main"].stages["s"].error)


async def test_try_catches_and_ends_well(go: Go) -> None:
    stage: Any = {
        "try": [{"id": "a", "raise": "no"}, {"id": "b"}],
        "catch": [
            {
                "id": "c",
                "echo": "${{ error.name }} ${{ error.code }} ${{ error.stage }}: ${{ error.message }}",
            }
        ],
        "finally": [{"id": "d", "echo": "${{ stages.c.status }} ${{ stages.a.status }}"}],
    }
    result = await go([{"id": "s", **stage}])
    assert [line.text for line in result.logs] == ["RAISED 127 a: no", "SUCCESS FAILED"]
    skipped: Any = {"status": "SKIP", "code": 100, "outputs": {}, "error": None}
    assert result.jobs["main"].stages["s"].outputs == {
        "try": {"status": "FAILED", "stages": {"a": raised("no"), "b": skipped}},
        "catch": {"status": "SUCCESS", "stages": {"c": done()}},
        "finally": {"status": "SUCCESS", "stages": {"d": done()}},
    }
    assert result.status == "SUCCESS"


@pytest.mark.parametrize(
    ("stage", "message", "parts"),
    [
        ({"try": [{"raise": "no"}]}, "stage 's/try/1': no", ["try"]),
        (
            {"try": [{"raise": "no"}], "finally": [NOTHING]},
            "stage 's/try/1': no",
            ["try", "finally"],
        ),
        (
            {"try": [{"raise": "a"}], "catch": [{"raise": "b"}]},
            "stage 's/catch/1': b",
            ["try", "catch"],
        ),
        (
            {"try": [NOTHING], "finally": [{"raise": "c"}]},
            "stage 's/finally/1': c",
            ["try", "finally"],
        ),
        (
            {"try": [{"raise": "a"}], "catch": [{"raise": "b"}], "finally": [{"raise": "c"}]},
            "stage 's/finally/1': c",
            ["try", "catch", "finally"],
        ),
    ],
)
async def test_try_fails_when_what_handles_fails(
    go: Go, stage: Any, message: str, parts: list[str]
) -> None:
    found = await one(go, stage)
    assert (found["status"], found["error"]["message"]) == ("FAILED", message)
    assert list(found["outputs"]) == parts


async def test_catch_is_not_run_without_a_failure(go: Go) -> None:
    found = await one(go, {"try": [{}], "catch": [{"raise": "no"}]})
    assert list(found["outputs"]) == ["try"]


async def test_an_inner_stage_hides_an_outer_one_of_the_same_id_and_leaves_it_as_it_was(
    go: Go,
) -> None:
    result = await go(
        [
            {"id": "a", "raise": "outer", "continue-on-error": True},
            {
                "id": "f",
                "foreach": [1],
                "stages": [
                    {"echo": "${{ stages.a.error.message }}"},
                    {"id": "a", "raise": "inner", "continue-on-error": True},
                    {"echo": "${{ stages.a.error.message }}"},
                ],
            },
            {"echo": "${{ stages.a.error.message }}"},
        ]
    )
    assert [line.text for line in result.logs] == ["outer", "inner", "outer"]
