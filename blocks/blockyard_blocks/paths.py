"""Paths into plain data: ``rows[0].name``, ``["a key"].x``; pure look-up."""

import re
from typing import Any

from blockyard_blocks.declaring import UNSET
from blockyard_blocks.plain import is_dict, is_list

Path = tuple[str | int, ...]

_PART = re.compile(r"""\.?([^.\[\]"']+)|\[(-?\d{1,9})\]|\["([^"]*)"\]|\['([^']*)'\]""")


def read_path(text: str) -> Path:
    """Return the keys and indexes of a path; the empty text is the value itself. Raises ValueError."""
    parts: list[str | int] = []
    at = 0
    while at < len(text):
        match = _PART.match(text, at)
        if match is None or (at == 0 and text[0] == "."):
            raise ValueError(
                f"the path {text[:80]!r} can't be read at character {at + 1}; write it like rows[0].name"
            )
        name, index, double, single = match.groups()
        parts.append(
            int(index)
            if index
            else next(part for part in (name, double, single) if part is not None)
        )
        at = match.end()
    return tuple(parts)


def get_at(value: Any, path: Path) -> Any:
    """Return what a path leads to, or UNSET."""
    for part in path:
        value = step(value, part)
        if value is UNSET:
            return UNSET
    return value


def step(value: Any, part: str | int) -> Any:
    """Return the member of a dict or the item of a list, or UNSET."""
    if isinstance(part, str):
        return value.get(part, UNSET) if is_dict(value) else UNSET
    if is_list(value) and -len(value) <= part < len(value):
        return value[part]
    return UNSET


def set_at(value: Any, path: Path, item: Any) -> Any:
    """Return a value with an item put at a path; dicts on the way are made, lists are not. Raises ValueError."""
    if not path:
        return item
    first, rest = path[0], path[1:]
    if isinstance(first, str):
        if value is not None and value is not UNSET and not is_dict(value):
            raise ValueError(f"'{first[:80]}' leads into something that is no dict")
        members = value if is_dict(value) else {}
        return {**members, first: set_at(members.get(first), rest, item)}
    if not is_list(value) or not -len(value) <= first <= len(value):
        raise ValueError(f"[{first}] leads outside of a list, or into something that is none")
    changed = list(value)
    if first == len(value):
        changed.append(set_at(None, rest, item))
    else:
        changed[first] = set_at(changed[first], rest, item)
    return changed


def delete_at(value: Any, path: Path) -> Any:
    """Return a value without what a path leads to; when that is not there, the value as it is."""
    if not path or step(value, path[0]) is UNSET:
        return value
    first, rest = path[0], path[1:]
    if rest:
        return set_at(value, (first,), delete_at(step(value, first), rest))
    if is_dict(value):
        return {key: item for key, item in value.items() if key != first}
    changed = list(value)
    del changed[int(first)]
    return changed
