"""Attribute reads: what a stage may read of what.

Deny is the default.  Three kinds of objects have attributes for a stage: those whose type stands in the table of
known types (the names listed there), those whose class a stage made (all public names but the blocked ones), and
facades (the names they offer).  Everything else has none.
"""

import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from RestrictedPython.transformer import INSPECT_ATTRIBUTES

from blockyard_sandbox.guest.facade import Facade, names_of, title_of
from blockyard_sandbox.guest.failures import RestrictedCodeError
from blockyard_sandbox.guest.formatting import make_formats
from blockyard_sandbox.guest.own import OpaqueType, blocked_names, kind_of
from blockyard_sandbox.guest.policy.words import (
    RECORD_METHODS,
    SUPER_METHODS,
    TYPE_NAME,
    advice_for_attribute,
    did_you_mean,
)

Table = Mapping[type, frozenset[str]]
Read = Callable[[Any, str], Any]

NEVER = frozenset({types.ModuleType, types.FrameType, types.CodeType, types.TracebackType})
"""What no read may ever return, whatever the tables say."""

_name_of = type.__dict__["__name__"].__get__
_mro_of = type.__dict__["__mro__"].__get__
_thisclass_of = super.__dict__["__self_class__"].__get__


@dataclass(frozen=True, slots=True)
class Readers:
    """The guards of reads.

    ``read`` takes names that were checked at compile time, ``read_special`` the few known names with underscores,
    ``read_unchecked`` names made at run time.
    """

    read: Read
    read_special: Read
    read_unchecked: Read
    format: Callable[..., str]
    format_map: Callable[..., str]


def make_readers(table: Table) -> Readers:
    """Return the guards of attribute reads over a table of known types."""
    known = table.get

    def read(value: Any, name: str) -> Any:
        kind = kind_of(value)
        names = known(kind)
        if names is not None and name in names:
            found = getattr(value, name)
        else:
            blocked = blocked_names(kind)
            if blocked is None:
                return _read_other(table, formats, value, name)
            if name in blocked:
                raise _refusal(kind, name)
            found = getattr(value, name)
            if type(found) is types.BuiltinMethodType and name in formats:
                return _bind_format(formats, value, name, found)
        if type(found) in NEVER:
            raise _refusal(kind, name)
        return found

    def read_unchecked(value: Any, name: Any) -> Any:
        if type(name) is not str:
            raise RestrictedCodeError(
                "the name of an attribute must be text itself, not a subclass of it"
            )
        if name in RECORD_METHODS or name == TYPE_NAME:
            return read_special(value, name)
        if name.startswith("_") or name in INSPECT_ATTRIBUTES:
            raise RestrictedCodeError(advice_for_attribute(name))
        return read(value, name)

    def read_special(value: Any, name: str) -> Any:
        return _read_special(value, name)

    safe_format, safe_format_map = make_formats(read_unchecked)
    formats = {"format": safe_format, "format_map": safe_format_map}
    return Readers(read, read_special, read_unchecked, safe_format, safe_format_map)


Formats = Mapping[str, Callable[..., str]]


def _read_other(table: Table, formats: Formats, value: Any, name: str) -> Any:
    """Read from a facade, a class, ``super()``, or a text's format; refuse the rest."""
    kind = kind_of(value)
    if kind is Facade:
        return _read_facade(value, name)
    if isinstance(value, type):
        return _read_class(table, formats, value, name)
    if kind is str and name in formats:
        return types.MethodType(formats[name], value)
    if kind is super:
        return _read_super(formats, value, name)
    if any(name in base.__dict__ for base in _mro_of(kind)):
        raise _refusal(kind, name)
    raise AttributeError(
        f"{_name_of(kind)!r} object has no attribute {name!r}", name=name, obj=value
    )


def _read_facade(facade: Facade, name: str) -> Any:
    names = names_of(facade)
    if name in names:
        return names[name]
    raise RestrictedCodeError(
        f"{title_of(facade)} has no {name!r} here{did_you_mean(name, names)};"
        f" it offers: {', '.join(sorted(names))}"
    )


def _read_class(table: Table, formats: Formats, kind: type, name: str) -> Any:
    blocked = blocked_names(kind)
    if blocked is not None:
        if name in blocked or _is_of_metaclass(kind, name):
            raise _refusal(kind, name)
    elif name in formats and kind is str:
        return formats[name]
    elif name not in table.get(kind, ()):
        if any(name in base.__dict__ for base in (*_mro_of(kind), *_mro_of(type(kind)))):
            raise _refusal(kind, name)
        raise AttributeError(f"type object {_name_of(kind)!r} has no attribute {name!r}")
    found = getattr(kind, name)
    if name in formats and found in (str.format, str.format_map):
        return formats[name]
    if type(found) in NEVER:
        raise _refusal(kind, name)
    return found


def _is_of_metaclass(kind: type, name: str) -> bool:
    """Say whether a class has a name from its metaclass alone (``mro``, ``register``)."""
    if not any(name in base.__dict__ for base in _mro_of(type(kind))):
        return False
    return not any(name in base.__dict__ for base in _mro_of(kind))


def _read_super(formats: Formats, value: Any, name: str) -> Any:
    kind = _thisclass_of(value)
    blocked = blocked_names(kind) if kind is not None else None
    if blocked is None or name in blocked:
        raise _refusal(super, name)
    found = getattr(value, name)
    if name in formats and type(found) is types.BuiltinMethodType:
        return _bind_format(formats, found.__self__, name, found)
    if type(found) in NEVER:
        raise _refusal(super, name)
    return found


def _bind_format(formats: Formats, value: Any, name: str, found: Any) -> Any:
    """Replace text's own format, reached through a subclass, with the safe one."""
    if isinstance(value, str) and found.__self__ is value:
        return types.MethodType(formats[name], value)
    return found


def _read_special(value: Any, name: str) -> Any:
    """Read one of the few names with underscores that stages use."""
    kind = kind_of(value)
    if name == TYPE_NAME:
        if isinstance(value, type):
            return _name_of(value)
        if kind is types.FunctionType or kind is types.BuiltinFunctionType:
            return value.__name__
        if kind is OpaqueType:
            return value.name
    elif name in RECORD_METHODS:
        owner: type[Any] = value if isinstance(value, type) else kind
        if blocked_names(owner) is not None and issubclass(owner, tuple):
            return getattr(value, name)
    elif kind is super and name in SUPER_METHODS:
        self_class = _thisclass_of(value)
        if self_class is not None and blocked_names(self_class) is not None:
            return getattr(value, name)
    elif name == "__init__" and isinstance(value, type) and blocked_names(value) is not None:
        return cast(Any, value).__init__
    raise RestrictedCodeError(advice_for_attribute(name))


def _refusal(kind: type, name: str) -> RestrictedCodeError:
    return RestrictedCodeError(f'".{name}" of {_name_of(kind)!r} is not available in a stage')
