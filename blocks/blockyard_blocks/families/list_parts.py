"""List: looking into lists, taking parts of them, and lists as sets."""

import random as randomness
from typing import Any

from blockyard_blocks.comparing import key_of
from blockyard_blocks.declaring import UNSET, Example, family

list_block = family("list")


@list_block(Example({"items": ["a", "b"]}, 2))
def length(*, items: list[Any]) -> int:
    """Count the items of a list.

    - items: the list
    """
    return len(items)


@list_block(Example({"items": [1, 2, 1], "item": 1}, 2))
def count(*, items: list[Any], item: Any) -> int:
    """Count how often an item is in a list.

    - items: the list
    - item: the item
    """
    key = key_of(item)
    return sum(key_of(other) == key for other in items)


@list_block(
    Example({"items": ["a", "b"], "index": -1}, "b"),
    Example({"items": [], "index": 0, "default": "none"}, "none"),
)
def get(*, items: list[Any], index: int, default: Any = UNSET) -> Any:
    """Return one item of a list.

    - items: the list
    - index: its place, from 0; a negative one counts from the end
    - default: what to return when there is no such place; without it that is an error
    """
    if -len(items) <= index < len(items):
        return items[index]
    if default is UNSET:
        raise ValueError(f"index {index} is outside of the list of {len(items)}; give a default")
    return default


@list_block(Example({"items": [1, 2]}, 1))
def first(*, items: list[Any], default: Any = UNSET) -> Any:
    """Return the first item.

    - items: the list
    - default: what to return for an empty list; without it that is an error
    """
    return get(items=items, index=0, default=default)


@list_block(Example({"items": [1, 2]}, 2))
def last(*, items: list[Any], default: Any = UNSET) -> Any:
    """Return the last item.

    - items: the list
    - default: what to return for an empty list; without it that is an error
    """
    return get(items=items, index=-1, default=default)


@list_block(Example({"items": ["a", "b"], "item": "b"}, 1), Example({"items": [], "item": 1}, -1))
def index_of(*, items: list[Any], item: Any) -> int:
    """Return the first place of an item, from 0; -1 when it is not in the list.

    - items: the list
    - item: the item
    """
    key = key_of(item)
    return next((place for place, other in enumerate(items) if key_of(other) == key), -1)


@list_block(Example({"items": [1, 2, 3, 4], "start": 1, "stop": 3}, [2, 3]))
def slice_(
    *, items: list[Any], start: int | None = None, stop: int | None = None, step: int | None = None
) -> list[Any]:
    """Return a part of a list.

    - items: the list
    - start: the first place, from 0; a negative one counts from the end
    - stop: the place to stop before
    - step: take each n-th item; a negative one goes backwards
    """
    if step == 0:
        raise ValueError("step can't be 0")
    return items[start:stop:step]


@list_block(Example({"items": [1, 2, 3], "size": 2}, [[1, 2], [3]]))
def chunk(*, items: list[Any], size: int) -> list[list[Any]]:
    """Cut a list into lists of a size; the last one may be shorter.

    - items: the list
    - size: how many items each has, at least 1
    """
    if size < 1:
        raise ValueError(f"size is {size}; it must be at least 1")
    return [items[start : start + size] for start in range(0, len(items), size)]


@list_block(Example({"lists": [[1, 2], ["a", "b"]]}, [[1, "a"], [2, "b"]]))
def zip_(*, lists: list[list[Any]], pad: Any = UNSET) -> list[list[Any]]:
    """Put the items of several lists that stand at the same place together.

    - lists: the lists
    - pad: what stands for the items that shorter lists lack; without it all must be equally long
    """
    longest = max((len(items) for items in lists), default=0)
    if pad is UNSET and any(len(items) != longest for items in lists):
        raise ValueError("the lists are not equally long; give pad")
    return [
        [items[place] if place < len(items) else pad for items in lists] for place in range(longest)
    ]


@list_block(Example({"items": [1, 2], "item": 2}, True))
def includes(*, items: list[Any], item: Any) -> bool:
    """Tell whether an item is in a list.

    - items: the list
    - item: the item
    """
    key = key_of(item)
    return any(key_of(other) == key for other in items)


@list_block(Example({"items": [1, 2], "others": [2, 3]}, True))
def includes_any(*, items: list[Any], others: list[Any]) -> bool:
    """Tell whether at least one of several items is in a list.

    - items: the list
    - others: the items to look for; with none the answer is false
    """
    return not {key_of(item) for item in items}.isdisjoint(key_of(item) for item in others)


@list_block(Example({"items": [1, 2], "others": [2, 3]}, False))
def includes_all(*, items: list[Any], others: list[Any]) -> bool:
    """Tell whether all of several items are in a list.

    - items: the list
    - others: the items to look for; with none the answer is true
    """
    return {key_of(item) for item in items}.issuperset(key_of(item) for item in others)


@list_block(Example({"first": [1, 2, 3], "second": [2]}, [1, 3]))
def difference(*, first: list[Any], second: list[Any]) -> list[Any]:
    """Return the items of the first list that the second does not have.

    - first: the list to take items of
    - second: the items to leave out
    """
    gone = {key_of(item) for item in second}
    return [item for item in first if key_of(item) not in gone]


@list_block(Example({"first": [1, 2, 3], "second": [3, 2]}, [2, 3]))
def intersection(*, first: list[Any], second: list[Any]) -> list[Any]:
    """Return the items of the first list that the second has too.

    - first: the list to take items of
    - second: the items that may stay
    """
    kept = {key_of(item) for item in second}
    return [item for item in first if key_of(item) in kept]


@list_block(Example({"first": [1, 2], "second": [2, 3]}, [1, 2, 3]))
def union(*, first: list[Any], second: list[Any]) -> list[Any]:
    """Return each item of two lists once.

    - first: the list that begins
    - second: the list whose new items follow
    """
    return list({key_of(item): item for item in reversed([*first, *second])}.values())[::-1]


@list_block(Example({"items": ["a", "b", "c"], "seed": 1}, "a"))
def random(*, items: list[Any], seed: int | None = None) -> Any:
    """Return a random item; not for secrets.

    - items: the list, not empty
    - seed: with the same seed comes the same item
    """
    if not items:
        raise ValueError("the list is empty")
    return (randomness if seed is None else randomness.Random(seed)).choice(items)  # noqa: S311
