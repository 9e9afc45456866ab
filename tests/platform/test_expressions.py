"""Reading expressions: forms, names, what the guest needs."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockyard_platform.errors import ExpressionError
from blockyard_platform.expressions import parse
from blockyard_platform.syntax import FilterCall, GuestExpression, Literal, Path, Step


@pytest.mark.parametrize(
    ("source", "root", "steps"),
    [
        ("params", "params", ()),
        ("params.a", "params", (Step("a"),)),
        ("params.a[0].b", "params", (Step("a"), Step(0), Step("b"))),
        ("params.a[-1]", "params", (Step("a"), Step(-1))),
        ("params['a b']", "params", (Step("a b"),)),
        ('params["it\'s"]', "params", (Step("it's"),)),
        ("params.a?.b", "params", (Step("a", True), Step("b"))),
        ("item.0", "item", (Step("0"),)),
        ("stages.read-csv.outputs.n", "stages", (Step("read-csv"), Step("outputs"), Step("n"))),
        ("stages.1.outputs.result", "stages", (Step("1"), Step("outputs"), Step("result"))),
    ],
)
def test_a_path(source: Any, root: Any, steps: Any) -> None:
    assert parse(f"  {source} ") == Path(source, root, steps)


@pytest.mark.parametrize(
    ("source", "filters"),
    [
        ("params.a | upper", (FilterCall("upper", ()),)),
        ("params.a|upper|lower", (FilterCall("upper", ()), FilterCall("lower", ()))),
        ("params.a | coalesce('x, y')", (FilterCall("coalesce", ("x, y",)),)),
        ("params.a | getitem('k', -1.5)", (FilterCall("getitem", ("k", -1.5)),)),
        ("params.a | coalesce(null)", (FilterCall("coalesce", (None,)),)),
        (r"params.a | coalesce('it\'s\n')", (FilterCall("coalesce", ("it's\n",)),)),
    ],
)
def test_filters_of_a_path(source: Any, filters: Any) -> None:
    assert parse(source) == Path(source, "params", (Step("a"),), filters)


@pytest.mark.parametrize(
    ("source", "value"),
    [("true", True), ("null", None), ("3", 3), ("-2.5", -2.5), ("'a'", "a"), ("False", False)],
)
def test_a_literal(source: Any, value: Any) -> None:
    assert parse(source) == Literal(value)


@pytest.mark.parametrize(
    ("source", "needs"),
    [
        ("params.a + 1", {("params", "a")}),
        ("params.a - params.b", {("params", "a"), ("params", "b")}),
        ("len(stages['read-csv'].outputs)", {("stages", "read-csv")}),
        ("[x for x in item if x > loop]", {("item", None), ("loop", None)}),
        ("item.price * 2", {("item", None)}),
        ("params", None),
        ("{**params}", {("params", None)}),
        ("f'{params.a}'", {("params", "a")}),
        ("params.a | params.b", {("params", "a"), ("params", "b")}),
        ("x.params.y or 1", frozenset[Any]()),
        ("1 + 1", frozenset[Any]()),
    ],
)
def test_what_an_expression_for_the_guest_needs(source: Any, needs: Any) -> None:
    found = parse(source)
    if needs is None:
        assert isinstance(found, Path)
    else:
        assert isinstance(found, GuestExpression)
        assert set(found.needs) == needs


@pytest.mark.parametrize(
    ("source", "rule", "message", "hint"),
    [
        ("", "expression", "is empty", "write a name"),
        ("   ", "expression", "is empty", "write a name"),
        ("parms.a", "unknown-name", "'parms' is not a name", "did you mean 'params'?"),
        ("quux", "unknown-name", "'quux' is not a name", "names: branch, case"),
        ("params.a | uper", "unknown-filter", "there is no filter 'uper'", "did you mean 'upper'?"),
        ("params.a | coalesce", "expression", "takes 1 arguments, not 0", "in parentheses"),
        ("params.a | upper(1)", "expression", "takes 0 arguments, not 1", "in parentheses"),
        ("1" * 20_000 + " + 1", "expression", "longer than 10000", "python stage"),
    ],
)
def test_what_is_refused_by_its_text(source: Any, rule: Any, message: Any, hint: Any) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(source)
    assert caught.value.rule == rule
    assert message in str(caught.value)
    assert hint in (caught.value.hint or "")


@given(st.text(max_size=80))
def test_any_text_is_an_expression_or_an_expression_error(source: Any) -> None:
    try:
        found = parse(source)
    except ExpressionError:
        return
    assert isinstance(found, Literal | Path | GuestExpression)
