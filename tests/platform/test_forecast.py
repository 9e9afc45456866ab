"""What a run may come to: counted from the document alone."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from blockyard_blocks import Catalog, block
from blockyard_platform.forecast import Forecast, Forecaster
from blockyard_platform.runner import Runner
from blockyard_schemas.policy import Policy, personal_policy
from blockyard_schemas.policy_containers import ImageRule

COMMAND = str(Path(sys.executable).parent / "blockyard")
ECHO = {"echo": "x"}


def forecast(
    stages: Any = None, *, policy: Policy | None = None, workflows: Any = None, **more: Any
) -> Forecast:
    document: dict[str, Any] = {"name": "t", **more}
    if stages is not None:
        document["stages"] = stages
    policy = policy or personal_policy()
    runner = Runner(policy=policy, workflows=workflows)
    admission = runner.admit(document)
    assert admission.plan is not None, admission.problems
    return Forecaster(admission.plan, policy, runner.catalog).forecast()


def counts(found: Forecast) -> tuple[int, int]:
    """Return at least and at most so many executed stages."""
    least = sum(job.least.stages for job in found.jobs)
    return least, int(found.used["executed stages"][0])


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        ([ECHO, ECHO], (2, 2)),
        ([{**ECHO, "if": "${{ params?.x }}"}], (0, 1)),
        ([{**ECHO, "retry": 2}], (1, 1)),
        ([{"foreach": [1, 2, 3], "stages": [ECHO, ECHO]}], (7, 7)),
        ([{"foreach": [], "stages": [ECHO]}], (1, 1)),
        ([{"foreach": {"a": 1, "b": 2}, "stages": [ECHO]}], (3, 3)),
        ([{"foreach": [1, 2], "stages": [ECHO], "retry": 1}], (3, 5)),
        ([{"until": "${{ loop == 2 }}", "stages": [ECHO], "max-loop": 5}], (2, 6)),
        ([{"until": "${{ loop == 2 }}", "stages": [ECHO]}], (2, 1 + 10)),
        ([{"parallel": {"a": [ECHO], "b": [ECHO, ECHO]}}], (4, 4)),
        ([{"try": [ECHO], "catch": [ECHO], "finally": [ECHO]}], (2, 4)),
        (
            [{"case": 1, "match": [{"case": 1, "stages": [ECHO]}, {"else": [ECHO, ECHO]}]}],
            (1, 3),
        ),
        ([{"foreach": [1, 2], "stages": [{"foreach": [1, 2], "stages": [ECHO]}]}], (7, 7)),
    ],
)
def test_stages_are_counted_at_least_and_at_most(stages: Any, expected: tuple[int, int]) -> None:
    found = forecast(
        stages,
        params={"x": {"type": "boolean", "default": True}},
        policy=personal_policy().model_copy(update={"loop_iterations": 10}),
    )
    assert counts(found) == expected
    assert found.problems == ()


def test_items_that_are_not_known_count_as_many_as_the_policy_allows() -> None:
    found = forecast(
        [{"foreach": "${{ params.x }}", "stages": [ECHO]}],
        params={"x": "array"},
        policy=personal_policy().model_copy(update={"foreach_items": 50}),
    )
    assert counts(found) == (1, 51)
    assert found.jobs[0].nodes[0].note == "at most 50 items"


def test_jobs_multiply_by_their_matrix_and_their_attempts() -> None:
    jobs = {
        "a": {
            "strategy": {"matrix": {"x": [1, 2], "y": [1, 2, 3]}, "exclude": [{"x": 1, "y": 1}]},
            "retry": 1,
            "stages": [ECHO],
        },
        "b": {"needs": "a", "trigger-rule": "all_failed", "stages": [ECHO]},
        "c": {"strategy": {"matrix": "${{ params.m }}"}, "stages": [ECHO]},
    }
    found = forecast(jobs=jobs, params={"m": "map"})
    assert counts(found) == (5, 10 + 1 + 256)
    assert [job.note for job in found.jobs] == [
        "5 combinations, at most 2 attempts",
        "",
        "at most 256 combinations",
    ]


def test_cpu_seconds_count_what_runs_in_the_jail() -> None:
    stages = [
        {"run": "result = 1", "retry": 2},
        {"uses": "text.upper", "with": {"text": "a"}},
        {"echo": "${{ 1 + 1 }}"},
        ECHO,
        {"case": 1, "match": [{"case": 1, "stages": [{"bash": "true"}]}, {"else": [ECHO, ECHO]}]},
    ]
    found = forecast(stages)
    each = personal_policy().stage.cpu_seconds
    assert found.used["CPU seconds"] == (6 * each, personal_policy().run.cpu_seconds)


ASKED = "${{ 1 + 1 }}"
PIPED = "${{ params.t | text.strip | upper | text.strip }}"


QUESTIONS: list[tuple[list[dict[str, Any]], int]] = [
    ([{"echo": PIPED}], 2),
    ([{"echo": f"{PIPED} {ASKED} {ASKED} {PIPED}"}], 5),
    ([{"run": "result = x", "vars": {"x": PIPED}, "retry": 1}], 2 * 3),
    ([{"echo": "x", "if": "${{ params.t | text.strip }}", "retry": 1}], 1),
    ([{"echo": "x", "always": PIPED, "continue-on-error": ASKED}], 3),
    ([{"echo": PIPED, "timeout": ASKED, "retry": 1}], 2 * 3),
    ([{"echo": "x", "retry": ASKED}], 1),
    ([{"foreach": [1, 2], "stages": [{"echo": PIPED}]}], 4),
    ([{"until": PIPED, "stages": [ECHO], "max-loop": 3}], 6),
    (
        [
            {
                "case": ASKED,
                "match": [{"case": PIPED, "stages": []}, {"case": ASKED, "stages": []}],
                "skip-not-match": ASKED,
            }
        ],
        5,
    ),
]


@pytest.mark.parametrize(("stages", "asked"), QUESTIONS)
def test_each_question_to_the_jail_counts(stages: Any, asked: int) -> None:
    found = forecast(stages, params={"t": {"type": "string", "default": "x"}})
    assert found.used["CPU seconds"][0] == asked * personal_policy().stage.cpu_seconds


def test_questions_of_jobs_and_of_outputs_count() -> None:
    job: Any = {
        "if": ASKED,
        "strategy": {"matrix": {"x": [1, 2]}, "fail-fast": ASKED},
        "retry": 1,
        "timeout": ASKED,
        "stages": [],
        "outputs": {"y": PIPED},
    }
    given: Any = {"jobs": {"a": job}, "params": {"t": {"type": "string", "default": "x"}}}
    each = personal_policy().stage.cpu_seconds
    found = forecast(**given, outputs={"z": ASKED})
    assert found.used["CPU seconds"][0] == (2 + 2 * 2 * 3 + 1) * each
    child = {"name": "c", "stages": [ECHO], "outputs": {"z": ASKED}}
    found = forecast([{"trigger": "c", "retry": 1}], workflows={"c": child})
    assert found.used["CPU seconds"][0] == 2 * each


@pytest.mark.parametrize(
    ("stage", "seconds"),
    [({}, 5 * 2.5), ({"timeout": 3}, 3 * 2.5), ({"timeout": 60, "retry": 2}, 3 * 5 * 2.5)],
)
def test_a_container_may_take_its_processors_for_its_time_on_the_clock(
    stage: dict[str, Any], seconds: float
) -> None:
    policy = personal_policy()
    policy = policy.model_copy(
        update={
            "images": (ImageRule(name="alpine", tags=("*",)),),
            "container": policy.container.model_copy(update={"cpus": 2.5}),
            "stage": policy.stage.model_copy(update={"wall_seconds": 5.0}),
        }
    )
    found = forecast([{"image": "alpine:3", **stage}], policy=policy)
    assert found.used["CPU seconds"][0] == seconds


def test_the_condition_of_a_loop_is_asked_in_each() -> None:
    loop = {"until": "${{ loop + 1 > 3 }}", "stages": [{"run": "result = 1"}], "max-loop": 4}
    each = personal_policy().stage.cpu_seconds
    assert forecast([loop]).used["CPU seconds"][0] == 4 * 2 * each
    asked_of_nobody = {**loop, "until": "${{ params.x }}"}
    found = forecast([asked_of_nobody], params={"x": {"type": "boolean", "default": True}})
    assert found.used["CPU seconds"][0] == 4 * each


def test_a_triggered_workflow_is_counted_with_it() -> None:
    child = {"name": "c", "stages": [ECHO, {"foreach": [1, 2], "stages": [ECHO]}]}
    found = forecast([{"trigger": "c"}, ECHO], workflows={"c": child})
    assert counts(found) == (6, 6)
    assert found.used["stages"][0] == 5
    assert found.used["depth"][0] == 3


def test_what_cannot_fit_is_a_problem() -> None:
    policy = personal_policy().model_copy(update={"executed_steps": 10, "blocks": {"text.*": 3}})
    upper = {"uses": "text.upper", "with": {"text": "x"}}
    found = forecast([{"foreach": [1, 2, 3, 4, 5], "stages": [upper, ECHO]}], policy=policy)
    assert [it.rule for it in found.problems] == ["STEP_LIMIT_EXCEED", "BLOCK_LIMIT_EXCEED"]
    assert (
        "at least 11 stages would be executed, and the policy allows 10"
        in found.problems[0].message
    )
    assert (
        "'text.upper' would be used 5 times at least, and may be 3 times"
        in found.problems[1].message
    )
    assert found.used["block text.upper"] == (5, 3)
    found = forecast(
        [{"foreach": "${{ params.x }}", "stages": [upper]}], policy=policy, params={"x": "array"}
    )
    assert found.problems == ()


def test_host_blocks_take_no_time_of_the_jail() -> None:
    @block(tags=set(), name="mine.send", runs="host")
    def send(*, text: str) -> str:
        """Send a text.

        Args:
            text: the text
        """
        return text

    catalog = Catalog.of(send)
    runner = Runner(catalog=catalog)
    document = {"name": "t", "stages": [{"uses": "mine.send", "with": {"text": "x"}}]}
    admission = runner.admit(document)
    assert admission.plan is not None, admission.problems
    found = Forecaster(admission.plan, personal_policy(), catalog).forecast()
    assert found.used["CPU seconds"][0] == 0


def call(file: str, *words: str, given: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, "plan", file, *words], capture_output=True, text=True, check=False, input=given
    )


def test_the_verb_draws_the_tree_and_the_limits() -> None:
    text = "{name: t, stages: [{id: each, foreach: [1, 2], stages: [{id: say, echo: '[red]x'}]}]}"
    done = call("-", given=text)
    assert done.returncode == 0
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    assert lines[:4] == [
        "t",
        "└── main: job",
        "    └── each: foreach (2 items)",
        "        └── say: empty",
    ]
    assert any(line.split() == ["executed", "stages", "3", "100,000"] for line in lines)


def test_the_verb_refuses_what_cannot_fit(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("{stages: [empty, foreach], depth: 2, executed_steps: 2}")
    text = "{name: t, stages: [{foreach: [1, 2], stages: [{echo: x}]}]}"
    done = call("-", "--policy", str(policy), "--json", given=text)
    assert done.returncode == 3
    found = json.loads(done.stdout)
    assert (found["valid"], found["problems"][0]["rule"]) == (False, "STEP_LIMIT_EXCEED")
    assert found["plan"]["limits"]["executed stages"] == {"used": 3, "limit": 2}
    done = call("-", "--json", given="{name: t, stages: [{ech: x}]}")
    assert (done.returncode, json.loads(done.stdout)["plan"]) == (2, None)
