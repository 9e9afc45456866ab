"""The filters of path expressions."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockyard_platform.errors import FilterError
from blockyard_platform.filters import FILTERS, text_of

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def test_there_are_the_fifteen_filters_of_ddeutil_workflow() -> None:
    assert sorted(FILTERS) == [
        "abs",
        "coalesce",
        "dict",
        "fmt",
        "getindex",
        "getitem",
        "int",
        "keys",
        "list",
        "lower",
        "rstr",
        "str",
        "title",
        "upper",
        "values",
    ]


@pytest.mark.parametrize(
    ("name", "value", "arguments", "expected"),
    [
        ("abs", -3, (), 3),
        ("abs", -2.5, (), 2.5),
        ("str", 12, (), "12"),
        ("str", True, (), "true"),
        ("str", None, (), "null"),
        ("str", {"a": [1, 2]}, (), '{"a":[1,2]}'),
        ("int", "42", (), 42),
        ("int", 4.9, (), 4),
        ("list", "abc", (), ["a", "b", "c"]),
        ("list", {"a": 1}, (), ["a"]),
        ("dict", [["a", 1], ["b", 2]], (), {"a": 1, "b": 2}),
        ("title", "north sea", (), "North Sea"),
        ("upper", "é", (), "É"),
        ("lower", "ABC", (), "abc"),
        ("rstr", "it's", (), '"it\'s"'),
        ("rstr", 5, (), "'5'"),
        ("keys", {"a": 1, "b": 2}, (), ["a", "b"]),
        ("values", {"a": 1, "b": 2}, (), [1, 2]),
        ("fmt", "2026-03-09", ("%d.%m.%Y",), "09.03.2026"),
        ("fmt", "2026-03-09T08:05:00+00:00", ("%H:%M",), "08:05"),
        ("fmt", 1234.5, (",.2f",), "1,234.50"),
        ("coalesce", None, ("none",), "none"),
        ("coalesce", 0, ("none",), 0),
        ("getitem", {"a": 1}, ("a",), 1),
        ("getitem", {"a": 1}, ("b", 7), 7),
        ("getitem", {"1": "x"}, (1,), "x"),
        ("getindex", [5, 6], (-1,), 6),
        ("getindex", "abc", (0,), "a"),
    ],
)  # fmt: skip
def test_a_filter_gives(name: Any, value: Any, arguments: Any, expected: Any) -> None:
    assert FILTERS[name].apply(value, *arguments) == expected


@pytest.mark.parametrize(
    ("name", "value", "arguments", "message"),
    [
        ("abs", "x", (), "takes a number, not a text"),
        ("abs", True, (), "takes a number, not true or false"),
        ("int", "4.5x", (), "cannot read '4.5x' as a whole number"),
        ("int", float(10**308) * 10, (), "cannot read"),
        ("dict", [1], (), "list of [text, value] pairs"),
        ("upper", 1, (), "takes a text, not a number"),
        ("keys", [1], (), "takes a mapping, not a list"),
        ("fmt", "2026-03-09", ("%e",), "knows no directive '%e'"),
        ("fmt", "2026-03-09", ("%",), "knows no directive '%'"),
        ("fmt", "2026-03-09", ("%Y" * 200,), "at most 200 characters"),
        ("fmt", 3, ("999999999d",), "cannot format a number"),
        ("fmt", "soon", ("%Y",), "takes an ISO 8601 date"),
        ("getindex", [1], (1,), "finds no item 1: there are 1"),
    ],
)
def test_a_filter_refuses_and_says_what_it_takes(
    name: Any, value: Any, arguments: Any, message: Any
) -> None:
    with pytest.raises(FilterError) as caught:
        FILTERS[name].apply(value, *arguments)
    assert message in str(caught.value)


@given(PLAIN, st.sampled_from(sorted(FILTERS)))
def test_a_filter_gives_plain_data_or_a_filter_error(value: Any, name: Any) -> None:
    """Total: over all plain data there is no other exception."""
    entry = FILTERS[name]
    arguments = ("x", 1)[: entry.least] if name != "getindex" else (0,)
    try:
        json.dumps(entry.apply(value, *arguments))
    except FilterError:
        return


@given(PLAIN)
def test_text_is_itself_and_all_else_is_json(value: Any) -> None:
    text = text_of(value)
    assert text == value if isinstance(value, str) else json.loads(text) == value
