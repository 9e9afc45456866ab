"""Values as plain data, and back: what a checkpoint keeps comes back as it was, or is refused when it is made.

Nothing is ever unpickled. A class is looked up among the modules that are imported already; none is imported because a
checkpoint names it.
"""

from __future__ import annotations

import base64
import dataclasses
import math
import sys
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from enum import Enum
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from blockyard_platform.manager.errors import ManagerError
from blockyard_platform.plain import is_list, is_mapping

if TYPE_CHECKING:
    from collections.abc import Callable

_TAG = "$type"
_LONG = 2**63


def encode(value: Any) -> Any:
    """Return a value as plain data; raise ManagerError for one that would not come back as it is."""
    try:
        return _encode(value)
    except RecursionError:
        raise ManagerError(
            "a value that holds itself, or is nested too deep, cannot be kept"
        ) from None


def decode(data: Any) -> Any:
    """Return the value that :func:`encode` made plain; raise ManagerError when its class is not there."""
    if is_list(data):
        return [decode(item) for item in data]
    if not is_mapping(data):
        return data
    tag = data.get(_TAG)
    if tag is None:
        return {key: decode(item) for key, item in data.items()}
    back = _BACK.get(tag)
    if back is None:
        raise ManagerError(f"a checkpoint holds a value of the unknown type {str(tag)[:40]!r}")
    return back(data)


def _encode(value: Any) -> Any:
    kind = _kind_of(value)
    if value is None or kind is bool:
        return value
    if kind is str:
        return value if value.isascii() else _text(value)
    if kind is int:
        return value if -_LONG <= value < _LONG else _tagged("int", hex(value))
    if kind is float:
        return value if math.isfinite(value) else _tagged("float", repr(value))
    if kind is list:
        return [_encode(item) for item in value]
    if kind is dict:
        return _mapping(value)
    simple = _SIMPLE.get(kind)
    if simple is not None:
        return _tagged(simple[0], simple[1](value))
    if kind is datetime or kind is time:
        return _moment(kind.__name__, value)
    if isinstance(value, PurePath):
        return _tagged("path", str(value), of=_PATHS_OF.get(kind, "Path"))
    return _object(kind, value)


def _kind_of(value: object) -> Any:
    return type(value)


def _tagged(tag: str, value: Any, **more: Any) -> dict[str, Any]:
    return {_TAG: tag, "value": value, **more}


