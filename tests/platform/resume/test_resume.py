"""Resuming at any depth: what was finished stands, what failed or was cut off is done, and limits count on."""

import asyncio
import json
import sqlite3
from contextlib import closing
from datetime import datetime
from typing import Any

import pytest

from blockyard_platform import Event, Runner, RunView
from blockyard_schemas.policy import personal_policy
from blockyard_schemas.problems import InvalidDocumentError
from blockyard_schemas.statuses import Code

from .conftest import Done, Runs


def use(name: str, value: Any = 0, **more: Any) -> dict[str, Any]:
    return {"id": name, "uses": "mine.effect", "with": {"value": value}, **more}


FAILS = {"id": "gate", "if": "${{ not params.ready }}", "raise": "not ready"}
PARAMS = {"ready": {"type": "boolean", "default": False}}
READY = {"ready": True}

SHAPES: dict[str, tuple[list[Any], list[str], list[str]]] = {
    "row": ([use("a"), FAILS, use("b")], ["a"], ["b"]),
    "foreach": (
        [{"id": "f", "foreach": [1, 2], "stages": [use("a"), {**FAILS, "if": "${{ item == 2 and not params.ready }}"}, use("b")]}],
        ["f[0]/a", "f[0]/b", "f[1]/a"],
        ["f[1]/b"],
    ),
    "parallel": (
        [{"id": "p", "parallel": {"l": [use("a"), FAILS, use("b")], "r": [use("c")]}}],
        ["p/l/a", "p/r/c"],
        ["p/l/b"],
    ),
    "until": (
        [{"id": "u", "until": "${{ loop == 2 }}", "stages": [use("a"), {**FAILS, "if": "${{ loop == 2 and not params.ready }}"}, use("b")]}],
        ["u#1/a", "u#1/b", "u#2/a"],
        ["u#2/b"],
    ),
    "case": (
        [{"id": "c", "case": 1, "match": [{"case": 1, "stages": [use("a"), FAILS, use("b")]}]}],
        ["c/a"],
        ["c/b"],
    ),
    "try": (
        [{"id": "t", "try": [use("a"), FAILS, use("b")], "finally": [use("z")]}],
        ["t/try/a", "t/finally/z"],
        ["t/try/b"],
    ),
    "nested": (
        [{"id": "f", "foreach": [1], "stages": [{"id": "p", "parallel": {"l": [{"id": "g", "foreach": [1], "stages": [use("a"), FAILS, use("b")]}]}}]}],
        ["f[0]/p/l/g[0]/a"],
        ["f[0]/p/l/g[0]/b"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
async def test_what_was_finished_stands(shape: str, runs: Runs, done: Done) -> None:
    stages, first, second = SHAPES[shape]
    failed = await runs.begin({"params": PARAMS, "stages": stages})
    assert failed.status == "FAILED"
    assert sorted(done) == sorted(first)
    done.clear()
    result = await runs.resume(params=READY)
    assert (result.status, done) == ("SUCCESS", second)


async def test_a_job_and_a_combination_of_its_matrix_go_on(runs: Runs, done: Done) -> None:
    jobs = {
        "one": {"stages": [use("a")]},
        "two": {
            "needs": "one",
            "strategy": {"matrix": {"m": [1, 2]}, "max-parallel": 1, "fail-fast": False},
            "stages": [use("b", "${{ matrix.m }}"), {**FAILS, "if": "${{ matrix.m == 2 and not params.ready }}"}, use("c")],
        },
        "three": {"needs": "two", "stages": [use("d")]},
    }  # fmt: skip
    failed = await runs.begin({"params": PARAMS, "jobs": jobs})
    assert (failed.status, done) == ("FAILED", ["one:a", "two[0]:b", "two[0]:c", "two[1]:b"])
    done.clear()
    result = await runs.resume(params=READY)
    assert (result.status, done) == ("SUCCESS", ["two[1]:c", "three:d"])
    assert result.jobs["two"].status == "SUCCESS"


async def test_a_workflow_that_was_triggered_goes_on(runs: Runs, done: Done) -> None:
    gate = {**FAILS, "if": "${{ not params.go }}"}
    child = {"name": "c", "params": {"go": "boolean"}, "stages": [use("a"), gate, use("b")]}
    runs.workflows = {"c": child}
    stages = [use("x"), {"id": "t", "trigger": "c", "params": {"go": "${{ params.ready }}"}}]
    assert (await runs.begin({"params": PARAMS, "stages": stages})).status == "FAILED"
    assert done == ["x", "t>a"]
    done.clear()
    result = await runs.resume(params=READY)
    assert (result.status, done) == ("SUCCESS", ["t>b"])


async def test_attempts_at_a_stage_that_holds_stages_stand_apart(runs: Runs, done: Done) -> None:
    stages = [{"id": "f", "foreach": [1], "stages": [use("a"), FAILS], "retry": 1}]
    assert (await runs.begin({"params": PARAMS, "stages": stages})).status == "FAILED"
    assert done == ["f[0]/a", "f~2[0]/a"]
    done.clear()
    assert (await runs.resume(params=READY)).status == "SUCCESS"
    assert done == []


async def test_a_failure_that_is_passed_over_stands(runs: Runs, done: Done) -> None:
    passed = {"id": "p", "raise": "never mind", "continue-on-error": True}
    await runs.begin({"params": PARAMS, "stages": [passed, use("a"), FAILS]})
    begun: list[str] = []

    def note(_run: RunView, event: Event) -> None:
        begun.append(event.path)

    result = await runs.resume(params=READY, on_event=note)
    assert result.status == "SUCCESS"
    assert "p" not in begun
    assert result.jobs["main"].stages["p"].status == "FAILED"


async def test_a_stage_that_was_skipped_for_a_failure_is_run(runs: Runs, done: Done) -> None:
    stages = [FAILS, use("skipped"), {**use("last"), "always": True}]
    await runs.begin({"params": PARAMS, "stages": stages})
    assert done == ["last"]
    await runs.resume(params=READY)
    assert done == ["last", "skipped"]


async def test_variables_uses_and_outputs_are_carried_over(runs: Runs) -> None:
    stages = [
        {"id": "set", "uses": "variable.set", "with": {"name": "v", "value": [1, "é"]}},
        {"id": "long", "run": "result = 'x' * 100_000"},
        FAILS,
        {"id": "get", "uses": "variable.get", "with": {"name": "v"}},
        {"id": "size", "run": "result = len(text)", "vars": {"text": "${{ stages.long.outputs.result }}"}},
    ]  # fmt: skip
    await runs.begin({"params": PARAMS, "stages": stages})
    result = await runs.resume(params=READY)
    records = result.jobs["main"].stages
    assert records["get"].outputs == {"result": [1, "é"]}
    assert records["size"].outputs == {"result": 100_000}


async def test_variables_that_were_emptied_stay_so(runs: Runs) -> None:
    name = {"with": {"name": "v"}}
    stages = [
        {"id": "set", "uses": "variable.set", "with": {"name": "v", "value": 1}},
        {"id": "delete", "uses": "variable.delete", **name},
        FAILS,
        {"id": "there", "uses": "variable.exists", **name},
    ]
    await runs.begin({"params": PARAMS, "stages": stages})
    result = await runs.resume(params=READY)
    assert result.jobs["main"].stages["there"].outputs == {"result": False}


async def test_doing_stages_again_gives_no_use_back(runs: Runs) -> None:
    policy = personal_policy().model_copy(update={"blocks": {"text.upper": 3}})
    upper = {"uses": "text.upper", "with": {"text": "x"}}
    document = {"name": "t", "stages": [{"id": "a", **upper}, {"id": "b", **upper}]}
    async with Runner(journal=runs.journal, policy=policy) as runner:
        assert (await runner.run(document, run_id="r")).success
        again = await runner.resume("r", start="a")
    assert again.jobs["main"].stages["b"].code is Code.BLOCK_LIMIT_EXCEED


async def test_the_limits_of_a_run_count_on(runs: Runs) -> None:
    policy = personal_policy().model_copy(
        update={"blocks": {"text.upper": 3}, "executed_steps": 20}
    )
    upper = {"uses": "text.upper", "with": {"text": "x"}}
    stages = [
        {"id": "a", **upper},
        {"id": "b", **upper},
        FAILS,
        {"id": "f", "foreach": "${{ params.items }}", "stages": [{"id": "c", **upper}]},
    ]
    params = PARAMS | {"items": {"type": "array", "default": [1, 2]}}
    document = {"name": "t", "params": params, "stages": stages}
    async with Runner(journal=runs.journal, policy=policy) as runner:
        await runner.run(document, run_id="r")
        result = await runner.resume("r", params=READY)
    record = result.jobs["main"].stages["f"]
    assert record.code is Code.BLOCK_LIMIT_EXCEED
    assert record.error is not None
    assert "3 times" in record.error["message"]


async def test_the_cpu_seconds_of_a_run_count_on(runs: Runs) -> None:
    policy = personal_policy()
    few = policy.run.model_copy(update={"cpu_seconds": 0.5})
    burn = "n = 0\nwhile n < 3_000_000:\n    n += 1\nresult = n"
    stages = [
        {"id": "a", "run": burn},
        {"id": "a2", "run": burn},
        FAILS,
        {"id": "b", "run": "while True: pass"},
    ]
    document = {"name": "t", "params": PARAMS, "stages": stages}
    async with Runner(journal=runs.journal, policy=policy) as runner:
        await runner.run(document, run_id="r")
    async with Runner(
        journal=runs.journal, policy=policy.model_copy(update={"run": few})
    ) as runner:
        result = await runner.resume("r", params=READY)
    record = result.jobs["main"].stages["b"]
    assert record.code is Code.CPU_LIMIT


async def test_a_wait_goes_on_to_the_moment_that_it_waited_for(runs: Runs) -> None:
    stages = [{"id": "w", "wait": "1h"}]
    async with Runner(journal=runs.journal) as runner:
        handle = runner.start({"name": "t", "stages": stages}, run_id="r")
        while not handle.waiting:
            await asyncio.sleep(0)
        handle.cancel()
        assert (await handle.result()).status == "CANCEL"
    with closing(sqlite3.connect(runs.journal)) as connection, connection:
        connection.execute("UPDATE starts SET at = at - 3599.5")
        ((begun,),) = connection.execute("SELECT at FROM starts WHERE path = 'w'").fetchall()
    result = await runs.resume()
    assert result.status == "SUCCESS"
    until = datetime.fromisoformat(result.jobs["main"].stages["w"].outputs["until"])
    assert until.timestamp() == pytest.approx(begun + 3600, abs=0.001)


JOBS = {
    "a": {"stages": [use("s1"), use("s2"), {"id": "f", "foreach": [1, 2], "stages": [use("i")]}, use("s3")]},
    "b": {"needs": "a", "stages": [use("t1")]},
    "c": {"stages": [use("u1")]},
}  # fmt: skip


@pytest.mark.parametrize(
    ("start", "again"),
    [
        ("a:s2", ["a:s2", "a:f[0]/i", "a:f[1]/i", "a:s3", "b:t1"]),
        ("a:f[1]/i", ["a:f[1]/i", "a:s3", "b:t1"]),
        ("a:f", ["a:f[0]/i", "a:f[1]/i", "a:s3", "b:t1"]),
        ("b:t1", ["b:t1"]),
        ("c:u1", ["c:u1"]),
    ],
)
async def test_a_run_is_done_again_from_a_stage(
    start: str, again: list[str], runs: Runs, done: Done
) -> None:
    assert (await runs.begin({"jobs": JOBS})).status == "SUCCESS"
    done.clear()
    result = await runs.resume(start=start)
    assert (result.status, sorted(done)) == ("SUCCESS", sorted(again))


async def test_a_stage_that_was_never_run_cannot_be_begun_from(runs: Runs) -> None:
    await runs.begin({"jobs": JOBS})
    result = await runs.resume(start="a:nothing")
    (problem,) = result.problems
    assert problem.rule == "unknown-stage"
    assert "a:s1" in str(problem.hint)


ECHO = {"params": {"x": {"type": "integer", "default": 1}}, "stages": [use("a", "${{ params.x }}"), {"id": "b", "if": "${{ params.x < 3 }}", "raise": "small"}, use("c", "${{ params.x }}")]}  # fmt: skip


async def test_another_input_is_reused_reset_or_refused(runs: Runs, done: Done) -> None:
    await runs.begin(ECHO)
    refused = await runs.resume(params={"x": 5}, on_input_change="raise")
    assert [problem.rule for problem in refused.problems] == ["input-changed"]
    assert done == ["a"]
    reused = await runs.resume(params={"x": 5}, on_input_change="reuse")
    records = reused.jobs["main"].stages
    assert (records["a"].outputs["result"], records["c"].outputs["result"]) == (1, 5)
    reset = await runs.resume(params={"x": 7}, on_input_change="reset")
    records = reset.jobs["main"].stages
    assert (records["a"].outputs["result"], records["c"].outputs["result"]) == (7, 7)
    assert done == ["a", "c", "a", "c"]


async def test_the_same_input_is_no_change(runs: Runs, done: Done) -> None:
    await runs.begin(ECHO, params={"x": 2})
    again = await runs.resume(params={"x": 2}, on_input_change="raise")
    assert (again.problems, again.status, done) == ((), "FAILED", ["a"])


async def test_a_run_that_went_well_is_told_again(runs: Runs, done: Done) -> None:
    first = await runs.begin(
        {"stages": [use("a", 3)], "outputs": {"x": "${{ stages.a.outputs.result }}"}}
    )
    again = await runs.resume()
    assert (again.status, again.outputs, done) == ("SUCCESS", first.outputs, ["a"])


async def test_there_must_be_such_a_run(runs: Runs) -> None:
    with pytest.raises(InvalidDocumentError, match="has no run r"):
        await runs.resume()


async def test_an_id_is_taken_once(runs: Runs) -> None:
    await runs.begin({"stages": [use("a")]})
    again = await runs.begin({"stages": [use("a")]})
    assert [problem.rule for problem in again.problems] == ["run-id"]
    assert "there is a run r already" in again.problems[0].message


def child(value: int, *stages: Any) -> dict[str, Any]:
    row = [*stages, {"id": "end", "echo": value}]
    outputs = {"value": value}
    return {"name": "child", "params": PARAMS, "stages": row, "outputs": outputs}


TRIGGERS = {
    "params": PARAMS,
    "stages": [
        {"id": "go", "trigger": "child", "params": {"ready": "${{ params.ready }}"}},
    ],
    "outputs": {"value": "${{ stages.go.outputs.value }}"},
}


@pytest.mark.parametrize("change", [{}, {"on_input_change": "reset"}, {"start": "go"}])
async def test_a_run_triggers_what_it_began_with(
    change: dict[str, Any], runs: Runs, done: Done
) -> None:
    runs.workflows = {"child": child(1, use("a"), FAILS)}
    assert (await runs.begin(TRIGGERS)).status == "FAILED"
    runs.workflows = {"child": child(2, {"id": "z", "uses": "no.such"})}
    result = await runs.resume(params=READY, **change)
    assert (result.status, result.outputs) == ("SUCCESS", {"value": 1})
    assert done == ["go>a"] * (2 if change else 1)
    runs.workflows = None
    again = await runs.resume(params=READY, on_input_change="reset")
    assert (again.status, again.outputs) == ("SUCCESS", {"value": 1})


async def test_what_a_triggered_workflow_triggers_is_kept(runs: Runs, done: Done) -> None:
    middle = {"name": "middle", "params": PARAMS, "stages": TRIGGERS["stages"], "outputs": TRIGGERS["outputs"]}  # fmt: skip
    outer = {"stages": [{"id": "out", "trigger": "middle", "params": {"ready": "${{ params.ready }}"}}]}  # fmt: skip
    runs.workflows = {"child": child(1, use("a"), FAILS), "middle": middle}
    assert (await runs.begin({"params": PARAMS, **outer})).status == "FAILED"
    runs.workflows = {"middle": child(2)}
    assert (await runs.resume(params=READY)).status == "SUCCESS"
    assert done == ["out>go>a"]


async def test_how_long_a_document_may_be_is_judged_once(runs: Runs) -> None:
    # Of a text its bytes count, of data an estimate: of many short values that is more.
    stages = [use("say", {"text": "x" * 700_000, "list": [0] * 48_000}), FAILS]
    text = json.dumps({"name": "t", "params": PARAMS, "stages": stages})
    async with Runner(journal=runs.journal, catalog=runs.catalog) as runner:
        assert (await runner.run(text, run_id="r")).status == "FAILED"
    result = await runs.resume(params=READY)
    assert (result.status, result.problems) == ("SUCCESS", ())


async def test_damaged_documents_of_what_is_triggered_are_said_to_be_so(runs: Runs) -> None:
    runs.workflows = {"child": child(1, FAILS)}
    assert (await runs.begin(TRIGGERS)).status == "FAILED"
    with closing(sqlite3.connect(runs.journal)) as file, file:
        file.execute("UPDATE pins SET value = '{' WHERE name = 'workflows'")
    with pytest.raises(InvalidDocumentError, match="damaged"):
        await runs.resume(params=READY)
