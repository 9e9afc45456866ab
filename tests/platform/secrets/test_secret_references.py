"""References to secrets in parameters."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockyard_platform.plain import is_list, is_mapping
from blockyard_platform.secrets.errors import SecretReferenceError
from blockyard_platform.secrets.references import SecretRef, resolve

SECRETS = {"TOKEN": "t0ken", "pass-word": "pässword"}
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
def test_what_is_no_reference_stays_as_it_is(value: Any) -> None:
    assert SecretRef.parse(value) is None
    data, used = resolve(value, SECRETS.get)
    assert data is value
    assert used == ()


def test_a_reference() -> None:
    assert SecretRef.parse({"secret": "TOKEN"}) == SecretRef("TOKEN")
    assert resolve({"secret": "TOKEN"}, SECRETS.get) == ("t0ken", ("TOKEN",))


def test_references_at_any_depth() -> None:
    data: dict[str, Any] = {
        "url": "https://example.org",
        "headers": [{"name": "A", "value": {"secret": "pass-word"}}, {"name": "B"}],
        "body": {"secret": {"secret": "TOKEN"}},
        "again": {"secret": "pass-word"},
    }
    before = copy.deepcopy(data)
    asked: list[str] = []

    def lookup(name: str) -> str | None:
        asked.append(name)
        return SECRETS.get(name)

    found, used = resolve(data, lookup)
    assert found == {
        "url": "https://example.org",
        "headers": [{"name": "A", "value": "pässword"}, {"name": "B"}],
        "body": {"secret": "t0ken"},
        "again": "pässword",
    }
    assert used == ("pass-word", "TOKEN")
    assert asked == ["pass-word", "TOKEN"]
    assert data == before
    assert found["headers"][1] is data["headers"][1]


def test_a_value_is_never_looked_into() -> None:
    secrets = {"A": '{"secret": "TOKEN"}', "TOKEN": "t0ken"}
    assert resolve([{"secret": "A"}], secrets.get) == (['{"secret": "TOKEN"}'], ("A",))


def test_an_unknown_name_is_named_with_its_place() -> None:
    data = {"a/b": [1, {"auth": {"secret": "TOKKEN"}}]}
    with pytest.raises(SecretReferenceError) as caught:
        resolve(data, SECRETS.get, known=tuple(SECRETS))
    assert str(caught.value) == "/a~1b/1/auth: there is no secret 'TOKKEN'"
    assert caught.value.place == "/a~1b/1/auth"
    assert caught.value.hint == "did you mean 'TOKEN'?"
    with pytest.raises(SecretReferenceError) as caught:
        resolve({"secret": "TOKKEN"}, SECRETS.get)
    assert str(caught.value) == "/: there is no secret 'TOKKEN'"
    assert caught.value.place == ""
    assert caught.value.hint == "set it, or take the reference out"


@pytest.mark.parametrize("name", ["", "a b", "../TOKEN", "TOKEN\n", "Ä", "x" * 101])
def test_a_name_that_no_secret_can_have_is_not_looked_up(name: str) -> None:
    def lookup(name: str) -> str:
        raise AssertionError(name)

    with pytest.raises(SecretReferenceError, match="there is no secret"):
        resolve({"secret": name}, lookup)


def nested(depth: int, inner: Any) -> Any:
    for _ in range(depth):
        inner = [inner]
    return inner


def test_the_depth_is_bounded() -> None:
    found, used = resolve(nested(64, {"secret": "TOKEN"}), SECRETS.get)
    assert found == nested(64, "t0ken")
    assert used == ("TOKEN",)
    with pytest.raises(SecretReferenceError, match="nested deeper than 64") as caught:
        resolve(nested(65, 1), SECRETS.get)
    assert caught.value.place == "/0" * 64
    with pytest.raises(SecretReferenceError):
        resolve(nested(100_000, 1), SECRETS.get)


def has_reference(value: Any) -> bool:
    if SecretRef.parse(value) is not None:
        return True
    if is_list(value):
        return any(has_reference(item) for item in value)
    return is_mapping(value) and any(has_reference(item) for item in value.values())


@given(PLAIN)
def test_data_without_references_is_the_same_object(data: Any) -> None:
    if not has_reference(data):
        assert resolve(data, SECRETS.get)[0] is data


@given(PLAIN)
def test_no_reference_is_left(data: Any) -> None:
    before = copy.deepcopy(data)
    holder = {"ours": {"secret": "TOKEN"}, "data": data}

    def lookup(name: str) -> str:
        return f"value of {name}"

    try:
        found, used = resolve(holder, lookup)
    except SecretReferenceError:
        return
    assert used[0] == "TOKEN"
    assert found["ours"] == "value of TOKEN"
    assert not has_reference(found)
    assert data == before
