"""Reads in expressions: a dot reads a key of a dict, and what is missing is named with what is near."""

from collections.abc import Callable
from typing import Any

from blockyard_sandbox.guest.own import kind_of
from blockyard_sandbox.guest.policy.words import did_you_mean
from blockyard_sandbox.guest.reading import Readers


class MissingKeyError(KeyError):
    """A key that an expression asked for does not exist."""

    def __str__(self) -> str:
        """Return the words as they are, without quotes around them."""
        return str(self.args[0])


def expression_guards(readers: Readers) -> dict[str, Callable[..., Any]]:
    """Return the guards by which expressions read attributes and items."""
    read = readers.read

    def read_key_or_attribute(value: Any, name: str) -> Any:
        if kind_of(value) is dict:
            if name in value:
                return value[name]
            if name not in _METHODS:
                raise _missing(value, name)
        return read(value, name)

    def read_item(value: Any, key: Any) -> Any:
        if kind_of(value) is dict and key not in value:
            raise _missing(value, key)
        return value[key]

    return {"_getattr_": read_key_or_attribute, "_getitem_": read_item}


_METHODS = frozenset({"get", "items", "keys", "values", "copy"})


def _missing(value: dict[Any, Any], key: Any) -> MissingKeyError:
    known = [name for name in value if type(name) is str]
    near = did_you_mean(key, known) if type(key) is str else ""
    there = f"; there are: {', '.join(sorted(known)[:20])}" if known and not near else ""
    return MissingKeyError(f"there is no {key!r}{near}{there}")
