"""Templates: types kept, text made, nothing expanded twice."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockyard_platform.errors import ExpressionError
from blockyard_platform.placeholders import pieces
from blockyard_platform.plain import is_list, is_mapping
from blockyard_platform.syntax import GuestExpression
from blockyard_platform.templates import MAX_FILLED, compile_template


class Names(dict[str, Any]):
    """Names from a dict."""

    def find(self, root: Any) -> Any:
        return self[root]


def fill(data: Any, **names: Any) -> Any:
    return compile_template(data).fill(Names(names))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("${{ params.n }}", 3),
        ("${{params.n}}", 3),
        ("n=${{ params.n }}", "n=3"),
        ("${{ params.n }}${{ params.n }}", "33"),
        (" ${{ params.n }}", " 3"),
        ("${{ params.items }}", [1, 2]),
        ("items: ${{ params.items }}", "items: [1,2]"),
        ("${{ params.flag }} ${{ params.none }}", "true null"),
        ({"a": ["${{ params.n }}", {"b": "x${{ params.n }}"}]}, {"a": [3, {"b": "x3"}]}),
        ("$${{ params.n }}", "${{ params.n }}"),
        ("a $${{ b }} ${{ params.n }}", "a ${{ b }} 3"),
        (["$${{ n }}", {"a": "${{ 3 }}"}], ["${{ n }}", {"a": 3}]),
        ("${{ params.gone? }}", None),
        ("${{ params.gone?.deeper.still }}", None),
        ("${{ params.gone? | coalesce('x') }}", "x"),
        ("${{ params.items[1] }}", 2),
        ("${{ params.items.0 }}", 1),
        ("${{ '}}' }}", "}}"),
        ("plain", "plain"),
        (5, 5),
        (None, None),
    ],
)
def test_filling(data: Any, expected: Any) -> None:
    params = {"n": 3, "items": [1, 2], "flag": True, "none": None}
    assert fill(data, params=params) == expected


@pytest.mark.parametrize(
    "hostile", ["${{ params.secret }}", "{: secret :}", "${HOME}", "$${{ x }}", "}}"]
)
def test_a_value_is_never_expanded_again(hostile: Any) -> None:
    params = {"x": hostile, "secret": "S3CRET"}
    assert fill("${{ params.x }}", params=params) == hostile
    assert fill("a ${{ params.x }} b", params=params) == f"a {hostile} b"
    assert fill(["${{ params.x }}"], params=params) == [hostile]


@given(st.text(), st.text(alphabet="abc ${}.x|'\""))
def test_a_text_from_a_param_comes_out_as_it_is(value: Any, around: Any) -> None:
    try:
        compiled = compile_template(around + "${{ params.x }}" + around)
    except ExpressionError:
        return
    if compiled.guest:
        return
    try:
        filled = compiled.fill(Names(params={"x": value}))
    except (ExpressionError, KeyError):
        return
    if "${{" not in around and not around.endswith("$"):
        assert filled == (around + value + around)


LEAVES = st.none() | st.booleans() | st.integers() | st.text().filter(lambda it: "${{" not in it)


@given(
    st.recursive(
        LEAVES,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    )
)
def test_data_without_expressions_is_constant_and_itself(data: Any) -> None:
    compiled = compile_template(data)
    assert compiled.constant
    assert compiled.fill(Names()) is data


def _places(data: Any, value: Any) -> tuple[Any, Any]:
    """Return the document in which each text leaf is a look-up, and what filling it must give."""
    if is_list(data):
        pairs = [_places(item, value) for item in data]
        return [one for one, _ in pairs], [other for _, other in pairs]
    if is_mapping(data):
        places = {key: _places(item, value) for key, item in data.items()}
        return {k: it[0] for k, it in places.items()}, {k: it[1] for k, it in places.items()}
    return ("${{ params.x }}", value) if isinstance(data, str) else (data, data)


@given(
    st.recursive(
        LEAVES,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    ),
    st.sampled_from(["${{ params.x }}", [1, "${{ item }}"], {"a": "$${{"}, 1.5]),
)
def test_nested_documents_are_filled_at_every_depth(data: Any, value: Any) -> None:
    document, expected = _places(data, value)
    assert fill(document, params={"x": value}) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${{ params.x", "'}}' is missing"),
        ("a ${{ params.x } b", "'}}' is missing"),
        ("${{ 'open }}", "a quote is never closed"),
        ("${{ }}", "is empty"),
    ],
)
def test_what_is_not_well_formed(text: Any, message: Any) -> None:
    with pytest.raises(ExpressionError, match=message.replace("}", r"\}")):
        compile_template({"deep": [text]})


def test_braces_inside_an_expression_do_not_end_it() -> None:
    text = "a${{ {'x': {'y': 1}} }}b${{ '}}' + \"}}\" }}"
    assert list(pieces(text)) == [
        (True, "a"),
        (False, " {'x': {'y': 1}} "),
        (True, "b"),
        (False, " '}}' + \"}}\" "),
    ]


def test_answers_of_the_guest_are_put_in_their_places() -> None:
    compiled = compile_template({"a": "${{ 1 + 1 }}", "b": ["${{ params.x }}", "n=${{ 2 * 3 }}"]})
    assert compiled.guest == (GuestExpression("1 + 1", ()), GuestExpression("2 * 3", ()))
    assert compiled.fill(Names(params={"x": 0}), [2, 6]) == {"a": 2, "b": [0, "n=6"]}


def test_filling_is_bounded() -> None:
    big = "x" * (1024 * 1024)
    with pytest.raises(ExpressionError, match="exceed 16 MiB"):
        fill(["${{ params.x }}"] * 17, params={"x": big})
    with pytest.raises(ExpressionError, match="exceed 16 MiB"):
        fill("${{ params.x }}" * 17, params={"x": big})
    table = [big] * 17
    with pytest.raises(ExpressionError, match="exceed 16 MiB"):
        fill("${{ params.x }}", params={"x": table})
    assert MAX_FILLED == 16 * 1024 * 1024


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("${{ params.mont }}", "params has no 'mont'", "did you mean 'month'?"),
        ("${{ params.zzz }}", "params has no 'zzz'", "it has: month, rows"),
        ("${{ params.rows[5] }}", "params.rows has 2 items, and no item 5", ""),
        ("${{ params.rows.x }}", "params.rows has 2 items, and no item x", ""),
        ("${{ params.month.x }}", "params.month is a str, in which there is no 'x'", ""),
        ("${{ params.month | abs }}", "the filter 'abs' takes a number", ""),
    ],
)
def test_what_cannot_be_resolved_says_where_and_what_is_there(
    text: Any, message: Any, hint: Any
) -> None:
    with pytest.raises(ExpressionError) as caught:
        fill(text, params={"month": "2026-01", "rows": [1, 2]})
    assert message in str(caught.value)
    assert hint in (caught.value.hint or "")


def test_no_attribute_of_an_object_is_ever_read() -> None:
    for text in ("params.__class__", "params.keys", "params.x.__init__", "params.x.upper"):
        with pytest.raises(ExpressionError):
            fill("${{ " + text + " }}", params={"x": "text"})
    assert json.loads(fill("t${{ params }}", params={"x": "text"})[1:]) == {"x": "text"}
