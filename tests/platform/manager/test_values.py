"""What a checkpoint keeps comes back as it was, or is refused when it is made."""

import json
import math
from collections import OrderedDict
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path, PureWindowsPath
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
import steps_for_tests as steps
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from blockyard_platform.manager import ManagerError
from blockyard_platform.manager.values import decode, encode

SIMPLE = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters())
    | st.binary()
    | st.decimals(allow_nan=False)
    | st.dates()
    | st.times()
    | st.datetimes(timezones=st.none() | st.timezones())
    | st.timedeltas()
    | st.uuids()
    | st.complex_numbers(allow_nan=False)
    | st.sampled_from(steps.Colour)
)
KEYS = (
    st.text(st.characters(exclude_categories=["Cs"]))
    | st.just("$type")
    | st.integers()
    | st.dates()
)
VALUES = st.recursive(
    SIMPLE,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=4)
        | st.builds(steps.Pair, inner, inner)
        | st.builds(steps.Point, st.integers(), st.floats(allow_nan=False))
    ),
    max_leaves=12,
)


def there_and_back(value: Any) -> Any:
    return decode(json.loads(json.dumps(encode(value))))


@given(VALUES)
def test_a_value_comes_back_equal_and_of_its_type(value: Any) -> None:
    back = there_and_back(value)
    assert back == value
    assert repr(back) == repr(value)


@pytest.mark.parametrize(
    "value",
    [
        steps.EVERYTHING,
        {1, 2},
        frozenset("ab"),
        bytearray(b"x"),
        Path("a/b"),
        PureWindowsPath("c:/x"),
        10**5_000,
        -(2**63),
        "\ud800",
        {"$type": "bytes", "value": "AA=="},
        datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin")),
        datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=7))),
        time(1, 2, tzinfo=UTC),
        date(2026, 1, 1),
        UUID(int=7),
        Decimal("1E+30"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_these_come_back_as_they_were(value: Any) -> None:
    back = there_and_back(value)
    assert (back, type(back)) == (value, type(value))


def test_numbers_that_are_none_come_back() -> None:
    assert math.isnan(there_and_back(math.nan))
    assert there_and_back([math.inf, -math.inf]) == [math.inf, -math.inf]


def test_a_zone_keeps_its_name() -> None:
    moment = datetime(2026, 7, 1, tzinfo=ZoneInfo("Asia/Bangkok"))
    assert str(there_and_back(moment).tzinfo) == "Asia/Bangkok"


def test_a_model_keeps_what_was_set_and_what_was_not() -> None:
    order = steps.Order(no=1)
    back = there_and_back(order)
    assert (back, back.model_fields_set, type(back.price)) == (order, {"number"}, Decimal)


def local_model() -> Any:
    class Local(BaseModel):
        x: int = 1

    return Local()


def endless() -> Any:
    loop: list[Any] = []
    loop.append(loop)
    return loop


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (object, "builtins.object cannot be kept"),
        (lambda: len, "builtin_function_or_method cannot be kept"),
        (OrderedDict, "collections.OrderedDict cannot be kept"),
        (local_model, "define it at the top of a module"),
        (endless, "nested too deep"),
        (lambda: {"\ud800": 1}, "no text that can be kept"),
    ],
)
def test_what_would_not_come_back_is_refused(make: Any, words: str) -> None:
    with pytest.raises(ManagerError, match=words):
        encode(make())


@pytest.mark.parametrize(
    "data",
    [
        {"$type": "model", "of": "os:system", "value": {}},
        {"$type": "model", "of": "no_such_module:X", "value": {}},
        {"$type": "dataclass", "of": "builtins:dict", "value": {}},
        {"$type": "enum", "of": "builtins:print", "value": "x"},
        {"$type": "namedtuple", "of": "subprocess:Popen", "value": ["id"]},
        {"$type": "pickle", "value": "x"},
    ],
)
def test_a_checkpoint_can_name_no_class_that_it_should_not(data: dict[str, Any]) -> None:
    with pytest.raises(ManagerError):
        decode(data)


def test_no_module_is_imported_for_a_checkpoint() -> None:
    import sys

    assert "antigravity" not in sys.modules
    with pytest.raises(ManagerError, match="import its module first"):
        decode({"$type": "model", "of": "antigravity:X", "value": {}})
    assert "antigravity" not in sys.modules
