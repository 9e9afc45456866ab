"""Blocks of the catalog as filters of expressions."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from blockyard_blocks import Catalog, block
from blockyard_platform import Runner
from blockyard_platform.api import validate
from blockyard_platform.expressions import parse
from blockyard_platform.syntax import FilterCall, GuestExpression, Piped
from blockyard_platform.syntax import Path as LookUp
from blockyard_schemas.policy import Policy, personal_policy
from blockyard_schemas.statuses import Code

FOLDER = '''
from blockyard_blocks import block

@block(tags=set())
def mask(*, value: str, keep: int = 2, sign: str = "*") -> str:
    """Hide all but the first characters.

    Args:
        value: the text
        keep: how many are shown
        sign: what stands for each of the others
    """
    return value[:keep] + sign * len(value[keep:])
'''


@block(tags=set(), runs="host", name="mine.send")
def send(*, text: str) -> str:
    """Send a text.

    Args:
        text: the text
    """
    return text


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    (tmp_path / "mine.py").write_text(FOLDER)
    return Catalog.builtin().with_folder(tmp_path)


@pytest.fixture
async def runner(catalog: Catalog) -> AsyncIterator[Runner]:
    async with Runner(catalog=catalog) as found:
        yield found


def document(text: Any, **more: Any) -> dict[str, Any]:
    params = {"x": {"type": "any", "default": "secret"}}
    return {
        "name": "t",
        "params": params,
        "stages": [{"echo": "x"}],
        "outputs": {"o": text},
        **more,
    }


def test_a_block_parts_a_path_from_its_filters() -> None:
    assert parse("params.x | upper | mine.mask(3, '-') | lower") == Piped(
        LookUp(
            "params.x | upper | mine.mask(3, '-') | lower",
            "params",
            parse_steps(),
            (FilterCall("upper", ()),),
        ),
        (FilterCall("mine.mask", (3, "-")), FilterCall("lower", ())),
    )
    assert isinstance(parse("params.x | stages.y"), GuestExpression)


def parse_steps() -> Any:
    found = parse("params.x")
    assert isinstance(found, LookUp)
    return found.steps


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${{ params.x | mine.mask }}", "se****"),
        ("${{ params.x | mine.mask(1, '-') }}", "s-----"),
        ("${{ params.x | mine.mask(0) | fmt }}", None),
        ("${{ params.x | upper | mine.mask | lower }}", "se****"),
        ("${{ 'a-b' | text.split('-') | list.reverse }}", ["b", "a"]),
        (
            "<${{ params.x | mine.mask@v1 }}|${{ 1 + 1 }}|${{ params.x | text.upper }}>",
            "<se****|2|SECRET>",
        ),
    ],
)
async def test_a_value_goes_through_blocks(runner: Runner, text: str, expected: Any) -> None:
    result = await runner.run(document(text))
    if expected is None:
        assert result.problems[0].rule == "EXPRESSION_ERROR"
    else:
        assert (result.problems, result.outputs) == ((), {"o": expected})


async def test_a_condition_and_a_loop_may_ask_a_block(runner: Runner) -> None:
    stages = [
        {"id": "a", "if": "${{ params.x | text.is_empty }}", "echo": "x"},
        {
            "id": "b",
            "foreach": "${{ 'p q' | text.split(' ') }}",
            "stages": [{"id": "c", "echo": "${{ item | mine.mask(0) }}"}],
        },
    ]
    result = await runner.run(document("x", stages=stages))
    assert result.jobs["main"].stages["a"].code is Code.IF_CONDITION_FAILED
    assert [line.text for line in result.logs] == ["*", "*"]


@pytest.mark.parametrize(
    "value", ["${{ params.y }}", "{: x :}", "${HOME}", "$(id)", "'); import os", "%s{0.__class__}"]
)
async def test_what_a_block_gives_is_never_read_again(runner: Runner, value: str) -> None:
    text = "${{ params.x | text.create }}|${{ params.x | mine.mask(1000) }}"
    result = await runner.run(document(text), params={"x": value})
    assert result.outputs == {"o": f"{value}|{value}"}


async def test_a_value_that_does_not_fit_fails_the_stage(runner: Runner) -> None:
    stages = [{"id": "a", "echo": "${{ params.x | mine.mask }}"}]
    result = await runner.run(document("x", stages=stages), params={"x": [1]})
    record = result.jobs["main"].stages["a"]
    assert record.code in (Code.INVALID_ARGUMENT, Code.INVALID_TYPE)
    assert record.error is not None
    assert "mine.mask" in record.error["message"]


def problems(
    text: str, catalog: Catalog, policy: Policy | None = None
) -> list[tuple[str, str, str]]:
    found = validate(document(text), catalog=catalog, policy=policy).problems
    return [(it.rule, it.pointer, it.message) for it in found]


@pytest.mark.parametrize(
    ("text", "rule", "words"),
    [
        ("${{ params.x | mine.maks }}", "BLOCK_NOT_FOUND", "there is no block 'mine.maks'"),
        ("${{ params.x | mine.send }}", "unknown-filter", "does more than to give a value"),
        ("${{ params.x | variable.get }}", "unknown-filter", "does more than to give a value"),
        (
            "${{ params.x | mine.mask(1, '*', 3) }}",
            "unknown-filter",
            "takes (value, keep, sign), and is given 4",
        ),
        ("${{ params.x | text.replace('a') }}", "unknown-filter", "is given 2 of them here"),
        ("${{ params.nope | mine.mask }}", "unknown-name", "declares no param 'nope'"),
        ("${{ params.x | mask }}", "unknown-filter", "there is no filter 'mask'"),
    ],
)
def test_what_cannot_serve_is_refused(text: str, rule: str, words: str, catalog: Catalog) -> None:
    ((found, pointer, message),) = problems(text, catalog.merge(Catalog.of(send)))
    assert (found, pointer) == (rule, "/outputs/o")
    assert words in message


def test_the_policy_holds_for_filters_too(catalog: Catalog) -> None:
    policy = personal_policy()
    without = policy.model_copy(update={"tags": frozenset({"list"})})
    ((rule, _, message),) = problems("${{ params.x | text.upper }}", catalog, without)
    assert (rule, "lacks the tag text" in message) == ("FORBIDDEN_BLOCK", True)
    limited = policy.model_copy(update={"blocks": {"text.*": 5}})
    ((rule, _, message),) = problems("${{ params.x | text.upper }}", catalog, limited)
    assert (rule, "is limited" in message) == ("unknown-filter", True)
