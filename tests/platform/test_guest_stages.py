"""Python stages, blocks and expressions, in real guests."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from blockyard_blocks import BlockError, Catalog, block
from blockyard_platform import Runner, RunResult
from blockyard_schemas.policy import Policy
from blockyard_schemas.statuses import Code

Go = Callable[..., Awaitable[RunResult]]


def stage(result: RunResult, name: str = "s") -> dict[str, Any]:
    """Return the record of a stage as plain data."""
    assert result.problems == ()
    found: dict[str, Any] = result.as_dict()["jobs"]["main"]["stages"][name]
    return found


async def test_a_python_stage_gives_its_result_or_its_names(go: Go) -> None:
    result = await go(
        [
            {"id": "a", "run": "result = [x * 2 for x in items]", "vars": {"items": [1, 2]}},
            {
                "id": "b",
                "run": "total = sum(given)\nhalf = total / 2",
                "vars": {"given": "${{ stages.a.outputs.result }}"},
            },
            {
                "id": "s",
                "run": "print('hello'); result = n",
                "vars": {"n": "${{ stages.b.outputs.half }}"},
            },
        ]
    )
    assert stage(result, "a")["outputs"] == {"result": [2, 4]}
    assert stage(result, "b")["outputs"] == {"total": 6, "half": 3.0}
    assert stage(result)["outputs"] == {"result": 3.0}
    assert [(line.stage, line.text.strip()) for line in result.logs] == [("s", "hello")]


async def test_a_python_error_tells_the_line_and_its_text(go: Go) -> None:
    result = await go([{"id": "s", "run": "x = 1\ny = x / 0\n"}])
    assert (stage(result)["status"], stage(result)["code"]) == ("FAILED", 101)
    error = stage(result)["error"]
    assert (error["name"], error["line"], error["text"].strip()) == (
        "UNHANDLED_EXCEPTION",
        2,
        "y = x / 0",
    )
    result = await go([{"id": "s", "run": "import os\n"}])
    assert (stage(result)["code"], stage(result)["error"]["line"]) == (120, 1)


async def test_what_is_printed_is_logged_line_by_line(go: Go) -> None:
    result = await go(
        [{"id": "s", "run": "print('a', 'b')\nprint('c\\nd', end='')\nprint()\nprint('e', end='')"}]
    )
    assert [(line.stage, line.text) for line in result.logs] == [
        ("s", it) for it in ("a b", "c", "d", "e")
    ]


async def test_stages_share_no_names(go: Go) -> None:
    result = await go([{"run": "secret = 1"}, {"id": "s", "run": "result = secret"}])
    assert stage(result)["code"] == 101


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("${{ params.n + 1 }}", 4),
        ("n is ${{ params.n + 1 }}", "n is 4"),
        ("${{ [x for x in params.items if x > 1] }}", [2, 3]),
        ("${{ stages['a'].outputs.result['k'] + params.n }}", 10),
        ("${{ stages.a.status }}", "SUCCESS"),
        ("${{ {'a': {'b': params.n}} }}", {"a": {"b": 3}}),
        ("${{ len(params) }}", 2),
        ("${{ sorted(stages.a.outputs.result.keys()) }}", ["k"]),
    ],
)
async def test_an_expression_is_evaluated_in_the_guest(go: Go, expression: str, value: Any) -> None:
    result = await go(
        [
            {"id": "a", "run": "result = {'k': 7}"},
            {"id": "s", "run": "result = v", "vars": {"v": expression}},
        ],
        params={"n": "int", "items": "array"},
        given={"n": 3, "items": [1, 2, 3]},
    )
    assert stage(result)["outputs"] == {"result": value}


async def test_a_value_is_not_expanded_again_in_the_guest_either(go: Go) -> None:
    hostile = "${{ params.n }}"
    result = await go(
        [{"id": "s", "run": "result = v", "vars": {"v": "${{ params.x + '' }}|${{ params.x }}"}}],
        params={"x": "string", "n": {"default": "S3CRET"}},
        given={"x": hostile},
    )
    assert stage(result)["outputs"] == {"result": f"{hostile}|{hostile}"}


async def test_a_condition_is_evaluated_before_anything_else_of_its_stage(go: Go) -> None:
    stages: Any = [{"id": "s", "if": "${{ params.x != None }}", "echo": "${{ params.x['a'] + 1 }}"}]
    result = await go(stages, params={"x": {}}, given={"x": None})
    assert (stage(result)["status"], stage(result)["code"]) == ("SKIP", 110)


async def test_an_expression_that_fails_is_told(go: Go) -> None:
    result = await go([{"id": "s", "echo": "${{ 1 / 0 }}"}])
    assert (stage(result)["code"], stage(result)["error"]["text"]) == (128, "1 / 0")


async def test_until_sees_the_stages_of_its_loop_and_seeds_the_next_item(go: Go) -> None:
    result = await go(
        [
            {
                "id": "s",
                "until": "${{ stages.double.outputs.item >= 20 }}",
                "item": 3,
                "stages": [{"id": "double", "run": "item = n * 2", "vars": {"n": "${{ item }}"}}],
            }
        ]
    )
    loops = stage(result)["outputs"]["until"]
    assert [(it["item"], it["stages"]["double"]["outputs"]["item"]) for it in loops.values()] == [
        (3, 6),
        (6, 12),
        (12, 24),
    ]


async def test_foreach_in_several_guests_keeps_results_in_order(go: Go) -> None:
    stages: Any = [{"id": "sq", "run": "result = n * n", "vars": {"n": "${{ item }}"}}]
    result = await go([{"id": "s", "foreach": list(range(20)), "concurrent": 4, "stages": stages}])
    assert stage(result)["outputs"]["results"] == [n * n for n in range(20)]


async def test_conditions_of_a_case_are_evaluated_in_order_and_only_as_far_as_needed(
    go: Go,
) -> None:
    match: Any = [
        {"case": "${{ case > 10 }}", "stages": [{"id": "big"}]},
        {"case": "${{ case > 1 }}", "stages": [{"id": "middle"}]},
        {"case": "${{ 1 / 0 }}", "stages": []},
    ]
    result = await go(
        [{"id": "s", "case": "${{ params.n }}", "match": match}],
        params={"n": "int"},
        given={"n": 5},
    )
    assert list(stage(result)["outputs"]["stages"]) == ["middle"]


async def test_a_timeout_ends_the_guest_and_the_next_stage_gets_another(go: Go) -> None:
    result = await go(
        [
            {
                "id": "s",
                "run": "while True:\n    pass\n",
                "timeout": "200ms",
                "continue-on-error": True,
            },
            {"id": "t", "run": "result = 1"},
        ]
    )
    assert (stage(result)["status"], stage(result)["code"]) == ("FAILED", 121)
    assert stage(result, "t")["outputs"] == {"result": 1}


async def test_cancel_ends_the_guest(runner: Runner) -> None:
    begun = asyncio.Event()
    document: Any = {
        "name": "t",
        "stages": [{"id": "s", "run": "print('go')\nwhile True:\n    pass\n"}],
    }
    handle = runner.start(document, on_log=lambda line: begun.set())
    await begun.wait()
    handle.cancel()
    result = await handle.result()
    assert (result.status, stage(result)["status"], stage(result)["code"]) == (
        "CANCEL",
        "CANCEL",
        111,
    )


async def test_guests_of_a_policy_are_limited_and_waited_for(policy: Policy) -> None:
    one = policy.model_copy(update={"run": policy.run.model_copy(update={"guests": 1})})
    stages: Any = [{"run": "result = n", "vars": {"n": "${{ item }}"}}]
    document: Any = {
        "name": "t",
        "stages": [{"id": "s", "foreach": [1, 2, 3], "concurrent": 3, "stages": stages}],
    }
    async with Runner(policy=one) as runner:
        assert stage(await runner.run(document))["outputs"]["results"] == [1, 2, 3]


async def test_the_cpu_seconds_of_a_run_are_bounded_over_its_stages(policy: Policy) -> None:
    tight = policy.model_copy(update={"run": policy.run.model_copy(update={"cpu_seconds": 0.3})})
    burn: Any = {
        "run": "n = 0\nwhile n < 3_000_000:\n    n += 1\nresult = n",
        "continue-on-error": True,
    }
    async with Runner(policy=tight) as runner:
        result = await runner.run({"name": "t", "stages": [burn] * 20})
    codes = [record.code for record in result.jobs["main"].stages.values()]
    assert result.status == "FAILED"
    assert Code.CPU_LIMIT in codes
    assert codes[-1] == Code.SKIPPED


async def test_a_block_gives_its_result(go: Go) -> None:
    result = await go(
        [
            {
                "id": "s",
                "uses": "text.join",
                "with": {"items": ["a", "${{ params.x }}"], "separator": "-"},
            }
        ],
        params={"x": "string"},
        given={"x": "b"},
    )
    assert stage(result)["outputs"] == {"result": "a-b"}


async def test_a_block_refuses_wrong_arguments_at_run_time(go: Go) -> None:
    result = await go(
        [{"id": "s", "uses": "text.join", "with": {"items": "${{ params.x }}"}}],
        params={"x": "int"},
        given={"x": 3},
    )
    assert stage(result)["status"] == "FAILED"
    assert stage(result)["code"] in (103, 107)


async def test_variables_belong_to_the_run(go: Go) -> None:
    result = await go(
        [
            {"uses": "variable.set", "with": {"name": "n", "value": 3}},
            {"id": "s", "uses": "variable.get", "with": {"name": "n"}},
        ]
    )
    assert stage(result)["outputs"] == {"result": 3}
    other = await go([{"id": "s", "uses": "variable.exists", "with": {"name": "n"}}])
    assert stage(other)["outputs"] == {"result": False}


async def test_variables_that_are_set_side_by_side_are_all_kept(go: Go) -> None:
    inner: Any = [
        {"uses": "variable.set", "with": {"name": "n${{ item }}", "value": "${{ item }}"}}
    ]
    result = await go(
        [
            {"foreach": list(range(12)), "concurrent": 4, "stages": inner},
            {"id": "s", "uses": "variable.count"},
        ]
    )
    assert stage(result)["outputs"] == {"result": 12}


async def test_uses_of_a_block_are_counted_at_run_time(policy: Policy) -> None:
    tight = policy.model_copy(update={"blocks": {"text.upper": 2}})
    inner: Any = [{"uses": "text.upper", "with": {"text": "${{ item }}"}}]
    document: Any = {
        "name": "t",
        "stages": [{"id": "s", "foreach": ["a", "b", "c"], "stages": inner}],
    }
    async with Runner(policy=tight) as runner:
        result = await runner.run(document)
    assert (stage(result)["code"], "may be run 2 times" in stage(result)["error"]["message"]) == (
        109,
        True,
    )
    assert stage(result)["outputs"]["results"] == ["A", "B", None]


threads: list[str] = []


@block(tags=set(), runs="host", name="host.plain")
def plain(context: Any, *, text: str) -> str:
    """Say and return."""
    threads.append(threading.current_thread().name)
    context.log(f"{context.stage} {context.workflow}")
    return text.upper()


@block(tags=set(), runs="host", name="host.later")
async def later(context: Any, *, seconds: float) -> str:
    """Wait."""
    await asyncio.sleep(seconds)
    return "done"


@block(tags=set(), runs="host", name="host.fails")
def fails(context: Any, *, how: str) -> None:
    """Fail in one of the ways."""
    if how == "block":
        raise BlockError(Code.FORBIDDEN_HOST, "not there")
    if how == "exit":
        raise SystemExit(3)
    if how == "stop":
        raise StopIteration
    raise {"value": ValueError, "assert": AssertionError, "key": KeyError}[how]("because")


@pytest.fixture
async def hosted() -> Any:
    catalog = Catalog.of(plain, later, fails)
    async with Runner(catalog=catalog) as runner:
        yield runner


async def test_a_host_block_runs_here_in_a_thread_of_its_own(hosted: Runner) -> None:
    document: Any = {
        "name": "t",
        "stages": [{"id": "s", "uses": "host.plain", "with": {"text": "a"}}],
    }
    told: list[str] = []
    result = await hosted.run(
        document, on_log=lambda line: told.append(threading.current_thread().name)
    )
    assert told == [threading.main_thread().name]
    assert stage(result)["outputs"] == {"result": "A"}
    assert [line.text for line in result.logs] == ["s t"]
    assert threads[-1] != threading.main_thread().name


async def test_an_async_host_block_is_cancelled_with_its_stage(hosted: Runner) -> None:
    used: Any = {"id": "s", "uses": "host.later", "with": {"seconds": 60}, "timeout": "20ms"}
    result = await hosted.run({"name": "t", "stages": [used]})
    assert (stage(result)["status"], stage(result)["code"]) == ("FAILED", 121)


@pytest.mark.parametrize(
    ("how", "code"),
    [("block", 133), ("value", 103), ("assert", 106), ("key", 101), ("exit", 101), ("stop", 101)],
)
async def test_an_exception_of_a_host_block_has_its_code(
    hosted: Runner, how: str, code: int
) -> None:
    used: Any = {"id": "s", "uses": "host.fails", "with": {"how": how}}
    result = await hosted.run({"name": "t", "stages": [used]})
    assert (stage(result)["status"], stage(result)["code"]) == ("FAILED", code)


async def test_a_run_without_guest_stages_starts_no_sandbox(runner: Runner) -> None:
    document: Any = {"name": "t", "stages": [{"echo": "${{ run.workflow }}"}]}
    assert (await runner.run(document)).status == "SUCCESS"
    assert not runner.sandbox_started
    assert (await runner.run({"name": "t", "stages": [{"run": "x = 1"}]})).status == "SUCCESS"
    assert runner.sandbox_started


async def test_many_runs_share_one_sandbox_and_no_guest(runner: Runner) -> None:
    document: Any = {
        "name": "t",
        "params": {"n": "int"},
        "stages": [{"id": "s", "run": "result = n + 1", "vars": {"n": "${{ params.n }}"}}],
        "outputs": {"n": "${{ stages.s.outputs.result }}"},
    }
    results = await asyncio.gather(*(runner.run(document, params={"n": n}) for n in range(8)))
    assert [result.outputs for result in results] == [{"n": n + 1} for n in range(8)]
