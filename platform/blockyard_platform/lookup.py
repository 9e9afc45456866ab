"""Paths and filters over plain data: look-up alone, total and bounded; no attribute of any object is ever read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeGuard

from blockyard_platform.errors import ExpressionError, FilterError
from blockyard_platform.filters import FILTERS
from blockyard_platform.plain import is_list, is_mapping
from blockyard_schemas.nearest import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from blockyard_platform.syntax import FilterCall, Path, Step

_SHOWN = 8
_MISSING: Any = object()


class Names(Protocol):
    """Where the first name of a path is found."""

    def find(self, root: str) -> Any:
        """Return the value of a name; raise KeyError when the name has none here."""


class Node(Protocol):
    """Something that is shown to expressions like a mapping, without being built until it is asked for."""

    def look(self, key: str) -> Any:
        """Return what stands under a key; raise KeyError when there is nothing."""

    def keys(self) -> Iterable[str]:
        """Return the keys, for messages."""
        ...

    def plain(self) -> Any:
        """Return the whole as plain data."""


def is_node(value: Any) -> TypeGuard[Node]:
    """Whether a value is a node; no kind of plain data is."""
    return hasattr(value.__class__, "look")


def look_up(path: Path, names: Names) -> Any:
    """Resolve a path; raise ExpressionError that says which part is missing and what is there."""
    try:
        value = names.find(path.root)
    except KeyError:
        raise ExpressionError(f"'{path.root}' has no value here", _WHERE.get(path.root)) from None
    for position, step in enumerate(path.steps):
        found = _step(value, step)
        if step.optional and (found is _MISSING or found is None):
            value = None
            break
        if found is _MISSING:
            raise _missing(path, position, value)
        value = found
    if is_node(value):
        value = value.plain()
    return filtered(value, path.filters) if path.filters else value


def filtered(value: Any, calls: tuple[FilterCall, ...]) -> Any:
    """Pass a value through filters; raise ExpressionError that names the filter that cannot take it."""
    for call in calls:
        try:
            value = FILTERS[call.name].apply(value, *call.arguments)
        except FilterError as error:
            raise ExpressionError(f"the filter '{call.name}' {error}") from None
    return value


_WHERE = {
    "item": "item is known inside foreach and until",
    "loop": "loop is known inside foreach and until",
    "branch": "branch is known inside parallel",
    "case": "case is known inside case",
    "error": "error is known inside catch",
    "matrix": "matrix is known inside a job with a strategy",
}


def _step(value: Any, step: Step) -> Any:
    key = step.key
    if is_mapping(value):
        return value.get(key if type(key) is str else str(key), _MISSING)
    if is_list(value):
        return _item(value, key)
    if value is None or isinstance(value, str | int | float):
        return _MISSING
    try:
        return value.look(str(key)) if is_node(value) else _MISSING
    except KeyError:
        return _MISSING


def _item(values: list[Any], key: str | int) -> Any:
    if isinstance(key, str):
        if not key.isdecimal():
            return _MISSING
        key = int(key)
    return values[key] if -len(values) <= key < len(values) else _MISSING


def _missing(path: Path, position: int, value: Any) -> ExpressionError:
    key = path.steps[position].key
    before = path.root + "".join(_shown(step.key) for step in path.steps[:position])
    message = f"in '{path.text}': {_there(before, key, value)}"
    keys = list(value.keys()) if is_mapping(value) or is_node(value) else []
    near = nearest(str(key), keys)
    if near:
        return ExpressionError(message, f"did you mean '{near}'?")
    listed = ", ".join(keys[:_SHOWN]) + (", ..." if len(keys) > _SHOWN else "")
    return ExpressionError(
        message, f"it has: {listed}" if keys else "a ? after a part makes it optional"
    )


def _there(before: str, key: str | int, value: Any) -> str:
    if is_list(value):
        return f"{before} has {len(value)} items, and no item {key}"
    if is_mapping(value) or is_node(value):
        return f"{before} has no '{key}'"
    what = "null" if value is None else f"a {type(value).__name__}"
    return f"{before} is {what}, in which there is no '{key}'"


def _shown(key: str | int) -> str:
    return f"[{key}]" if isinstance(key, int) else f".{key}"
