"""The filters of path expressions: total, bounded functions over plain data.

Their names are those of ddeutil-workflow, so that its documents keep their meaning. None runs code, none
compiles a pattern, and none makes more than a small multiple of what it is given.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Any

from blockyard_platform.errors import FilterError
from blockyard_platform.plain import is_list, is_mapping

DIRECTIVES = frozenset("aAbBdHIjmMpSfyYzuwUVWG%")
"""What may follow a % in ``fmt`` of a date (C89 and ISO 8601 directives that give the same on each machine)."""

_KINDS = {
    "NoneType": "null",
    "str": "a text",
    "bool": "true or false",
    "int": "a number",
    "float": "a number",
    "list": "a list",
}
_FORMAT_LENGTH = 200
_NUMBER_FORMAT = re.compile(r"[+ ]?0?\d{0,2}[,_]?(?:\.\d{1,2})?[bdeEfFgGoxX%]?")


def text_of(value: Any) -> str:
    """Return a value as it stands in text: text as it is, all else as compact JSON."""
    if type(value) is str:
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _abs(value: Any) -> Any:
    if type(value) not in (int, float):
        raise FilterError(f"takes a number, not {_kind(value)}")
    return abs(value)


def _int(value: Any) -> int:
    if not isinstance(value, int | float | str):
        raise FilterError(f"takes a number or a text that holds one, not {_kind(value)}")
    try:
        return int(value)
    except (ValueError, OverflowError):
        raise FilterError(f"cannot read {_short(value)} as a whole number") from None


def _list(value: Any) -> list[Any]:
    if isinstance(value, str) or is_list(value) or is_mapping(value):
        return list(value)
    raise FilterError(f"takes a text, a list or a mapping, not {_kind(value)}")


def _dict(value: Any) -> dict[str, Any]:
    if is_mapping(value):
        return value
    pairs: list[Any] = value if is_list(value) else [None]
    found: dict[str, Any] = {}
    for pair in pairs:
        items: list[Any] = pair if is_list(pair) else []
        if len(items) != 2 or not isinstance(items[0], str):
            raise FilterError("takes a mapping, or a list of [text, value] pairs")
        found[items[0]] = items[1]
    return found


def _on_text(change: Callable[[str], str]) -> Callable[[Any], str]:
    def apply(value: Any) -> str:
        if not isinstance(value, str):
            raise FilterError(f"takes a text, not {_kind(value)}")
        return change(value)

    return apply


def _rstr(value: Any) -> str:
    return repr(text_of(value))


def _keys(value: Any) -> list[str]:
    return list(_mapping(value))


def _values(value: Any) -> list[Any]:
    return list(_mapping(value).values())


def _fmt(value: Any, form: Any = "%Y-%m-%d %H:%M:%S") -> str:
    if not isinstance(form, str) or len(form) > _FORMAT_LENGTH:
        raise FilterError(f"takes a format of at most {_FORMAT_LENGTH} characters")
    if type(value) in (int, float):
        if not _NUMBER_FORMAT.fullmatch(form):
            raise FilterError(f"cannot format a number with {_short(form)}; '.2f' and ',' work")
        return _formatted(value, form)
    return _moment(value).strftime(_checked(form))


def _formatted(value: float, form: str) -> str:
    try:
        return format(value, form)
    except (ValueError, OverflowError) as error:
        raise FilterError(f"cannot format {value} with {_short(form)}: {error}") from None


def _checked(form: str) -> str:
    position = form.find("%")
    while position >= 0:
        if form[position + 1 : position + 2] not in DIRECTIVES:
            raise FilterError(
                f"knows no directive {_short(form[position : position + 2])}; %Y %m %d work"
            )
        position = form.find("%", position + 2)
    return form


def _moment(value: Any) -> date:
    if isinstance(value, str) and len(value) <= 64:
        for reader in (date.fromisoformat, datetime.fromisoformat):
            try:
                return reader(value)
            except ValueError:
                continue
    raise FilterError(f"takes an ISO 8601 date or time, or a number, not {_short(value)}")


def _coalesce(value: Any, default: Any) -> Any:
    return default if value is None else value


def _getitem(value: Any, key: Any, default: Any = None) -> Any:
    return _mapping(value).get(text_of(key), default)


def _getindex(value: Any, index: Any) -> Any:
    if not (isinstance(value, str) or is_list(value)) or type(index) is not int:
        raise FilterError(f"takes a list or a text, and a whole number, not {_kind(value)}")
    items: list[Any] | str = value
    if not -len(items) <= index < len(items):
        raise FilterError(f"finds no item {index}: there are {len(items)}")
    return items[index]


def _mapping(value: Any) -> dict[str, Any]:
    if not is_mapping(value):
        raise FilterError(f"takes a mapping, not {_kind(value)}")
    return value


def _kind(value: Any) -> str:
    return _KINDS.get(type(value).__name__, "a mapping")


def _short(value: Any) -> str:
    shown = text_of(value) if not isinstance(value, str) else repr(value[:60])
    return shown if len(shown) <= 62 else shown[:59] + "..."


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter's function, and how many arguments it takes besides the value."""

    apply: Callable[..., Any]
    least: int = 0
    most: int = 0


FILTERS: Mapping[str, Filter] = MappingProxyType(
    {
        "abs": Filter(_abs),
        "coalesce": Filter(_coalesce, 1, 1),
        "dict": Filter(_dict),
        "fmt": Filter(_fmt, 0, 1),
        "getindex": Filter(_getindex, 1, 1),
        "getitem": Filter(_getitem, 1, 2),
        "int": Filter(_int),
        "keys": Filter(_keys),
        "list": Filter(_list),
        "lower": Filter(_on_text(str.lower)),
        "rstr": Filter(_rstr),
        "str": Filter(text_of),
        "title": Filter(_on_text(str.title)),
        "upper": Filter(_on_text(str.upper)),
        "values": Filter(_values),
    }
)
