"""Dict: making dicts, and changed copies of them; nothing is changed in place."""

from typing import Any

from blockyard_blocks.declaring import UNSET, Example, family
from blockyard_blocks.plain import is_dict

dict_block = family("dict")


@dict_block(Example({"values": {"a": 1}}, {"a": 1}), Example({}, {}))
def create(*, values: dict[str, Any] = UNSET) -> dict[str, Any]:
    """Return a dict of the values that are given.

    - values: the values by key; without them the dict is empty
    """
    return {} if values is UNSET else values


@dict_block(Example({"key": "a", "value": 1}, {"a": 1}))
def from_pair(*, key: str, value: Any) -> dict[str, Any]:
    """Return a dict of one key and its value.

    - key: the key
    - value: its value
    """
    return {key: value}


@dict_block(Example({"pairs": [["a", 1], ["b", 2]]}, {"a": 1, "b": 2}))
def from_pairs(*, pairs: list[list[Any]]) -> dict[str, Any]:
    """Return a dict of pairs; of two with one key the later one counts.

    - pairs: lists of two, a key and its value
    """
    for place, pair in enumerate(pairs):
        if len(pair) != 2 or not isinstance(pair[0], str):
            raise ValueError(f"pairs[{place}] is not a list of two, a text and its value")
    return {key: value for key, value in pairs}  # noqa: C416 (dict() would take the pairs' types as known)


@dict_block(Example({"keys": ["a", "b"], "values": [1, 2]}, {"a": 1, "b": 2}))
def from_lists(*, keys: list[str], values: list[Any]) -> dict[str, Any]:
    """Return a dict of a list of keys and a list of their values.

    - keys: the keys
    - values: as many values
    """
    if len(keys) != len(values):
        raise ValueError(f"there are {len(keys)} keys and {len(values)} values")
    return dict(zip(keys, values, strict=True))


@dict_block(Example({"dictionary": {"a": 1}, "key": "b", "value": 2}, {"a": 1, "b": 2}))
def set_(*, dictionary: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    """Return a dict with one value set.

    - dictionary: the dict
    - key: the key
    - value: its new value
    """
    return {**dictionary, key: value}


@dict_block(Example({"dictionary": {"a": 1, "b": 2}, "key": "a"}, {"b": 2}))
def delete(*, dictionary: dict[str, Any], key: str, silent: bool = True) -> dict[str, Any]:
    """Return a dict without a key.

    - dictionary: the dict
    - key: the key to take away
    - silent: a dict that does not have it stays as it is; otherwise that is an error
    """
    if key not in dictionary and not silent:
        raise ValueError(missing(dictionary, key))
    return {name: value for name, value in dictionary.items() if name != key}


@dict_block(
    Example({"dictionary": {"a": 1, "b": 2}, "key": "a"}, {"value": 1, "dictionary": {"b": 2}})
)
def pop(*, dictionary: dict[str, Any], key: str, default: Any = UNSET) -> dict[str, Any]:
    """Take one value out of a dict: returns that value and the dict without it.

    - dictionary: the dict
    - key: the key to take away
    - default: the value when the dict does not have it; without it that is an error
    """
    value = dictionary.get(key, default)
    if value is UNSET:
        raise ValueError(missing(dictionary, key))
    return {"value": value, "dictionary": delete(dictionary=dictionary, key=key)}


def missing(dictionary: dict[str, Any], key: str) -> str:
    """Return the words for a key that is not there."""
    known = ", ".join(list(dictionary)[:10]) or "none"
    return f"there is no key '{key[:80]}'; the keys are: {known}{' ...' * (len(dictionary) > 10)}"


@dict_block(Example({"first": {"a": 1, "b": 1}, "second": {"b": 2}}, {"a": 1, "b": 2}))
def merge(*, first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Return the keys of two dicts in one; the second one's values win.

    - first: the dict that begins
    - second: the dict whose values win
    """
    return {**first, **second}


@dict_block(Example({"dictionary": {"a": 1}, "changes": {"a": 2, "b": 3}}, {"a": 2, "b": 3}))
def update(*, dictionary: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return a dict with several values set.

    - dictionary: the dict
    - changes: the new values by key
    """
    return {**dictionary, **changes}


@dict_block(
    Example({"first": {"a": {"x": 1, "y": 1}}, "second": {"a": {"y": 2}}}, {"a": {"x": 1, "y": 2}})
)
def merge_deep(*, first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Return two dicts in one, and the dicts within them likewise; of all else the second one's value wins.

    - first: the dict that begins
    - second: the dict whose values win
    """
    merged = dict(first)
    for key, value in second.items():
        earlier: Any = merged.get(key)
        if is_dict(earlier) and is_dict(value):
            merged[key] = merge_deep(first=earlier, second=value)
        else:
            merged[key] = value
    return merged


@dict_block(Example({"dictionary": {"a": 1}}, {}))
def clear(*, dictionary: dict[str, Any]) -> dict[str, Any]:
    """Return a dict without keys.

    - dictionary: the dict to empty
    """
    return dict.fromkeys(list(dictionary)[:0])


@dict_block(Example({"dictionary": {"a": 1, "b": 2}, "keys": ["b", "x"]}, {"b": 2}))
def select(*, dictionary: dict[str, Any], keys: list[str]) -> dict[str, Any]:
    """Return a dict with some keys only, in their order; those that are not there are passed over.

    - dictionary: the dict
    - keys: the keys that stay
    """
    return {key: dictionary[key] for key in keys if key in dictionary}


@dict_block(Example({"dictionary": {"a": 1, "b": 2}, "keys": ["b"]}, {"a": 1}))
def omit(*, dictionary: dict[str, Any], keys: list[str]) -> dict[str, Any]:
    """Return a dict without some keys.

    - dictionary: the dict
    - keys: the keys to leave out
    """
    gone = set(keys)
    return {key: value for key, value in dictionary.items() if key not in gone}


@dict_block(Example({"dictionary": {"a": 1, "b": 2}, "names": {"a": "x"}}, {"x": 1, "b": 2}))
def rename(*, dictionary: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """Return a dict with other names for some keys, in the same order.

    - dictionary: the dict
    - names: the new names by the old ones; two keys can't have one name
    """
    renamed = {names.get(key, key): value for key, value in dictionary.items()}
    if len(renamed) != len(dictionary):
        raise ValueError("two keys would have the same name")
    return renamed


@dict_block(Example({"dictionary": {"b": 1, "a": 2}}, {"a": 2, "b": 1}))
def sort(*, dictionary: dict[str, Any], descending: bool = False) -> dict[str, Any]:
    """Return a dict with its keys in order.

    - dictionary: the dict
    - descending: the last one first
    """
    return dict(sorted(dictionary.items(), key=lambda item: item[0], reverse=descending))
