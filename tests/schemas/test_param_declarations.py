"""Params: declarations, values, defaults, and texts of the command line."""

from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockyard_schemas.param_values import canonical, faults
from blockyard_schemas.params import check_params, coerce_text, resolve_params
from blockyard_schemas.problems import InvalidDocumentError, Problem
from blockyard_schemas.reader import read

DECLARED: dict[str, Any] = {
    "n": "int",
    "month": {"type": "string", "pattern": r"^\d{4}-\d{2}$", "default": "2026-01"},
    "choice": {"type": "choice", "options": ["a", "b", 3], "default": "a"},
    "price": {"type": "decimal", "required": False},
}


def wrong(declared: Any, value: Any) -> list[str]:
    """Return what is said of a value."""
    return [it.message for it in faults(declared, value, ("p",))]


def refused(declared: dict[str, Any], given: dict[str, Any]) -> list[Problem]:
    """Return the problems of params that are refused."""
    with pytest.raises(InvalidDocumentError) as caught:
        resolve_params(declared, given)
    return list(caught.value.problems)


def test_defaults_are_applied() -> None:
    assert resolve_params(DECLARED, {"n": 3}) == {
        "n": 3,
        "month": "2026-01",
        "choice": "a",
        "price": None,
    }
    assert resolve_params(DECLARED, {"n": 1, "price": 12.5})["price"] == "12.5"


def test_what_is_resolved_resolves_to_itself() -> None:
    # What a run began with is bound again when it is taken up: that must be no other input.
    declared = {**DECLARED, "rate": {"type": "decimal", "default": 2}, "when": {"type": "datetime", "default": "2026-01-31T06:00:00+07:00"}}  # fmt: skip
    once = resolve_params(declared, {"n": 2.0})
    assert once["rate"] == "2"
    assert resolve_params(declared, once) == once


def test_every_wrong_param_is_told_at_once() -> None:
    found = refused(DECLARED, {"mont": "x", "month": "2026", "choice": "c"})
    assert [(it.rule, it.pointer, it.message, it.hint) for it in found] == [
        ("param", "/params/mont", "the workflow takes no param 'mont'", "did you mean 'month'?"),
        ("param", "/params/n", "the param 'n' is missing", "give it: --param n=..."),
        (
            "param",
            "/params/month",
            r"'month' must match the pattern ^\d{4}-\d{2}$, not text '2026'",
            None,
        ),
        ("param", "/params/choice", "'choice' must be one of a, b, 3, not text 'c'", None),
    ]


def test_params_must_be_plain_data() -> None:
    assert refused({"n": "any"}, {"n": {1, 2}})[0].pointer == "/params/n"


FITS: list[tuple[Any, list[Any], list[Any]]] = [
    ("str", ["", "x"], [3, None, True]),
    ("int", [3, -1, 2.0], [True, 1.5, "3"]),
    ("float", [3, 1.5], [True, "1"]),
    ("bool", [True], [1, "true"]),
    ("decimal", ["12.50", "-3"], ["x", "1e3", "", "1.", 3]),
    ("date", ["2026-01-31"], ["2026-02-30", "20260131", "2026-1-1", 3, "2026-01-31T00:00"]),
    (
        "datetime",
        ["2026-01-31T06:00:00+07:00", "2026-01-31T06:00:00Z", "2026-01-31 06:00"],
        ["2026-01-31", "2026-01-31T25:00:00", "x" * 20, "2026-W01-1T06:00:00"],
    ),
    ("list", [[], [1]], [{}, "[]"]),
    ("map", [{}, {"a": 1}], [[], None]),
    ("any", [None, 1, []], []),
    ({"enum": [1, "x", None, True]}, [1, 1.0, "x", None, True], [2, "1", False]),
    ({"const": [1]}, [[1]], [[2], 1]),
    ({"type": "int", "minimum": 1, "exclusiveMaximum": 3}, [1, 2], [0, 3]),
    ({"type": "str", "minLength": 1, "maxLength": 2}, ["a", "éé"], ["", "abc"]),
    ({"type": "str", "pattern": "a+"}, ["xax"], ["x"]),
    ({"type": "str", "format": "date"}, ["2026-01-31"], ["x"]),
    ({"type": "str", "format": "date-time"}, ["2026-01-31T06:00:00Z"], ["2026-01-31T06:00:00"]),
    ({"type": "str", "format": "email"}, ["a@b.c"], ["a", "a@", "a b@c"]),
    ({"type": "str", "format": "time"}, ["06:00"], ["6", "25:00"]),
    ({"type": "str", "format": "uuid"}, ["12345678-1234-1234-1234-123456789abc"], ["1234"]),
    ({"type": "list", "items": "int", "maxItems": 2}, [[1]], [[1, 2, 3], ["x"]]),
    ({"type": "list", "uniqueItems": True}, [[1, True, "1"]], [[1, 1.0], [{}, {}]]),
    (
        {
            "type": "map",
            "properties": {"a": "int"},
            "required": ["a"],
            "additionalProperties": False,
        },
        [{"a": 1}],
        [{}, {"a": "x"}, {"a": 1, "b": 2}],
    ),
    ({"type": "map", "additionalProperties": "int"}, [{"x": 1}], [{"x": "y"}]),
]


