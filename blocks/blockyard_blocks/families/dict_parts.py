"""Dict: looking into dicts, and lists of what they hold."""

from typing import Any

from blockyard_blocks.comparing import same
from blockyard_blocks.declaring import UNSET, Example, family
from blockyard_blocks.families.dict_changes import missing

dict_block = family("dict")


@dict_block(
    Example({"dictionary": {"a": 1}, "key": "a"}, 1),
    Example({"dictionary": {}, "key": "a", "default": 0}, 0),
)
def get(*, dictionary: dict[str, Any], key: str, default: Any = UNSET) -> Any:
    """Return the value of a key.

    - dictionary: the dict
    - key: the key
    - default: what to return when the dict does not have it; without it that is an error
    """
    value = dictionary.get(key, default)
    if value is UNSET:
        raise ValueError(missing(dictionary, key) + "; give a default")
    return value


@dict_block(Example({"dictionary": {"a": 1, "b": 2}}, 2))
def length(*, dictionary: dict[str, Any]) -> int:
    """Count the keys of a dict.

    - dictionary: the dict
    """
    return len(dictionary)


@dict_block(Example({"dictionary": {"a": 1, "b": 2}}, ["a", "b"]))
def keys(*, dictionary: dict[str, Any]) -> list[str]:
    """Return the keys of a dict.

    - dictionary: the dict
    """
    return list(dictionary)


@dict_block(Example({"dictionary": {"a": 1, "b": 2}}, [1, 2]))
def values(*, dictionary: dict[str, Any]) -> list[Any]:
    """Return the values of a dict.

    - dictionary: the dict
    """
    return list(dictionary.values())


@dict_block(Example({"dictionary": {"a": 1, "b": 2}}, [["a", 1], ["b", 2]]))
def items(*, dictionary: dict[str, Any]) -> list[list[Any]]:
    """Return the keys of a dict with their values, as lists of two.

    - dictionary: the dict
    """
    return [[key, value] for key, value in dictionary.items()]


@dict_block(Example({"value": {}}, True), Example({"value": []}, False))
def is_dict(*, value: Any) -> bool:
    """Tell whether a value is a dict.

    - value: the value
    """
    return isinstance(value, dict)


@dict_block(Example({"dictionary": {"a": None}, "key": "a"}, True))
def has_key(*, dictionary: dict[str, Any], key: str) -> bool:
    """Tell whether a dict has a key.

    - dictionary: the dict
    - key: the key
    """
    return key in dictionary


@dict_block(Example({"dictionary": {"a": 1}, "value": True}, False))
def has_value(*, dictionary: dict[str, Any], value: Any) -> bool:
    """Tell whether one of a dict's values is equal to a value.

    - dictionary: the dict
    - value: the value
    """
    return any(same(item, value) for item in dictionary.values())


@dict_block(Example({"dictionary": {"a": 1, "b": 2}, "value": 2}, "b"))
def key_of(*, dictionary: dict[str, Any], value: Any, default: Any = UNSET) -> Any:
    """Return the first key that has a value.

    - dictionary: the dict
    - value: the value
    - default: what to return when there is none; without it that is an error
    """
    found = next((key for key, item in dictionary.items() if same(item, value)), default)
    if found is UNSET:
        raise ValueError("no key has this value; give a default")
    return found


@dict_block(Example({"dictionary": {"a": "x", "b": "y"}}, {"x": "a", "y": "b"}))
def invert(*, dictionary: dict[str, str]) -> dict[str, str]:
    """Return a dict with its values as keys, and its keys as values.

    - dictionary: a dict of texts, no two of them equal
    """
    inverted = {value: key for key, value in dictionary.items()}
    if len(inverted) != len(dictionary):
        raise ValueError("two keys have the same value")
    return inverted
