"""List: making lists, and changed copies of them; nothing is changed in place."""

import random
from typing import Any

from blockyard_blocks.comparing import key_of, order_key
from blockyard_blocks.declaring import UNSET, Example, family
from blockyard_blocks.plain import is_list

list_block = family("list")

MOST_ITEMS = 1_000_000
"""No list that is made from nothing may have more items."""


@list_block(Example({"items": [1, "a"]}, [1, "a"]), Example({}, []))
def create(*, items: list[Any] = UNSET) -> list[Any]:
    """Return a list of the items that are given.

    - items: the items; without them the list is empty
    """
    return [] if items is UNSET else items


@list_block(Example({"stop": 3}, [0, 1, 2]), Example({"start": 5, "stop": 1, "step": -2}, [5, 3]))
def range_(*, start: int = 0, stop: int, step: int = 1) -> list[int]:
    """Return whole numbers in a row.

    - start: the first number
    - stop: the number to stop before
    - step: from one to the next; a negative one counts down
    """
    if step == 0:
        raise ValueError("step can't be 0")
    if (stop - start) // step > MOST_ITEMS:
        raise ValueError(f"the list would be too long; at most {MOST_ITEMS} items can be made")
    return list(range(start, stop, step))


@list_block(Example({"items": [1], "item": 2}, [1, 2]))
def append(*, items: list[Any], item: Any) -> list[Any]:
    """Return a list with one more item at its end.

    - items: the list
    - item: the item to add
    """
    return [*items, item]


@list_block(Example({"items": [1, 3], "index": 1, "item": 2}, [1, 2, 3]))
def insert(*, items: list[Any], index: int, item: Any) -> list[Any]:
    """Return a list with one more item at a place.

    - items: the list
    - index: the place of the new item, from 0; a negative one counts from the end; beyond an end it is that end
    - item: the item to add
    """
    changed = list(items)
    changed.insert(index, item)
    return changed


@list_block(Example({"items": [1, 2, 3], "index": 1, "item": "b"}, [1, "b", 3]))
def set_(*, items: list[Any], index: int, item: Any) -> list[Any]:
    """Return a list with another item at a place.

    - items: the list
    - index: the place, from 0; a negative one counts from the end
    - item: the item to put there
    """
    changed = list(items)
    changed[checked_index(items, index)] = item
    return changed


@list_block(
    Example({"items": [1, 2, 1], "item": 1}, [2, 1]),
    Example({"items": [1, 2, 1], "item": 1, "all": True}, [2]),
)
def remove(*, items: list[Any], item: Any, all: bool = False, silent: bool = False) -> list[Any]:  # noqa: A002
    """Return a list without an item.

    - items: the list
    - item: the item to take away
    - all: every one that is equal, not only the first
    - silent: a list that does not have it stays as it is; otherwise that is an error
    """
    key = key_of(item)
    places = [place for place, other in enumerate(items) if key_of(other) == key]
    if not places and not silent:
        raise ValueError("the item is not in the list")
    gone = set(places if all else places[:1])
    return [other for place, other in enumerate(items) if place not in gone]


@list_block(
    Example({"items": [1, 2, 3]}, {"item": 3, "items": [1, 2]}),
    Example({"items": [1, 2, 3], "index": 0}, {"item": 1, "items": [2, 3]}),
)
def pop(*, items: list[Any], index: int = -1) -> dict[str, Any]:
    """Take one item out of a list: returns that item and the list without it.

    - items: the list
    - index: its place, from 0; a negative one counts from the end
    """
    rest = list(items)
    item = rest.pop(checked_index(items, index))
    return {"item": item, "items": rest}


def checked_index(items: list[Any], index: int) -> int:
    """Return an index; raise ValueError when it is outside of the list."""
    if -len(items) <= index < len(items):
        return index
    raise ValueError(f"index {index} is outside of the list of {len(items)}")


@list_block(Example({"items": [1, 2]}, []))
def clear(*, items: list[Any]) -> list[Any]:
    """Return a list without items.

    - items: the list to empty
    """
    return items[:0]


@list_block(Example({"items": [1, 2]}, [1, 2]))
def copy(*, items: list[Any]) -> list[Any]:
    """Return a copy of a list.

    - items: the list
    """
    return list(items)


@list_block(Example({"first": [1], "second": [2, 3]}, [1, 2, 3]))
def extend(*, first: list[Any], second: list[Any]) -> list[Any]:
    """Return the items of one list, followed by those of another.

    - first: the list that begins
    - second: the list that ends
    """
    return [*first, *second]


@list_block(Example({"lists": [[1], [2], [3]]}, [1, 2, 3]))
def merge(*, lists: list[list[Any]]) -> list[Any]:
    """Return the items of several lists in one.

    - lists: the lists, in order
    """
    return [item for items in lists for item in items]


@list_block(
    Example({"items": [1, [2, [3]]]}, [1, 2, [3]]),
    Example({"items": [1, [2, [3]]], "depth": 2}, [1, 2, 3]),
)
def flatten(*, items: list[Any], depth: int = 1) -> list[Any]:
    """Put the items of inner lists in the place of these lists.

    - items: the list
    - depth: so many levels of lists
    """
    for _ in range(min(depth, 100)):
        items = [inner for item in items for inner in (item if is_list(item) else [item])]
    return items


@list_block(
    Example({"items": [3, 1, 2]}, [1, 2, 3]),
    Example({"items": ["b", None, 2, "a"], "descending": True}, ["b", "a", 2, None]),
)
def sort(*, items: list[Any], descending: bool = False) -> list[Any]:
    """Return a list in order: null, false, true, numbers, texts; equal items stay in their order.

    - items: the list; lists and dicts have no order
    - descending: the largest first
    """
    return sorted(items, key=order_key, reverse=descending)


@list_block(Example({"items": [1, 2, 3]}, [3, 2, 1]))
def reverse(*, items: list[Any]) -> list[Any]:
    """Return a list from its end to its beginning.

    - items: the list
    """
    return items[::-1]


@list_block(Example({"items": [1, 1.0, True, "a", "a"]}, [1, True, "a"]))
def unique(*, items: list[Any]) -> list[Any]:
    """Return each item once, in the order of the first ones.

    - items: the list
    """
    return list({key_of(item): item for item in reversed(items)}.values())[::-1]


@list_block(Example({"items": [1, 2, 3, 4], "seed": 1}, [4, 1, 3, 2]))
def shuffle(*, items: list[Any], seed: int | None = None) -> list[Any]:
    """Return a list in random order; not for secrets.

    - items: the list
    - seed: with the same seed comes the same order
    """
    mixed = list(items)
    (random if seed is None else random.Random(seed)).shuffle(mixed)  # noqa: S311
    return mixed
