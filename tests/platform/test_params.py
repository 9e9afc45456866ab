"""Params: declared, completed, checked; by values or by texts."""

from typing import Any

import pytest

from blockyard_platform.params import Params


def bind(declared: dict[str, Any], values: Any = None, texts: Any = None) -> tuple[Any, list[Any]]:
    """Return what is bound, and (pointer, message) of each problem."""
    bound, problems = Params.of(declared).bind(values or {}, texts or {})
    return bound, [(it.pointer, it.message) for it in problems]


@pytest.mark.parametrize(
    ("declared", "value"),
    [
        ("string", "x"),
        ("str", ""),
        ("integer", 3),
        ("int", -3),
        ("number", 1.5),
        ("float", 2),
        ("boolean", False),
        ("array", [1, "a"]),
        ("object", {"a": None}),
        ("map", {}),
        ("date", "2026-02-28"),
        ("datetime", "2026-02-28T10:00:00+02:00"),
        ("decimal", "10.50"),
        ({"type": "string", "pattern": r"^\d{4}-\d{2}$"}, "2026-01"),
        ({"type": "int", "minimum": 1}, 1),
        ({"type": "choice", "options": ["a", "b"]}, "b"),
        ({"enum": [1, "x"]}, "x"),
        ({"type": "array", "items": "int"}, [1, 2]),
        ({"type": "map", "properties": {"d": "date", "n": {"type": "int"}}}, {"d": "2026-01-01"}),
        ({}, {"any": ["thing"]}),
    ],
)
def test_a_value_that_fits_is_bound_as_it_is(declared: Any, value: Any) -> None:
    assert bind({"p": declared}, {"p": value}) == ({"p": value}, [])


@pytest.mark.parametrize(
    ("declared", "value"),
    [
        ("string", 3),
        ("int", "3"),
        ("int", True),
        ("int", 1.5),
        ("boolean", 1),
        ("array", {}),
        ("date", "2026-02-30"),
        ("decimal", "ten"),
        ({"type": "string", "pattern": r"^\d{4}-\d{2}$"}, "2026-1"),
        ({"type": "choice", "options": ["a", "b"]}, "c"),
        ({"type": "object", "required": ["a"]}, {}),
        ({"type": "array", "items": "int"}, [1, "2"]),
        ({"type": "map", "properties": {"n": {"type": "int", "required": True}}}, {}),
        ({"type": "map", "properties": {"n": "int"}, "additionalProperties": False}, {"m": 1}),
    ],
)
def test_a_value_that_does_not_fit_is_a_problem(declared: Any, value: Any) -> None:
    bound, problems = bind({"p": declared}, {"p": value})
    assert bound == {}
    ((pointer, message),) = problems
    assert pointer == "/params/p"
    assert message.startswith("the param 'p' does not fit: ")


@pytest.mark.parametrize(
    ("declared", "text", "value"),
    [
        ("string", "3", "3"),
        ("string", "true", "true"),
        ("int", "3", 3),
        ("number", "3", 3),
        ("number", "3.5", 3.5),
        ("boolean", "true", True),
        ("boolean", "no", False),
        ("array", "[1, two]", [1, "two"]),
        ("object", '{"a": 1}', {"a": 1}),
        ("date", "2026-02-28", "2026-02-28"),
        ({}, "x", "x"),
    ],
)
def test_a_text_is_read_by_the_declared_type(declared: Any, text: str, value: Any) -> None:
    assert bind({"p": declared}, None, {"p": text}) == ({"p": value}, [])


@pytest.mark.parametrize(
    ("declared", "text", "message"),
    [
        ("int", "three", "the param 'p': 'three' is not a whole number"),
        ("number", "x", "the param 'p': 'x' is not a number"),
        ("boolean", "maybe", "the param 'p': 'maybe' is neither true nor false"),
        ("array", "[1", "the param 'p': it is not YAML or JSON"),
        ("int", "9" * 5000, "the param 'p': "),
    ],
)
def test_a_text_that_cannot_be_read_is_a_problem(declared: Any, text: str, message: str) -> None:
    _, problems = bind({"p": declared}, None, {"p": text})
    assert problems[0][1].startswith(message)


def test_defaults_are_applied_and_what_has_none_must_be_given() -> None:
    declared = {"a": {"type": "int", "default": 4}, "b": "string", "c": {"default": None}}
    declared["d"] = {"type": "int", "required": False}
    bound, problems = bind(declared, {})
    assert bound == {"a": 4, "c": None, "d": None}
    assert problems == [("/params/b", "the param 'b' is missing")]


def test_an_unknown_param_is_told_with_the_nearest() -> None:
    _, problems = Params.of({"month": "string"}).bind({"mont": "x", "month": "y"}, {"zzz": "1"})
    assert [(it.message, it.hint) for it in problems] == [
        ("the workflow takes no param 'mont'", "did you mean 'month'?"),
        ("the workflow takes no param 'zzz'", "params of this workflow: month"),
    ]


@pytest.mark.parametrize(
    "value",
    [float("nan"), {1: 2}, object(), b"bytes", [set[int]()], pytest.param(10**5000, id="long")],
)
def test_what_is_no_plain_data_is_a_problem(value: Any) -> None:
    _, problems = bind({"p": {}}, {"p": value})
    assert [pointer for pointer, _ in problems] == ["/params/p"]


def test_a_pattern_is_matched_in_linear_time() -> None:
    declared = {"type": "string", "pattern": "^(a+)+$"}
    _, problems = bind({"p": declared}, {"p": "a" * 50_000 + "!"})
    assert len(problems) == 1


def test_a_schema_refers_to_nothing() -> None:
    with pytest.raises(ValueError, match="cannot refer"):
        Params.of({"p": {"$ref": "http://localhost/schema"}}).declared["p"].validator()
