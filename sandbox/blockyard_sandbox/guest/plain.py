"""Plain data: what may leave the guest.

None, bool, int, finite float, str, list, and dict with text keys.  Tuples become lists and keys that are numbers become
text, as in JSON.  Subclasses are read with the methods of their base class, never with their own: an ``items`` that
lies, or never ends, is not asked.
"""

import math
from typing import Any

from blockyard_sandbox.guest.failures import RESULT, TYPE, GuestError
from blockyard_sandbox.guest.own import kind_of

MAX_DEPTH = 64
MAX_NODES = 1_000_000
MAX_CHARACTERS = 64 * 1024 * 1024
MAX_INT_BITS = 14_284
"""The bits of the largest number with 4,300 decimal digits: the library refuses to write more."""

_CONTAINERS: tuple[type[Any], ...] = (dict, list, tuple)

Place = tuple["Place | None", object]
"""Where a value stands: the place of what holds it, and its key; made into words only for an error."""


def encode(value: object, name: str = "result") -> Any:
    """Return a copy of the value in exact plain types.

    ``name`` is what the value is called in messages.  Raises GuestError: INVALID_TYPE with the place of the first
    value that is not plain data, or RESULT_LIMIT when it is nested too deep or holds too much.
    """
    return _Encoder(name).encode(value, None, 0)


class _Encoder:
    __slots__ = ("_characters", "_name", "_nodes", "_open")

    def __init__(self, name: str) -> None:
        self._name = name
        self._open: set[int] = set()
        self._nodes = 0
        self._characters = 0

    def encode(self, value: Any, place: Place | None, depth: int) -> Any:
        kind = kind_of(value)
        if kind is str:
            return self._text(value, place)
        if value is None or kind is bool:
            return value
        if kind is int:
            return self._integer(value, place)
        if kind is float:
            return self._number(value, place)
        if issubclass(kind, _CONTAINERS):
            return self._container(value, kind, place, depth)
        if issubclass(kind, str):
            return self._text(str.__str__(value), place)
        if issubclass(kind, int):
            return self._integer(int.__index__(value), place)
        if issubclass(kind, float):
            return self._number(float.__float__(value), place)
        raise self._wrong(place, f"is {_article(kind)}, {_advice(kind)}")

    def _container(self, value: Any, kind: type[Any], place: Place | None, depth: int) -> Any:
        if depth >= MAX_DEPTH:
            raise GuestError(RESULT, f"the data is nested deeper than {MAX_DEPTH} levels")
        if id(value) in self._open:
            raise self._wrong(place, "contains itself; return a copy without the loop")
        self._open.add(id(value))
        made: Any
        if issubclass(kind, dict):
            made = self._mapping(value, place, depth + 1)
        else:
            base: Any = list if issubclass(kind, list) else tuple
            items = list[Any](base.__iter__(value))
            self._count(len(items))
            made = [
                self.encode(item, (place, index), depth + 1) for index, item in enumerate(items)
            ]
        self._open.discard(id(value))
        return made

    def _mapping(self, value: dict[Any, Any], place: Place | None, depth: int) -> dict[str, Any]:
        made: dict[str, Any] = {}
        items = list[tuple[Any, Any]](dict[Any, Any].items(value))
        self._count(len(items))
        for key, item in items:
            name = self._key(key, place)
            if name in made:
                raise self._wrong(place, f"has two keys that both become {name!r} as text")
            made[name] = self.encode(item, (place, name), depth)
        return made

    def _count(self, more: int) -> None:
        self._nodes += more
        if self._nodes > MAX_NODES:
            raise GuestError(RESULT, f"the data holds more than {MAX_NODES} values; return less")

    def _key(self, key: Any, place: Place | None) -> str:
        kind = kind_of(key)
        if issubclass(kind, str):
            return self._text(str.__str__(key), (place, "a key"))
        if kind is bool or key is None:
            return {True: "true", False: "false", None: "null"}[key]
        if issubclass(kind, int):
            return int.__repr__(self._integer(int.__index__(key), (place, "a key")))
        if issubclass(kind, float):
            return float.__repr__(self._number(float.__float__(key), (place, "a key")))
        raise self._wrong(
            place, f"has a key that is {_article(kind)}; keys must be text, use str(key)"
        )

    def _text(self, value: str, place: Place | None) -> str:
        self._characters += len(value)
        if self._characters > MAX_CHARACTERS:
            raise GuestError(RESULT, f"the data holds more than {MAX_CHARACTERS} characters")
        if not value.isascii():
            try:
                value.encode("utf-8")
            except UnicodeEncodeError:
                raise self._wrong(
                    place, "holds half of a surrogate pair, which is not text"
                ) from None
        return value

    def _integer(self, value: int, place: Place | None) -> int:
        if value.bit_length() > MAX_INT_BITS:
            raise self._wrong(place, "is a whole number of more than 4,300 digits; use text")
        return value

    def _number(self, value: float, place: Place | None) -> float:
        if not math.isfinite(value):
            raise self._wrong(place, f"is {value!r}, which JSON has no way to write; use None")
        return value

    def _wrong(self, place: Place | None, words: str) -> GuestError:
        steps: list[str] = []
        while place is not None:
            place, key = place
            steps.append(f"[{key!r}]" if key != "a key" else ": a key")
        return GuestError(TYPE, f"{self._name}{''.join(reversed(steps))[:300]} {words}")


def _name(kind: type[Any]) -> str:
    name: str = type.__dict__["__name__"].__get__(kind)
    return name


def _article(kind: type[Any]) -> str:
    name = _name(kind)
    return ("an " if name[:1].lower() in "aeiou" else "a ") + name


def _advice(kind: type[Any]) -> str:
    plain = "turn it into text, a number, a list or a dict"
    return f"which is not plain data; {_ADVICE.get(_name(kind), plain)}"


_ADVICE = {
    "set": "use sorted(...) or list(...)",
    "frozenset": "use sorted(...) or list(...)",
    "datetime": "use .isoformat()",
    "date": "use .isoformat()",
    "time": "use .isoformat()",
    "timedelta": "use .total_seconds()",
    "Decimal": "use str(...) or float(...)",
    "Fraction": "use str(...) or float(...)",
    "UUID": "use str(...)",
    "bytes": "use .decode() or base64",
    "bytearray": "use .decode() or base64",
    "generator": "use list(...)",
    "function": "call it",
}
