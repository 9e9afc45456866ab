"""Dry runs, mocks, and the tests that stand in a document."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from blockyard_blocks import Catalog, block
from blockyard_platform.api import validate
from blockyard_platform.rehearsal import Mock, run_tests
from blockyard_platform.rehearsal.stand_ins import stage_of
from blockyard_platform.rehearsal.testing import different
from blockyard_platform.runner import Runner
from blockyard_schemas.statuses import Code

COMMAND = str(Path(sys.executable).parent / "blockyard")
SENT: list[str] = []


@block(tags=set(), name="mine.send", runs="host")
def send(*, text: str) -> str:
    """Send a text.

    Args:
        text: the text
    """
    SENT.append(text)
    return "sent"


@pytest.fixture
def catalog() -> Catalog:
    SENT.clear()
    return Catalog.of(send)


DOCUMENT = {
    "name": "orders",
    "params": {"rows": {"type": "array", "default": [1, 2, 3]}},
    "stages": [
        {"id": "total", "run": "result = sum(rows)", "vars": {"rows": "${{ params.rows }}"}},
        {
            "id": "send",
            "uses": "mine.send",
            "with": {"text": "${{ stages.total.outputs.result | str }}"},
        },
        {"id": "pause", "wait": "1h"},
        {"id": "each", "foreach": [1, 2], "stages": [{"id": "say", "echo": "x", "sleep": 600}]},
    ],
    "outputs": {
        "total": "${{ stages.total.outputs.result }}",
        "said": "${{ stages.send.outputs.result }}",
    },
}


async def test_a_dry_run_does_nothing_outside_and_waits_for_nothing(catalog: Catalog) -> None:
    async with Runner(catalog=catalog) as runner:
        result = await runner.run(DOCUMENT, dry_run=True)
    assert (result.status, result.outputs) == ("SUCCESS", {"total": 6, "said": None})
    assert SENT == []
    told = [(line.stage, line.text) for line in result.logs]
    assert told == [
        ("send", "not run: 'mine.send' works outside of the jail; its result is null here"),
        ("pause", "not waited for"),
        ("each[0]/say", "not slept"),
        ("each[0]/say", "x"),
        ("each[1]/say", "not slept"),
        ("each[1]/say", "x"),
    ]


async def test_a_dry_run_fills_what_it_does_not_run(catalog: Catalog) -> None:
    stages = [{"id": "a", "uses": "mine.send", "with": {"text": "${{ params.x.y }}"}}]
    document = {"name": "t", "params": {"x": "map"}, "stages": stages}
    async with Runner(catalog=catalog) as runner:
        result = await runner.run(document, params={"x": {}}, dry_run=True)
    assert result.jobs["main"].stages["a"].code is Code.EXPRESSION_ERROR


async def test_a_dry_run_leaves_no_journal(tmp_path: Path) -> None:
    from blockyard_platform.store.store import Store

    async with Runner(journal=tmp_path / "runs.db") as runner:
        result = await runner.run({"name": "t", "stages": [{"echo": "x"}]}, dry_run=True)
        assert result.success
    store = Store(tmp_path / "runs.db")
    assert store.runs() == []
    store.close()


async def test_mocks_stand_in_by_node_path_or_id(catalog: Catalog) -> None:
    mocks = {
        "send": Mock({"result": "as if"}),
        "pause": Mock(),
        "say": Mock({"echo": "any"}),
        "each[1]/say": Mock({"echo": "this one"}),
    }
    async with Runner(catalog=catalog) as runner:
        result = await runner.run(DOCUMENT, mocks=mocks)
    assert result.outputs == {"total": 6, "said": "as if"}
    each = result.jobs["main"].stages["each"].outputs["foreach"]
    assert [item["stages"]["say"]["outputs"] for item in each.values()] == [
        {"echo": "any"},
        {"echo": "this one"},
    ]
    assert SENT == []


async def test_a_mock_that_fails_is_tried_again_and_caught() -> None:
    stages = [
        {
            "id": "t",
            "try": [{"id": "a", "echo": "x", "retry": 2}],
            "catch": [{"id": "c", "echo": "${{ error.message }}"}],
        }
    ]
    async with Runner() as runner:
        result = await runner.run(
            {"name": "t", "stages": stages}, mocks={"a": Mock(code=Code.TIMEOUT, message="slow")}
        )
    assert result.success
    assert result.logs[-1].text == "slow"
    assert sum("attempt" in line.text for line in result.logs) == 2


async def test_what_a_mock_gives_is_not_shared() -> None:
    given: dict[str, Any] = {"rows": [1]}
    stages = [{"id": "a", "echo": "x"}]
    async with Runner() as runner:
        result = await runner.run({"name": "t", "stages": stages}, mocks={"a": Mock(given)})
    assert result.jobs["main"].stages["a"].outputs == given
    assert result.jobs["main"].stages["a"].outputs["rows"] is not given["rows"]


TESTS: list[dict[str, Any]] = [
    {
        "name": "good",
        "params": {"rows": [2, 2]},
        "mocks": {"send": {"outputs": {"result": "s"}}, "pause": {}, "say": {}},
        "expect": {
            "outputs": {"total": 4, "said": "s"},
            "stages": {"each[0]/say": {"status": "SUCCESS", "outputs": {}}},
        },
    },
    {
        "name": "bad",
        "mocks": {"send": {"error": "TIMEOUT", "message": "no line"}, "nothing": {}},
        "expect": {"outputs": {"total": 7}, "stages": {"send": {"code": "DONE"}, "x": {}}},
    },
    {"name": "refused", "params": {"z": 1}, "expect": {"problem": "param"}},
    {"name": "not refused", "mocks": {"send": {"error": "RAISED"}}, "expect": {"problem": "param"}},
]


async def test_the_tests_of_a_document_say_what_differs(catalog: Catalog) -> None:
    document = DOCUMENT | {"tests": TESTS}
    async with Runner(catalog=catalog) as runner:
        found = [outcome async for outcome in run_tests(runner, document)]
        (one,) = [outcome async for outcome in run_tests(runner, document, ["bad"])]
    assert [outcome.passed for outcome in found] == [True, False, True, False]
    assert one.differences == found[1].differences
    assert list(found[1].differences) == [
        "status: expected SUCCESS, got FAILED (send: no line)",
        "outputs/total: expected 7, and it is not there",
        "stages/send/code: expected DONE, got TIMEOUT",
        "stages/x: no such stage was reached; it is named by its node path",
        "mocks/nothing: no such stage was reached",
    ]
    assert found[3].differences == ("problem: expected param, got []",)


@pytest.mark.parametrize(
    ("expected", "actual", "places"),
    [
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 2}]}, []),
        (1, 1.0, []),
        (1, True, ["o"]),
        ({"a": 1}, {"b": 1}, ["o/a", "o/b"]),
        ([1, 2], [1, 3], ["o/1"]),
        ([1], [1, 2], ["o"]),
        (None, {}, ["o"]),
    ],
)
def test_differences_name_their_places(expected: Any, actual: Any, places: list[str]) -> None:
    assert [text.partition(":")[0] for text in different("o", expected, actual)] == places


@pytest.mark.parametrize(
    ("path", "stage"),
    [
        ("a", "a"),
        ("j:a", "a"),
        ("j[2]:a/try/b", "b"),
        ("a[3]/b~2", "b"),
        ("a>j:b", "b"),
        ("a#1/c", "c"),
    ],
)
def test_a_node_path_leads_to_a_stage(path: str, stage: str) -> None:
    assert stage_of(path) == stage


@pytest.mark.parametrize(
    "test",
    [
        {"name": "x"},
        {"name": "x", "expect": {"state": "FAILED"}},
        {"name": "x", "expect": {"status": "BROKEN"}},
        {"name": "x", "expect": {}, "mocks": {"a": {"error": "NO_SUCH_CODE"}}},
        {"name": "x", "expect": {}, "mocks": {"a": "b"}},
        {"name": "x", "expect": {}, "run": "rm"},
    ],
)
def test_tests_have_a_form(test: Any) -> None:
    document = {"name": "t", "stages": [{"echo": "x"}], "tests": [test]}
    problems = validate(document).problems
    assert problems
    assert all(problem.pointer.startswith("/tests/0") for problem in problems)


def test_a_run_pays_no_heed_to_tests() -> None:
    document = {
        "name": "t",
        "stages": [{"echo": "x"}],
        "tests": [
            {"name": "x", "params": {"p": "${{ 1/0 }}"}, "expect": {"outputs": {"a": "${{ x }}"}}}
        ],
    }
    assert validate(document).problems == ()


TEXT = """
name: t
params: {n: {type: integer, default: 1}}
stages: [{id: a, run: "result = n + 1", vars: {n: "${{ params.n }}"}}]
outputs: {a: "${{ stages.a.outputs.result }}"}
tests:
  - {name: usual, expect: {outputs: {a: 2}}}
  - {name: five, params: {n: 5}, expect: {outputs: {a: 6}}}
