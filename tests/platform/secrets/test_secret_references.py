"""References to secrets in parameters: found in what an author wrote, and filled in what was made of it."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockyard_platform.plain import copied, is_list, is_mapping
from blockyard_platform.secrets.errors import SecretReferenceError
from blockyard_platform.secrets.references import Place, SecretRef, fill, references, without

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    "value",
    [
        None, "TOKEN", "secret", '{"secret": "TOKEN"}', "${{ secret.TOKEN }}", ["secret", "TOKEN"], {}, {"Secret": "TOKEN"},
        {"secret": "TOKEN", "more": 1}, {"secret": None}, {"secret": 1}, {"secret": ["TOKEN"]},
    ],
)  # fmt: skip
def test_what_is_no_reference(value: Any) -> None:
    assert SecretRef.parse(value) is None
    assert list(references(value)) == []
    assert without(value, ()) is value


def test_references_at_any_depth() -> None:
    data: dict[str, Any] = {
        "url": "https://example.org",
        "headers": [{"name": "A", "value": {"secret": "pass-word"}}, {"name": "B"}],
        "body": {"secret": {"secret": "TOKEN"}},
        "again": {"secret": "pass-word"},
    }
    before = copy.deepcopy(data)
    places = tuple(references(data))
    assert places == (
        Place(("headers", 0, "value"), "pass-word"),
        Place(("body", "secret"), "TOKEN"),
        Place(("again",), "pass-word"),
    )
    empty = without(data, places)
    assert empty == {
        "url": "https://example.org",
        "headers": [{"name": "A", "value": None}, {"name": "B"}],
        "body": {"secret": None},
        "again": None,
    }
    assert empty["headers"][1] is data["headers"][1]
    assert data == before
    made = copied(empty)
    fill(made, [(places[0], '{"secret": "TOKEN"}'), (places[1], "t0ken"), (places[2], "p")])
    assert made["headers"][0]["value"] == '{"secret": "TOKEN"}'  # a value is never looked into
    assert (made["body"], made["again"]) == ({"secret": "t0ken"}, "p")


def test_a_reference_by_itself_and_one_with_a_way_to_it() -> None:
    assert list(references({"secret": "A"})) == [Place((), "A")]
    assert list(references([{"secret": ""}], ("x",))) == [Place(("x", 0), "")]
    assert without({"secret": "A"}, [Place((), "A")]) is None


def nested(depth: int, inner: Any) -> Any:
    for _ in range(depth):
        inner = [inner]
    return inner


def test_the_depth_is_bounded() -> None:
    assert list(references(nested(64, {"secret": "TOKEN"}))) == [Place((0,) * 64, "TOKEN")]
    with pytest.raises(SecretReferenceError, match="nested deeper than 64") as caught:
        list(references(nested(65, 1)))
    assert caught.value.place == "/0" * 64
    with pytest.raises(SecretReferenceError):
        list(references(nested(100_000, 1)))


@given(PLAIN)
def test_no_reference_is_left(data: Any) -> None:
    before = copy.deepcopy(data)
    holder = {"ours": {"secret": "TOKEN"}, "data": data}
    places = tuple(references(holder))
    assert places[0] == Place(("ours",), "TOKEN")
    left = without(holder, places)
    assert list(references(left)) == []
    assert data == before
    if len(places) == 1:
        assert left["data"] is data
    made = copied(left)
    fill(made, [(place, place.name) for place in places])
    names = {place.name for place in places}
    assert names <= set(_texts(made))


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = list(value.values()) if is_mapping(value) else value if is_list(value) else []
    return [text for each in inner for text in _texts(each)]
