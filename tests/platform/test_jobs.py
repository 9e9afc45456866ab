"""Jobs: what they wait for, when they are skipped, their matrix, retries, timeouts and outputs."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from blockyard_platform import Runner, RunResult, validate
from blockyard_platform.matrix import combinations
from blockyard_schemas.kinds import MAX_COMBINATIONS


def document(jobs: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "t", "jobs": jobs, **more}


def says(text: str, **more: Any) -> dict[str, Any]:
    return {"stages": [{"id": "a", "echo": text}], **more}


FAILS: dict[str, Any] = {"stages": [{"id": "a", "raise": "no"}]}


def statuses(result: RunResult) -> dict[str, str]:
    assert result.run_id is not None, result.problems
    return {name: job["status"] for name, job in result.as_dict()["jobs"].items()}


def said(result: RunResult) -> list[str]:
    return [line.text for line in result.logs]


async def test_a_job_begins_when_all_that_it_needs_have_ended(runner: Runner) -> None:
    jobs = {
        "last": says(
            "${{ jobs.left.outputs.x }}-${{ jobs.right.stages.a.status }}", needs=["left", "right"]
        ),
        "left": says("left", needs="first", outputs={"x": "${{ stages.a.status }}"}),
        "right": says("right", needs=["first"]),
        "first": says("first"),
    }
    result = await runner.run(document(jobs, outputs={"x": "${{ jobs.last.status }}"}))
    assert said(result)[0] == "first"
    assert sorted(said(result)[1:3]) == ["left", "right"]
    assert said(result)[3] == "SUCCESS-SUCCESS"
    assert list(result.as_dict()["jobs"]) == ["last", "left", "right", "first"]
    assert result.outputs == {"x": "SUCCESS"}


async def test_a_failed_job_leaves_independent_jobs_alone_and_fails_the_run(runner: Runner) -> None:
    jobs = {"a": FAILS, "b": says("b"), "c": says("c", needs=["a"]), "d": says("d", needs=["c"])}
    result = await runner.run(document(jobs))
    assert statuses(result) == {"a": "FAILED", "b": "SUCCESS", "c": "SKIP", "d": "SKIP"}
    assert result.status == "FAILED"


@pytest.mark.parametrize(
    ("rule", "needs", "expected"),
    [
        ("all_success", ["good", "good2"], True),
        ("all_success", ["good", "skipped"], False),
        ("all_failed", ["bad", "bad2"], True),
        ("all_failed", ["bad", "good"], False),
        ("all_done", ["bad", "good", "skipped"], True),
        ("one_failed", ["bad", "bad2"], True),
        ("one_failed", ["good", "bad"], True),
        ("one_failed", ["good", "skipped"], False),
        ("one_success", ["good", "good2"], True),
        ("one_success", ["good", "bad"], True),
        ("one_success", ["bad", "skipped"], False),
        ("none_failed", ["good", "skipped"], True),
        ("none_failed", ["good", "bad"], False),
        ("none_skipped", ["good", "bad"], True),
        ("none_skipped", ["good", "skipped"], False),
    ],
)
async def test_trigger_rules(runner: Runner, rule: str, needs: list[str], expected: bool) -> None:
    jobs = {
        "good": says("x"),
        "good2": says("x"),
        "bad": FAILS,
        "bad2": FAILS,
        "skipped": says("x", **{"if": False}),
        "here": says("here", needs=needs, **{"trigger-rule": rule}),
    }
    result = await runner.run(document(jobs))
    assert statuses(result)["here"] == ("SUCCESS" if expected else "SKIP")
    assert ("here" in said(result)) is expected


async def test_a_job_is_skipped_by_its_condition_and_a_bad_condition_fails_it(
    runner: Runner,
) -> None:
    jobs = {
        "no": says("x", **{"if": "${{ params.go }}"}),
        "bad": says("x", **{"if": "${{ params.missing.x }}"}),
    }
    given = document(jobs, params={"go": {"type": "boolean", "default": False}, "missing": "any"})
    result = await runner.run(given, params={"missing": [1]})
    assert statuses(result) == {"no": "SKIP", "bad": "FAILED"}
    assert result.as_dict()["jobs"]["bad"]["error"]["name"] == "EXPRESSION_ERROR"


async def test_max_parallel_bounds_the_jobs_at_once(runner: Runner) -> None:
    at_once, most = 0, 0

    def watch(_: Any, event: Any) -> None:
        nonlocal at_once, most
        if event.kind == "stage-started":
            at_once += 1
            most = max(most, at_once)
        elif event.kind == "stage-finished":
            at_once -= 1

    jobs = {f"j{n}": {"stages": [{"sleep": 0.01}]} for n in range(9)}
    result = await runner.run(document(jobs, **{"max-parallel": 3}), on_event=watch)
    assert result.success
    assert most == 3


async def test_a_matrix_runs_each_combination(runner: Runner) -> None:
    strategy = {"matrix": {"x": [1, 2], "y": ["a", "b"]}, "exclude": [{"x": 1, "y": "b"}]}
    text = "${{ matrix.x }}${{ matrix.y }}"
    jobs = {
        "m": says(text, strategy=strategy, outputs={"t": text}),
        "after": says("${{ jobs.m.matrix[2].outputs.t }} ${{ jobs.m.status }}", needs="m"),
    }
    result = await runner.run(document(jobs))
    found = result.as_dict()["jobs"]["m"]
    assert found["status"] == "SUCCESS"
    assert [each["values"] for each in found["matrix"]] == [
        {"x": 1, "y": "a"},
        {"x": 2, "y": "a"},
        {"x": 2, "y": "b"},
    ]
    assert sorted(said(result)[:3]) == ["1a", "2a", "2b"]
    assert said(result)[3] == "2b SUCCESS"
    assert [line.stage for line in result.logs][:3] == ["m[0]:a", "m[1]:a", "m[2]:a"]


async def test_a_matrix_comes_from_an_expression_and_an_include_may_extend_it(
    runner: Runner,
) -> None:
    strategy = {
        "matrix": {"x": "${{ params.xs }}"},
        "include": [{"x": 1, "more": "one"}, {"x": 9, "more": "nine"}],
        "max-parallel": 1,
    }
    jobs = {"m": says("${{ matrix.x }} ${{ matrix.more? }}", strategy=strategy)}
    given = document(jobs, params={"xs": "array"})
    result = await runner.run(given, params={"xs": [1, 2]})
    assert said(result) == ["1 one", "2 null", "9 nine"]
    bad = await runner.run(given, params={"xs": [[1]]})
    assert bad.as_dict()["jobs"]["m"]["error"]["name"] == "INVALID_ARGUMENT"


@pytest.mark.parametrize(
    ("fail_fast", "ended"),
    [(True, ["FAILED", "CANCEL", "SKIP"]), (False, ["FAILED", "SUCCESS", "SUCCESS"])],
)
async def test_fail_fast_ends_the_other_combinations(
    runner: Runner, fail_fast: bool, ended: list[str]
) -> None:
    stages = [
        {"id": "a", "if": "${{ matrix.x == 1 }}", "raise": "no"},
        {"id": "b", "sleep": 600 if fail_fast else 0.01},  # until it is ended, or no time
    ]
    strategy = {"matrix": {"x": [1, 2, 3]}, "max-parallel": 2, "fail-fast": fail_fast}
    result = await runner.run(document({"m": {"strategy": strategy, "stages": stages}}))
    found = result.as_dict()["jobs"]["m"]
    assert [each["status"] for each in found["matrix"]] == ended
    assert found["status"] == "FAILED"


def test_combinations_follow_the_rules_of_include_and_exclude() -> None:
    inputs = {
        "matrix": {"fruit": ["apple", "pear"], "animal": ["cat", "dog"]},
        "include": [
            {"color": "green"},
            {"color": "pink", "animal": "cat"},
            {"fruit": "apple", "shape": "circle"},
            {"fruit": "banana"},
            {"fruit": "banana", "animal": "cat"},
        ],
    }
    assert combinations(inputs) == [
        {"fruit": "apple", "animal": "cat", "color": "pink", "shape": "circle"},
        {"fruit": "apple", "animal": "dog", "color": "green", "shape": "circle"},
        {"fruit": "pear", "animal": "cat", "color": "pink"},
        {"fruit": "pear", "animal": "dog", "color": "green"},
        {"fruit": "banana"},
        {"fruit": "banana", "animal": "cat"},
    ]
    assert combinations({"matrix": {"x": [1, True]}, "exclude": [{"x": True}]}) == [{"x": 1}]


async def test_a_job_is_tried_again_as_its_retry_says(runner: Runner) -> None:
    stages = [{"id": "a", "if": "${{ retry < 2 }}", "raise": "no"}, {"id": "b", "echo": "done"}]
    result = await runner.run(document({"j": {"retry": 2, "stages": stages}}))
    assert statuses(result) == {"j": "SUCCESS"}
    assert [line.stage for line in result.logs if line.text == "done"] == ["j~3:b"]
    stages = [{"id": "a", "raise": "no"}]
    retry = {"attempts": 3, "on": ["TIMEOUT"]}
    result = await runner.run(document({"j": {"retry": retry, "stages": stages}}))
    assert statuses(result) == {"j": "FAILED"}
    assert said(result) == []


async def test_a_job_ends_at_its_timeout_and_others_go_on(
    runner: Runner, five_minutes_after: Callable[..., Any]
) -> None:
    jobs = {
        "slow": {"timeout": "200s", "stages": [{"id": "a", "sleep": 1800}]},
        "other": says("other", needs="slow", **{"trigger-rule": "one_failed"}),
    }
    result = await runner.run(document(jobs), on_event=five_minutes_after("slow:a"))
    assert statuses(result) == {"slow": "FAILED", "other": "SUCCESS"}
    slow = result.as_dict()["jobs"]["slow"]
    assert slow["error"]["name"] == "TIMEOUT"
    assert slow["stages"]["a"]["status"] == "CANCEL"


async def test_the_workflow_s_timeout_stops_all_jobs(
    runner: Runner, five_minutes_after: Callable[..., Any]
) -> None:
    jobs = {
        "a": {"stages": [{"id": "s", "sleep": 1800}]},
        "b": {"stages": [{"id": "s", "sleep": 1800}]},
    }
    watch = five_minutes_after("a:s", "b:s")
    result = await runner.run(document(jobs, timeout="200s"), on_event=watch)
    assert result.status == "FAILED"
    assert [problem.rule for problem in result.problems] == ["TIMEOUT"]
    assert statuses(result) == {"a": "FAILED", "b": "FAILED"}


async def test_a_cancelled_run_ends_all_jobs(runner: Runner) -> None:
    jobs = {
        "a": {"stages": [{"id": "s", "sleep": 60}]},
        "b": {"stages": [{"id": "s", "sleep": 60}]},
    }
    begun = asyncio.Event()
    handle = runner.start(document(jobs), on_event=lambda _run, _event: begun.set())
    await begun.wait()
    handle.cancel()
    result = await handle.result()
    assert result.status == "CANCEL"
    assert set(statuses(result).values()) <= {"CANCEL"}


async def test_a_limit_of_the_run_ends_all_jobs(policy: Any) -> None:
    narrow = policy.model_copy(update={"executed_steps": 3})
    jobs = {
        f"j{n}": {"stages": [{"id": "a"}, {"id": "b"}], "needs": [f"j{n - 1}"] if n else []}
        for n in range(4)
    }
    async with Runner(policy=narrow) as runner:
        result = await runner.run(document(jobs))
    assert statuses(result) == {"j0": "SUCCESS", "j1": "FAILED", "j2": "SKIP", "j3": "SKIP"}


async def test_each_end_of_a_job_is_told_with_its_first_failed_stage(runner: Runner) -> None:
    told: list[Any] = []
    jobs = {"a": FAILS, "b": says("b"), "m": says("m", strategy={"matrix": {"x": [1]}})}
    await runner.run(
        document(jobs),
        on_job_finish=lambda _, failed: told.append(failed and failed.path),
        on_event=lambda _, event: told.append(event.path) if event.kind == "job-finished" else None,
    )
    assert sorted(told, key=str) == [None, None, "a", "a:a", "b", "m[0]"]


async def test_300_jobs_at_once_lose_nothing(runner: Runner) -> None:
    jobs = {
        f"j{n}": {"stages": [{"id": "s", "uses": "math.add", "with": {"first": n, "second": 1}}]}
        for n in range(300)
    }
    wanted = {f"o{n}": f"${{{{ jobs.j{n}.stages.s.outputs.result }}}}" for n in range(300)}
    result = await runner.run(document(jobs, outputs=wanted))
    assert result.outputs == {f"o{n}": n + 1 for n in range(300)}


@pytest.mark.parametrize(
    ("jobs", "pointer", "rule", "words"),
    [
        (
            {"a": says("x", needs=["bb"]), "b": says("x")},
            "/jobs/a/needs/0",
            "unknown-job",
            "there is no job 'bb'",
        ),
        (
            {"a": says("x", needs="b"), "b": says("x", needs="a")},
            "/jobs/",
            "circle",
            "wait for each other",
        ),
        ({"a": says("x", needs="a")}, "/jobs/a/needs", "circle", "a needs a"),
        (
            {"a": says("x"), "b": says("${{ jobs.a.status }}")},
            "/jobs/b/stages/0/echo",
            "unknown-job",
            "need not have ended",
        ),
        ({"a": says("${{ jobs.c.status }}")}, "/jobs/a/stages/0/echo", "unknown-job", "no job 'c'"),
        (
            {"a": says("${{ matrix.x }}")},
            "/jobs/a/stages/0/echo",
            "unknown-name",
            "'matrix' has no value here",
        ),
        (
            {"a": says("x", outputs={"o": "${{ stages.b.status }}"})},
            "/jobs/a/outputs/o",
            "unknown-stage",
            "no stage 'b'",
        ),
        (
            {"a": says("x", **{"if": "${{ stages.a.status }}"})},
            "/jobs/a/if",
            "unknown-stage",
            "no stage 'a'",
        ),
        ({"a": says("x", **{"trigger-rule": "any"})}, "/jobs/a/trigger-rule", "", "all_success"),
        ({"a": says("x", timeout="soon")}, "/jobs/a/timeout", "", ""),
        (
            {"a": says("x", strategy={"matrix": {"x": list(range(20)), "y": list(range(20))}})},
            "/jobs/a/strategy",
            "matrix",
            f"400 combinations, and {MAX_COMBINATIONS}",
        ),
        (
            {"a": says("x", strategy={"matrix": {"x": []}})},
            "/jobs/a/strategy",
            "matrix",
            "no combination",
        ),
    ],
)
def test_what_is_wrong_with_jobs_is_said_at_its_place(
    policy: Any, jobs: dict[str, Any], pointer: str, rule: str, words: str
) -> None:
    problems = validate(document(jobs), policy=policy).problems
    assert len(problems) == 1
    problem = problems[0]
    assert problem.pointer.startswith(pointer)
    assert rule in problem.rule
    assert words in problem.message + str(problem.hint)


def test_stages_of_several_jobs_are_reached_by_the_name_of_their_job(policy: Any) -> None:
    given = document({"a": says("x"), "b": says("x")}, outputs={"o": "${{ stages.a.status }}"})
    (problem,) = validate(given, policy=policy).problems
    assert problem.rule == "unknown-stage"
    given["outputs"] = {"o": "${{ jobs.a.stages.a.status }}"}
    assert validate(given, policy=policy).valid
