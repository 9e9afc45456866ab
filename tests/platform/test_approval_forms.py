"""What a document may say of an approval: a closed vocabulary, with patterns in linear time and nothing that refers elsewhere."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockyard_platform import validate
from blockyard_schemas.forms import MAX_FIELDS, completed, misfit

FORM: dict[str, Any] = {"properties": {"n": {"type": "integer", "minimum": 1}}}


def rules(approval: Any, **more: Any) -> list[tuple[str, str]]:
    stage = {"id": "ask", "wait": {"approval": approval}, **more}
    return [(it.rule, it.pointer) for it in validate({"name": "t", "stages": [stage]}).problems]


def field(**schema: Any) -> dict[str, Any]:
    return {"message": "x", "form": {"properties": {"f": schema}}}


@pytest.mark.parametrize(
    "approval",
    [
        {"message": "x"},
        {"message": "x", "form": FORM},
        {"message": "x", "form": {"type": "object", **FORM, "required": ["n"], "title": "T"}},
        {"message": "${{ run.id }}", "timeout": "${{ run.id }}", "from": "${{ run.id }}"},
        {"message": "x", "timeout": "1d", "on-timeout": "approve", "from": ["a", "b"]},
        field(type="string", format="date", maxLength=10, default="2026-01-01"),
        field(type="number", enum=[1, 2.5], default=1),
        field(type="string", pattern="^a+$"),
    ],
)
def test_what_fits_is_admitted(approval: dict[str, Any]) -> None:
    assert rules(approval) == []


PLACE = "/stages/0/wait/approval"
IN_FIELD = f"{PLACE}/form/properties/f"


@pytest.mark.parametrize(
    ("approval", "pointer"),
    [
        ({}, PLACE),
        ({"message": "x" * 4_001}, f"{PLACE}/message"),
        ({"message": "x", "more": 1}, f"{PLACE}/more"),
        ({"message": "x", "form": {"type": "array", "properties": {}}}, f"{PLACE}/form/type"),
        ({"message": "x", "form": {}}, f"{PLACE}/form"),
        ({"message": "x", "form": {"properties": {}, "$ref": "http://a/b"}}, f"{PLACE}/form/$ref"),
        ({"message": "x", "form": {"properties": {}, "allOf": []}}, f"{PLACE}/form/allOf"),
        ({"message": "x", "form": {**FORM, "required": ["m"]}}, f"{PLACE}/form/required/0"),
        ({"message": "x", "from": ["a"] * 21}, f"{PLACE}/from"),
        ({"message": "x", "from": ["a" * 101]}, f"{PLACE}/from/0"),
        ({"message": "x", "from": "a"}, f"{PLACE}/from"),
        ({"message": "x", "on-timeout": "shrug"}, f"{PLACE}/on-timeout"),
        ({"message": "x", "timeout": "soon"}, f"{PLACE}/timeout"),
        ({"message": "${{ params.no }}"}, f"{PLACE}/message"),
        (field(type="object", properties={}), f"{IN_FIELD}/type"),
        (field(), IN_FIELD),
        (field(type="string", items={}), f"{IN_FIELD}/items"),
        (field(type="string", format="uri"), f"{IN_FIELD}/format"),
        (field(type="string", pattern="(a"), f"{IN_FIELD}/pattern"),
        (field(type="string", pattern="(?=a)"), f"{IN_FIELD}/pattern"),
        (field(type="string", pattern="(a)\\1"), f"{IN_FIELD}/pattern"),
        (field(type="string", default="${{ run.id }}"), f"{IN_FIELD}/default"),
        (field(type="string", title="${{ run.id }}"), f"{IN_FIELD}/title"),
        (field(type="integer", default="x"), f"{IN_FIELD}/default"),
        (field(type="integer", minimum=2, default=1), f"{IN_FIELD}/default"),
        (field(type="integer", enum=[1, "a"]), f"{IN_FIELD}/enum/1"),
        (field(type="string", enum=[]), f"{IN_FIELD}/enum"),
        (field(type="string", maxLength=5_000), f"{IN_FIELD}/maxLength"),
    ],
)
def test_what_does_not_is_told_at_its_place(approval: dict[str, Any], pointer: str) -> None:
    assert pointer in [place for _, place in rules(approval)]


def test_a_form_has_so_many_fields() -> None:
    fields = {f"f{number}": {"type": "string"} for number in range(MAX_FIELDS)}
    assert rules({"message": "x", "form": {"properties": fields}}) == []
    assert rules({"message": "x", "form": {"properties": fields | {"g": {"type": "string"}}}})


def test_a_wait_is_for_one_thing() -> None:
    problems = validate(
        {"name": "t", "stages": [{"wait": {"for": "1m", "approval": {"message": "x"}}}]}
    ).problems
    assert [it.pointer for it in problems] == ["/stages/0/wait/for"]


def test_a_pattern_costs_time_in_proportion() -> None:
    form = {"properties": {"f": {"type": "string", "pattern": "^(a+)+$"}}}
    assert misfit(form, {"f": "a" * 3_999 + "b"}) is not None
    assert misfit(form, {"f": "a" * 4_000}) is None


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@given(PLAIN)
def test_whatever_is_answered_fits_or_is_told(values: Any) -> None:
    form = {
        "properties": {"n": {"type": "integer"}, "s": {"type": "string", "default": "x"}},
        "required": ["n"],
    }
    said = misfit(form, values)
    if said is None:
        found = completed(form, values)
        assert isinstance(found["n"], int | float)
        assert isinstance(found["s"], str)
        assert found.keys() <= {"n", "s"}
    else:
        assert said
