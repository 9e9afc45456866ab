"""Plain data: what may leave the guest.

None, bool, int, finite float, str, list, and dict with text keys.  Tuples become lists and int keys become
text, as in JSON.  Subclasses are read with the methods of their base class, never with their own: an ``items``
that lies, or never ends, is not asked.
"""

import math
from typing import Any

from blockyard_sandbox.guest.failures import RESULT, TYPE, GuestError

MAX_DEPTH = 64
MAX_NODES = 2_000_000
MAX_CHARACTERS = 64 * 1024 * 1024
MAX_INT_BITS = 14_284
"""The bits of the largest number with 4,300 decimal digits: more can't be written without a huge effort."""


class _Encoder:
    __slots__ = ("_characters", "_nodes", "_open")

    def __init__(self) -> None:
        self._open: set[int] = set()
        self._nodes = 0
        self._characters = 0

    def encode(self, value: Any, path: str, depth: int) -> Any:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise GuestError(RESULT, f"the data holds more than {MAX_NODES} values; return less")
        kind = type(value)
        if value is None or kind is bool:
            return value
        if kind is str:
            return self._text(value, path)
        if kind is int:
            return _integer(value, path)
        if kind is float:
            return _number(value, path)
        return self._container(value, kind, path, depth)

    def _container(self, value: Any, kind: type, path: str, depth: int) -> Any:
        if issubclass(kind, str):
            return self._text(str.__str__(value), path)
        if issubclass(kind, int):
            return _integer(int.__index__(value), path)
        if issubclass(kind, float):
            return _number(float.__float__(value), path)
        if not issubclass(kind, dict | list | tuple):
            raise GuestError(TYPE, f"{path} is {_article(kind)}, {_advice(kind)}")
        if depth >= MAX_DEPTH:
            raise GuestError(RESULT, f"the data is nested deeper than {MAX_DEPTH} levels")
        if id(value) in self._open:
            raise GuestError(TYPE, f"{path} contains itself; return a copy without the loop")
        self._open.add(id(value))
        if issubclass(kind, dict):
            result: Any = self._mapping(value, path, depth)
        else:
            items = list.__iter__(value) if issubclass(kind, list) else tuple.__iter__(value)
            result = [
                self.encode(item, f"{path}[{index}]", depth + 1) for index, item in enumerate(items)
            ]
        self._open.discard(id(value))
        return result

    def _mapping(self, value: dict[Any, Any], path: str, depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, item in dict.items(value):
            name = self._key(key, path)
            if name in result:
                raise GuestError(TYPE, f"{path} has two keys that both become {name!r} as text")
            result[name] = self.encode(item, f"{path}[{name!r}]", depth + 1)
        return result

    def _key(self, key: Any, path: str) -> str:
        kind = type(key)
        if issubclass(kind, str):
            return self._text(str.__str__(key), f"a key of {path}")
        if kind is bool or key is None:
            return {True: "true", False: "false", None: "null"}[key]
        if issubclass(kind, int):
            return int.__repr__(_integer(int.__index__(key), f"a key of {path}"))
        if issubclass(kind, float):
            return float.__repr__(_number(float.__float__(key), f"a key of {path}"))
        raise GuestError(
            TYPE, f"{path} has a key that is {_article(kind)}; keys must be text, use str(key)"
        )

    def _text(self, value: str, path: str) -> str:
        self._characters += len(value)
        if self._characters > MAX_CHARACTERS:
            raise GuestError(RESULT, f"the data holds more than {MAX_CHARACTERS} characters")
        if not value.isascii():
            try:
                value.encode("utf-8")
            except UnicodeEncodeError:
                raise GuestError(
                    TYPE, f"{path} holds half of a surrogate pair, which is not text"
                ) from None
        return value


def encode(value: Any, name: str = "result") -> Any:
    """Return a copy of the value in exact plain types.

    ``name`` is what the value is called in messages.  Raises GuestError: INVALID_TYPE with the place of the first
    value that is not plain data, or RESULT_LIMIT when it is nested too deep or holds too much.
    """
    return _Encoder().encode(value, name, 0)


def _integer(value: int, path: str) -> int:
    if value.bit_length() > MAX_INT_BITS:
        raise GuestError(TYPE, f"{path} is a whole number of more than 4,300 digits; use text")
    return value


def _number(value: float, path: str) -> float:
    if not math.isfinite(value):
        raise GuestError(TYPE, f"{path} is {value!r}, which JSON has no way to write; use None")
    return value


def _article(kind: type) -> str:
    name = type.__dict__["__name__"].__get__(kind)
    return ("an " if name[:1].lower() in "aeiou" else "a ") + name


def _advice(kind: type) -> str:
    name = type.__dict__["__name__"].__get__(kind)
    return _ADVICE.get(
        name, "which is not plain data; turn it into text, a number, a list or a dict"
    )


_ADVICE = {
    "set": "which is not plain data; use sorted(...) or list(...)",
    "frozenset": "which is not plain data; use sorted(...) or list(...)",
    "datetime": "which is not plain data; use .isoformat()",
    "date": "which is not plain data; use .isoformat()",
    "time": "which is not plain data; use .isoformat()",
    "timedelta": "which is not plain data; use .total_seconds()",
    "Decimal": "which is not plain data; use str(...) or float(...)",
    "Fraction": "which is not plain data; use str(...) or float(...)",
    "bytes": "which is not plain data; use .decode() or base64",
    "bytearray": "which is not plain data; use .decode() or base64",
    "generator": "which is not plain data; use list(...)",
    "function": "not data; call it",
}
