"""JSON: getting at values within values, and changed copies of them."""

from typing import Any

from blockyard_blocks.declaring import UNSET, Example, family
from blockyard_blocks.paths import Path, delete_at, get_at, read_path, set_at
from blockyard_blocks.plain import is_dict, is_list

json_block = family("json")


@json_block(
    Example({"value": {"rows": [{"n": 1}]}, "path": "rows[0].n"}, 1),
    Example({"value": {}, "path": "a.b", "default": None}, None),
)
def get(*, value: Any, path: str, default: Any = UNSET) -> Any:
    """Return what a path leads to.

    - value: where to look
    - path: keys and indexes, like rows[0].name or ["a key"].x
    - default: what to return when there is nothing; without it that is an error
    """
    found = get_at(value, read_path(path))
    found = default if found is UNSET else found
    if found is UNSET:
        raise ValueError(f"there is nothing at {path[:80]!r}; give a default")
    return found


@json_block(Example({"value": {"a/b": [1, 2]}, "pointer": "/a~1b/1"}, 2))
def pointer(*, value: Any, pointer: str, default: Any = UNSET) -> Any:
    """Return what a JSON pointer (RFC 6901) leads to.

    - value: where to look
    - pointer: the pointer, like /rows/0/name
    - default: what to return when there is nothing; without it that is an error
    """
    if pointer and not pointer.startswith("/"):
        raise ValueError("a JSON pointer begins with /")
    found = value
    for part in pointer.split("/")[1:]:
        found = _member(found, part.replace("~1", "/").replace("~0", "~"))
    found = default if found is UNSET else found
    if found is UNSET:
        raise ValueError(f"there is nothing at {pointer[:80]!r}; give a default")
    return found


def _member(value: Any, part: str) -> Any:
    if is_dict(value):
        return value.get(part, UNSET)
    index = part == "0" or (part.isascii() and part.isdecimal() and not part.startswith("0"))
    if is_list(value) and index and len(part) < 10 and int(part) < len(value):
        return value[int(part)]
    return UNSET


@json_block(
    Example(
        {
            "value": {"a": {"b": 1}},
            "path": "a.c[0]",
            "item": 2,
        },
        {"a": {"b": 1, "c": [2]}},
    )
)
def set_(*, value: Any, path: str, item: Any) -> Any:
    """Return a value with an item put at a path; what is missing on the way is made.

    - value: what to change a copy of
    - path: keys and indexes, like rows[0].name; an index may be one beyond the end
    - item: what to put there
    """
    parts = read_path(path)
    return set_at(_with_lists(value, parts), parts, item)


def _with_lists(value: Any, path: Path) -> Any:
    """Put an empty list where a path wants an index and there is nothing."""
    for end in range(len(path)):
        found = get_at(value, path[:end])
        if path[end] == 0 and (found is UNSET or found is None):
            value = set_at(value, path[:end], [])
    return value


@json_block(Example({"value": {"a": [1, 2, 3]}, "path": "a[1]"}, {"a": [1, 3]}))
def delete(*, value: Any, path: str) -> Any:
    """Return a value without what a path leads to; when there is nothing, it stays as it is.

    - value: what to change a copy of
    - path: keys and indexes, like rows[0].name
    """
    return delete_at(value, read_path(path))


@json_block(
    Example(
        {"value": {"a": 1, "b": {"c": 1}}, "patch": {"a": None, "b": {"d": 2}}},
        {"b": {"c": 1, "d": 2}},
    )
)
def merge(*, value: Any, patch: Any) -> Any:
    """Apply a JSON merge patch (RFC 7396): null takes a key away, dicts are merged, all else replaces.

    - value: what to change a copy of
    - patch: the changes
    """
    if not is_dict(patch):
        return patch
    merged: dict[str, Any] = dict(value) if is_dict(value) else {}
    for key, item in patch.items():
        if item is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(value=merged.get(key), patch=item)
    return merged


@json_block(Example({"value": {"a": {"b": 1}, "c": [2, 3]}}, {"a.b": 1, "c.0": 2, "c.1": 3}))
def flatten(*, value: dict[str, Any], separator: str = ".") -> dict[str, Any]:
    """Return a dict of one level, whose keys are the paths of the values.

    - value: a dict with dicts and lists in it; empty ones stay
    - separator: what stands between the keys of a path
    """
    flat: dict[str, Any] = {}
    waiting: list[tuple[str, Any]] = [("", value)]
    while waiting:
        path, found = waiting.pop()
        members = _members(found)
        if not members and path:
            flat[path] = found
        waiting += [
            (f"{path}{separator}{key}" if path else key, item) for key, item in reversed(members)
        ]
    return flat


def _members(value: Any) -> list[tuple[str, Any]]:
    if is_dict(value):
        return list(value.items())
    return [(str(index), item) for index, item in enumerate(value)] if is_list(value) else []


@json_block(Example({"value": {"a.b": 1, "a.c": 2}}, {"a": {"b": 1, "c": 2}}))
def unflatten(*, value: dict[str, Any], separator: str = ".") -> dict[str, Any]:
    """Return dicts within dicts, made of keys that are paths; the opposite of flatten, but for lists.

    - value: a dict whose keys are paths
    - separator: what stands between the keys of a path
    """
    if not separator:
        raise ValueError("the separator is empty")
    whole: dict[str, Any] = {}
    for path, item in value.items():
        *way, last = path.split(separator)
        place = whole
        for key in way:
            inner: Any = place.setdefault(key, {})
            if not is_dict(inner):
                raise ValueError(f"'{path[:80]}' leads through a value that is no dict")
            place = inner
        place[last] = item
    return whole