"""


def call(*words: str, given: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *words], capture_output=True, text=True, check=False, input=given
    )


def test_the_verb_runs_all_tests_or_one() -> None:
    done = call("test", "-", "--json", given=TEXT)
    found = json.loads(done.stdout)
    assert (done.returncode, found["passed"]) == (0, True)
    assert [row["name"] for row in found["tests"]] == ["usual", "five"]
    assert "2 of 2 tests passed." in done.stderr
    done = call("test", "-", "--only", "five", given=TEXT.replace("a: 6", "a: 7"))
    assert (done.returncode, "outputs/a: expected 7, got 6" in done.stderr) == (1, True)


@pytest.mark.parametrize(
    ("words", "text", "message"),
    [
        ([], "{name: t, stages: [{echo: x}]}", "the document has no tests"),
        (["--only", "six"], TEXT, "there is no test 'six'"),
        ([], TEXT.replace("expect", "expects"), "did you mean 'expect'"),
    ],
)
def test_the_verb_says_what_is_wrong(words: list[str], text: str, message: str) -> None:
    done = call("test", "-", *words, given=text)
    assert (done.returncode, message in done.stderr) == (2, True)


def test_a_dry_run_by_the_command_line() -> None:
    text = "{name: t, stages: [{id: a, wait: 1h}, {id: b, echo: done}]}"
    done = call("run", "-", "--dry-run", given=text)
    assert (done.returncode, "a | not waited for" in done.stderr) == (0, True)
    done = call("run", "-", "--dry-run", "--journal", "x.db", given=text)
    assert (done.returncode, "A dry run is not kept" in done.stderr) == (2, True)