def _text(value: str) -> Any:
    """Return a text; one with halves of surrogate pairs is no UTF-8, and goes as bytes."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return _tagged("text", _base64(value.encode("utf-8", "surrogatepass")))
    return value


def _mapping(value: dict[Any, Any]) -> Any:
    if _TAG not in value and all(type(key) is str for key in value):
        return {_key(key): _encode(item) for key, item in value.items()}
    return _tagged("dict", [[_encode(key), _encode(item)] for key, item in value.items()])


def _key(key: str) -> str:
    if isinstance(_text(key), str):
        return key
    raise ManagerError(f"the key {key[:40]!r} is no text that can be kept")


def _moment(tag: str, value: datetime | time) -> Any:
    zone = value.tzinfo.key if isinstance(value.tzinfo, ZoneInfo) else None
    return _tagged(tag, value.isoformat(), zone=zone, fold=value.fold)


def _object(kind: Any, value: Any) -> Any:
    if isinstance(value, Enum):
        return _tagged("enum", value.name, of=_title(kind))
    if isinstance(value, BaseModel):
        return _tagged("model", _encode(value.__getstate__()), of=_title(kind))
    if hasattr(kind, "__dataclass_fields__"):
        fields = {it.name: _encode(getattr(value, it.name)) for it in dataclasses.fields(kind)}
        return _tagged("dataclass", fields, of=_title(kind))
    if hasattr(kind, "_fields") and tuple in kind.__mro__:
        return _tagged("namedtuple", _items(value), of=_title(kind))
    name = f"{kind.__module__}.{kind.__qualname__}"
    raise ManagerError(
        f"a value of the type {name} cannot be kept in a journal: hand on plain data,"
        " a dataclass or a pydantic model"
    )


def _title(kind: type) -> str:
    name = f"{kind.__module__}:{kind.__qualname__}"
    if _found(name) is not kind:
        raise ManagerError(
            f"the class {kind.__qualname__} cannot be found again: define it at the top of a module"
        )
    return name


def _found(name: str) -> Any:
    module, _, path = name.partition(":")
    found: Any = sys.modules.get(module)
    for part in path.split("."):
        found = getattr(found, part, None)
    return found


def _class(data: dict[str, Any], base: type) -> Any:
    name = str(data.get("of"))
    found = _found(name)
    if not (isinstance(found, type) and issubclass(found, base)):
        raise ManagerError(
            f"a checkpoint holds a value of the class {name[:80]}, which is not there: import its module first"
        )
    return found


def _model(data: dict[str, Any]) -> Any:
    kind = _class(data, BaseModel)
    found = kind.__new__(kind)
    found.__setstate__(decode(data["value"]))
    return found


def _dataclass(data: dict[str, Any]) -> Any:
    kind: Any = _class(data, object)
    if not hasattr(kind, "__dataclass_fields__"):
        raise ManagerError(f"a checkpoint holds a dataclass {data['of']}, which is none any more")
    found: Any = object.__new__(kind)
    for name, item in data["value"].items():
        object.__setattr__(found, name, decode(item))
    return found


def _datetime(data: dict[str, Any]) -> datetime:
    found = datetime.fromisoformat(data["value"])
    return found.replace(tzinfo=_zone(data, found), fold=data["fold"])


def _time(data: dict[str, Any]) -> time:
    found = time.fromisoformat(data["value"])
    return found.replace(tzinfo=_zone(data, found), fold=data["fold"])


def _zone(data: dict[str, Any], found: datetime | time) -> tzinfo | None:
    return found.tzinfo if data["zone"] is None else ZoneInfo(data["zone"])


def _base64(value: bytes | bytearray) -> str:
    return base64.b64encode(value).decode("ascii")


def _items(value: Any) -> list[Any]:
    return [_encode(item) for item in value]


_PATHS: dict[str, type[PurePath]] = {
    "Path": Path,
    "PurePosixPath": PurePosixPath,
    "PureWindowsPath": PureWindowsPath,
}
_PATHS_OF = {kind: name for name, kind in _PATHS.items()}

_SIMPLE: dict[type, tuple[str, Callable[[Any], Any]]] = {
    Decimal: ("decimal", str),
    bytes: ("bytes", _base64),
    bytearray: ("bytearray", _base64),
    tuple: ("tuple", _items),
    set: ("set", _items),
    frozenset: ("frozenset", _items),
    date: ("date", date.isoformat),
    timedelta: ("timedelta", lambda it: [it.days, it.seconds, it.microseconds]),
    UUID: ("uuid", str),
    complex: ("complex", lambda it: [_encode(it.real), _encode(it.imag)]),
}

_BACK: dict[str, Callable[[dict[str, Any]], Any]] = {
    "int": lambda it: int(it["value"], 16),
    "float": lambda it: float(it["value"]),
    "text": lambda it: base64.b64decode(it["value"]).decode("utf-8", "surrogatepass"),
    "dict": lambda it: {decode(key): decode(item) for key, item in it["value"]},
    "decimal": lambda it: Decimal(it["value"]),
    "bytes": lambda it: base64.b64decode(it["value"]),
    "bytearray": lambda it: bytearray(base64.b64decode(it["value"])),
    "tuple": lambda it: tuple(decode(it["value"])),
    "set": lambda it: set(decode(it["value"])),
    "frozenset": lambda it: frozenset(decode(it["value"])),
    "date": lambda it: date.fromisoformat(it["value"]),
    "timedelta": lambda it: timedelta(*it["value"]),
    "uuid": lambda it: UUID(it["value"]),
    "complex": lambda it: complex(*decode(it["value"])),
    "datetime": _datetime,
    "time": _time,
    "path": lambda it: _PATHS[it["of"]](it["value"]),
    "enum": lambda it: _class(it, Enum)[it["value"]],
    "model": _model,
    "dataclass": _dataclass,
    "namedtuple": lambda it: _class(it, tuple)(*decode(it["value"])),
}


def plain(value: Any) -> Any:
    """Return a value to be shown: as it would be kept, or else as its text."""
    try:
        return encode(value)
    except ManagerError:
        return repr(value)