@pytest.mark.parametrize(("declared", "good", "bad"), FITS)
def test_values_fit_their_types(declared: Any, good: list[Any], bad: list[Any]) -> None:
    for value in good:
        assert wrong(declared, value) == []
    for value in bad:
        assert wrong(declared, value) != []


@pytest.mark.parametrize(
    ("declared", "text", "value"),
    [
        ("int", "3", 3),
        ("int", " -12 ", -12),
        ("float", "3", 3),
        ("float", "1.5e3", 1500.0),
        ("bool", "Yes", True),
        ("bool", "0", False),
        ("str", "3", "3"),
        ("date", "2026-01-31", "2026-01-31"),
        ("decimal", "1.50", "1.50"),
        ("list", "[1, a]", [1, "a"]),
        ("map", '{"a": true}', {"a": True}),
        ("any", "3", "3"),
        ({"type": "choice", "options": ["3", 4]}, "3", "3"),
        ({"type": "choice", "options": ["3", 4]}, "4", 4),
        ({"enum": [True]}, "true", True),
    ],
)
def test_texts_become_values_by_the_declared_type(declared: Any, text: str, value: Any) -> None:
    got = coerce_text({"p": declared}, "p", text)
    assert (got, type(got)) == (value, type(value))


@pytest.mark.parametrize(
    ("declared", "text", "message"),
    [
        ("int", "3.0", "'3.0' is not a whole number"),
        ("int", "1_0", "is not a whole number"),
        ("int", "٣", "is not a whole number"),
        ("float", "nan", "is not a number"),
        ("float", "1e999", "is out of range"),
        ("bool", "maybe", "neither true nor false"),
        ("list", "[", "is not a list in YAML or JSON"),
    ],
)
def test_texts_that_are_none_of_their_type(declared: str, text: str, message: str) -> None:
    with pytest.raises(InvalidDocumentError, match=message):
        coerce_text({"p": declared}, "p", text)


def test_a_text_for_a_param_that_there_is_not() -> None:
    with pytest.raises(InvalidDocumentError) as caught:
        coerce_text({"month": "str"}, "mnth", "x")
    assert caught.value.problems[0].hint == "did you mean 'month'?"


def test_declarations_are_checked() -> None:
    text = """\
params:
  a: {type: string, pattern: '(a'}
  b: {type: string, pattern: '(?=a)'}
  c: {type: string, pattern: '(a)\\1'}
  d: {type: int, default: x}
  e: choice
  f: {type: array, items: {type: string, pattern: '['}}
  g: {type: object, properties: {x: {pattern: '*'}}}
  h: {type: string, pattern: '^(a+)+$', default: aaaa}
"""
    found = check_params(read(text))
    assert [(it.pointer, it.line) for it in found] == [
        ("/params/a/pattern", 2),
        ("/params/b/pattern", 3),
        ("/params/c/pattern", 4),
        ("/params/d/default", 5),
        ("/params/e", 6),
        ("/params/f/items/pattern", 7),
        ("/params/g/properties/x/pattern", 8),
    ]
    assert check_params(read("name: x")) == []
    assert check_params(read("params: [1]")) == []


def test_a_pattern_that_backtracks_elsewhere_costs_nothing() -> None:
    declared = {"type": "string", "pattern": "^(a+)+$"}
    assert wrong(declared, "a" * 100_000 + "b") != []
    assert wrong(declared, "a" * 100_000) == []


VALUE: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "b", 1.0, 1.5]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, max_size=3)
    ),
    max_leaves=6,
)
SCHEMA: st.SearchStrategy[Any] = st.recursive(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["string", "integer", "number", "boolean", "array", "object"])},
        optional={
            "enum": st.lists(VALUE, min_size=1, max_size=3),
            "minimum": st.integers(-2, 2),
            "exclusiveMaximum": st.integers(-2, 2),
            "minLength": st.integers(0, 2),
            "maxItems": st.integers(0, 2),
            "uniqueItems": st.booleans(),
            "pattern": st.sampled_from(["a", "^$", "[ab]"]),
        },
    ),
    lambda inner: st.fixed_dictionaries(
        {"type": st.sampled_from(["array", "object"])},
        optional={
            "items": inner,
            "properties": st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2),
            "required": st.lists(st.sampled_from(["a", "b"]), max_size=2, unique=True),
            "additionalProperties": st.booleans() | inner,
        },
    ),
    max_leaves=4,
)


@given(SCHEMA, VALUE)
def test_the_verdict_is_that_of_json_schema(declared: Any, value: Any) -> None:
    validator: Any = jsonschema.Draft202012Validator(declared)
    expected = validator.is_valid(value)
    assert (wrong(declared, value) == []) == expected


@given(VALUE, VALUE)
def test_equal_means_what_json_schema_means(left: Any, right: Any) -> None:
    validator: Any = jsonschema.Draft202012Validator({"const": left})
    expected = validator.is_valid(right)
    assert (canonical(left) == canonical(right)) == expected
