"""Plain data: what leaves the guest is exact, bounded and without user code."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockyard_sandbox.guest.failures import GuestError
from blockyard_sandbox.guest.plain import MAX_DEPTH, MAX_NODES, encode

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(min_value=-(10**4000), max_value=10**4000)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
PLAIN = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
    ),
    max_leaves=30,
)
ANYTHING = st.recursive(
    SCALARS | st.floats() | st.binary() | st.text(st.characters()) | st.complex_numbers(),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(
            st.text() | st.integers() | st.booleans() | st.none() | st.floats(), inner
        )
        | st.sets(st.integers())
    ),
    max_leaves=30,
)


@given(PLAIN)
def test_plain_data_stays_as_it_is(value: Any) -> None:
    assert encode(value) == value
    assert json.loads(json.dumps(encode(value))) == value


@given(ANYTHING)
def test_whatever_passes_is_json(value: Any) -> None:
    refusal: tuple[str, str] | None = None
    made: Any = None
    try:
        made = encode(value)
    except GuestError as error:
        refusal = error.code, error.message[:6]
    if refusal is None:
        text = json.dumps(made, allow_nan=False, ensure_ascii=False)
        assert json.loads(text.encode("utf-8")) == made
    else:
        assert refusal == ("INVALID_TYPE", "result")


@given(PLAIN)
def test_copies_are_not_the_original(value: Any) -> None:
    made = encode(value)
    if isinstance(value, list | dict):
        assert made is not value


class LyingDict(dict[Any, Any]):
    def items(self) -> Any:
        raise AssertionError("asked")

    def __iter__(self) -> Any:
        raise AssertionError("asked")

    def __len__(self) -> int:
        raise AssertionError("asked")


class LyingList(list[Any]):
    def __iter__(self) -> Any:
        raise AssertionError("asked")

    def __len__(self) -> int:
        raise AssertionError("asked")


class LyingTuple(tuple[Any, ...]):
    def __iter__(self) -> Any:
        raise AssertionError("asked")


class LyingText(str):
    def __str__(self) -> str:
        raise AssertionError("asked")

    def isascii(self) -> bool:
        raise AssertionError("asked")

    def __hash__(self) -> int:
        return str.__hash__(self)

    def __eq__(self, other: object) -> bool:
        return str.__eq__(self, other)


class LyingInt(int):
    def __index__(self) -> int:
        raise AssertionError("asked")

    def __repr__(self) -> str:
        return "NaN"


class LyingFloat(float):
    def __float__(self) -> float:
        raise AssertionError("asked")

    def __repr__(self) -> str:
        return "Infinity"


def test_subclasses_become_exact_without_being_asked() -> None:
    value = LyingDict(
        {LyingText("k"): LyingList([LyingTuple((LyingInt(1), LyingFloat(0.5), True))])}
    )
    made = encode(value)
    assert made == {"k": [[1, 0.5, True]]}
    inner = made["k"][0]
    assert [type(item) for item in (made, *made, made["k"], inner, *inner)] == [
        dict,
        str,
        list,
        list,
        int,
        float,
        bool,
    ]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (math.nan, "result is nan"),
        ([1, math.inf], "result[1] is inf"),
        ({"a": {"b": {1}}}, "result['a']['b'] is a set, which is not plain data; use sorted"),
        ({"a": b"x"}, "result['a'] is a bytes"),
        ("\ud800", "result holds half of a surrogate pair"),
        ({"\udfff": 1}, "result: a key holds half"),
        ({(1, 2): 1}, "result has a key that is a tuple"),
        ({1: 0, "1": 0}, "result has two keys that both become '1'"),
        ({True: 0, "true": 0}, "result has two keys that both become 'true'"),
        pytest.param(10**5000, "more than 4,300 digits", id="many digits"),
        (object(), "result is an object"),
        (len, "result is a builtin_function_or_method"),
    ],
)
def test_refusals_say_where_and_what_to_do(value: Any, words: str) -> None:
    with pytest.raises(GuestError) as caught:
        encode(value)
    assert caught.value.code == "INVALID_TYPE"
    assert words in caught.value.message


def test_depth_and_size_are_bounded() -> None:
    value: Any = 1
    for _ in range(MAX_DEPTH):
        value = [value]
    assert encode(value) == value
    with pytest.raises(GuestError, match="nested deeper"):
        encode([value])
    shared: Any = [0] * 1000
    with pytest.raises(GuestError, match="holds more than"):
        encode([[shared] * 100] * (MAX_NODES // 100_000 + 1))


def test_loops_are_found_and_shared_parts_are_not_loops() -> None:
    loop: dict[str, Any] = {}
    loop["a"] = [loop]
    with pytest.raises(GuestError, match=r"result\['a'\]\[0\] contains itself"):
        encode(loop)
    part = [1]
    assert encode([part, part]) == [[1], [1]]


def test_names_are_said_in_messages() -> None:
    with pytest.raises(GuestError, match=r"^total is a set"):
        encode({1}, "total")
