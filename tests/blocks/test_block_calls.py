"""Calling blocks: what is accepted, what is refused and how it is told, and who fills which parameter."""

from typing import Any, Literal

import pytest

from blockyard_blocks import ArgumentsError, Block, Catalog, block
from blockyard_blocks.errors import MissingValueError
from blockyard_schemas.statuses import Code


@block(name="a.typed")
def typed(
    *,
    text: str = "",
    whole: int = 0,
    number: float = 0.0,
    either: float = 0,
    flag: bool = False,
    rows: list[dict[str, Any]] | None = None,
    mode: Literal["x", "y"] = "x",
    mixed: str | list[str] = "",
) -> list[Any]:
    """Take one of each."""
    return [text, whole, number, either, flag, rows, mode, mixed]


TYPED = next(iter(Catalog.of(typed)))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("text", "é"),
        ("whole", 10**30),
        ("number", 1.5),
        ("number", 3),
        ("either", 1),
        ("either", 1.5),
        ("flag", True),
        ("rows", None),
        ("rows", [{"a": [1, None]}]),
        ("mode", "y"),
        ("mixed", "a"),
        ("mixed", ["a"]),
    ],
)
def test_a_fitting_value_arrives_as_it_is(name: str, value: Any) -> None:
    result = TYPED.call({name: value})
    assert value in result
    assert type(result[result.index(value)]) in (type(value), float)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"text": 1}, "text: expected text, got the number 1"),
    ({"text": None}, "text: expected text, got null"),
    ({"whole": "1"}, "whole: expected a whole number, got the text '1'"),
    ({"whole": True}, "whole: expected a whole number, got true"),
    ({"whole": 1.5}, "whole: expected a whole number, got the number 1.5"),
    ({"number": "1.5"}, "number: expected a number, got the text '1.5'"),
    ({"number": True}, "number: expected a number, got true"),
    ({"number": float("inf")}, "number: expected a finite number, got the number inf"),
    ({"either": "x"}, "either: expected a number, got the text 'x'"),
    ({"either": False}, "either: expected a number, got false"),
    ({"flag": 1}, "flag: expected true or false, got the number 1"),
    ({"flag": "true"}, "flag: expected true or false, got the text 'true'"),
    ({"rows": {}}, "rows: expected a list, got a dict of 0"),
    ({"rows": [{}, 3]}, "rows[1]: expected a dict, got the number 3"),
    ({"mode": "z"}, "mode: expected one of 'x' or 'y', got the text 'z'"),
    ({"mixed": 3}, "mixed: expected text or a list of text, got the number 3"),
    ({"text": "a" * 99, "whole": "b" * 99}, "got the text '" + "b" * 40 + "' ..."),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_a_value_of_another_type_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentsError) as caught:
        TYPED.call(arguments)
    assert caught.value.code is Code.INVALID_TYPE
    assert message in caught.value.message
    assert caught.value.message.startswith("a.typed: ")


def test_the_faults_are_fields() -> None:
    with pytest.raises(ArgumentsError) as caught:
        TYPED.call({"rows": [1], "text": 2})
    assert [(fault.place, fault.expected, fault.got) for fault in caught.value.faults] == [
        ("text", "text", "the number 2"),
        ("rows[0]", "a dict", "the number 1"),
    ]


def test_a_missing_and_an_unknown_parameter_are_told() -> None:
    join = Catalog.builtin().find("text.join")
    assert join is not None
    with pytest.raises(ArgumentsError) as caught:
        join.call({"seperator": "-"})
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert caught.value.message == (
        "text.join: items: expected a list of text, got nothing: this parameter must be given; "
        "seperator: expected 'separator' perhaps, got a parameter that does not exist"
    )
    with pytest.raises(ArgumentsError, match=r"zz: expected one of the parameters \(items, sep"):
        join.call({"items": [], "zz": 1})


def test_many_faults_are_counted() -> None:
    join = Catalog.builtin().find("text.join")
    assert join is not None
    with pytest.raises(ArgumentsError) as caught:
        join.call({"items": list(range(1000))})
    assert len(caught.value.faults) == 6
    assert caught.value.message.endswith("got 995 more")


def test_arguments_that_are_no_dict_are_refused() -> None:
    with pytest.raises(ArgumentsError, match="with: expected a dict of arguments, got a list"):
        TYPED.call([1])  # type: ignore[arg-type]


@block(name="a.query", runs="host")
def query(context: Any, database: str, timeout: int = 5, *, sql: str) -> str:
    """Ask."""
    return f"{context} {database} {timeout} {sql}"


@block(name="a.plain", runs="host")
def plain(database: str, *, sql: str) -> str:
    """Ask without a context."""
    return f"{database} {sql}"


@block(name="a.later", runs="host")
async def later(context: Any, *, n: int) -> int:
    """Wait."""
    return n + 1


def only(catalog: Catalog, name: str) -> Block:
    found = catalog.find(name)
    assert found is not None
    return found


def test_the_admin_fills_the_positional_parameters() -> None:
    catalog = Catalog.of(query, plain, values={"database": "db", "sql": "not this"})
    assert only(catalog, "a.query").call({"sql": "s"}, context="c") == "c db 5 s"  # type: ignore[arg-type]
    assert only(catalog, "a.plain").call({"sql": "s"}) == "db s"
    changed = catalog.with_values({"timeout": 9})
    assert only(changed, "a.query").call({"sql": "s"}, context="c") == "c db 9 s"  # type: ignore[arg-type]
    assert only(catalog, "a.query").call({"sql": "s"}, context="c") == "c db 5 s"  # type: ignore[arg-type]


def test_a_tenant_can_not_give_an_admins_value() -> None:
    catalog = Catalog.of(query, values={"database": "db"})
    for name in ("database", "timeout", "context"):
        with pytest.raises(ArgumentsError, match="a parameter that does not exist"):
            only(catalog, "a.query").call({"sql": "s", name: "mine"}, context=None)
    assert list(only(catalog, "a.query").interface.parameters["properties"]) == ["sql"]


def test_a_value_that_is_not_there_is_told_when_the_catalog_is_built() -> None:
    with pytest.raises(MissingValueError, match="wants the value 'database'; give it before") as e:
        Catalog.of(query)
    assert e.value.names == ("database",)


async def test_an_asynchronous_block_returns_an_awaitable() -> None:
    found = only(Catalog.of(later), "a.later")
    assert found.is_async
    assert await found.call({"n": 1}, context=None) == 2


def test_a_block_works_on_the_variables() -> None:
    found = only(Catalog.builtin(), "variable.set")
    variables: dict[str, Any] = {}
    assert found.takes_variables
    assert found.call({"name": "n", "value": [1]}, variables=variables) is None
    assert variables == {"n": [1]}
