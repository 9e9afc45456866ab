"""The builtin names of a stage."""

import builtins
import sys
from collections.abc import Callable
from typing import Any

from blockyard_sandbox.guest.failures import RestrictedCodeError
from blockyard_sandbox.guest.known import exceptions
from blockyard_sandbox.guest.own import OpaqueType, is_own
from blockyard_sandbox.guest.own import kind_of as class_of
from blockyard_sandbox.guest.reading import Readers, Table
from blockyard_sandbox.guest.writing import check_written_name, write

_PLAIN = [
    "None",
    "True",
    "False",
    "Ellipsis",
    "NotImplemented",
    "abs",
    "all",
    "any",
    "ascii",
    "bin",
    "bool",
    "bytearray",
    "bytes",
    "callable",
    "chr",
    "classmethod",
    "complex",
    "dict",
    "divmod",
    "enumerate",
    "filter",
    "float",
    "format",
    "frozenset",
    "hash",
    "hex",
    "id",
    "int",
    "iter",
    "len",
    "list",
    "map",
    "max",
    "min",
    "next",
    "object",
    "oct",
    "ord",
    "pow",
    "property",
    "range",
    "repr",
    "reversed",
    "round",
    "set",
    "slice",
    "sorted",
    "staticmethod",
    "str",
    "sum",
    "super",
    "tuple",
    "zip",
]
"""Taken as they are: each works on what it is given and hands out nothing else.

``super`` serves its form without arguments, which the compiler ties to the class it stands in; what can be read of
it is decided by the guard.  ``id`` and ``repr`` show addresses; that is accepted.
"""

_MISSING = object()


def builtin_names(table: Table, readers: Readers) -> dict[str, Any]:
    """Return the builtins of a stage, without the guards."""
    names = {name: getattr(builtins, name) for name in _PLAIN}
    names.update(exceptions())
    kind_of = _make_type(table)
    names |= {
        "RestrictedCodeError": RestrictedCodeError,
        "print": say,
        "type": kind_of,
        "isinstance": _make_check(isinstance, kind_of),
        "issubclass": _make_check(issubclass, kind_of),
        **_attribute_functions(readers),
    }
    return names


def say(
    *values: Any, sep: Any = None, end: Any = None, file: Any = None, flush: bool = False
) -> None:
    """Print to the stage's log."""
    if file is not None:
        raise RestrictedCodeError(
            "print can't take file= in a stage: what is printed goes to the log"
        )
    for name, text in (("sep", sep), ("end", end)):
        if text is not None and not isinstance(text, str):
            raise TypeError(f"{name} must be None or a string, not {type(text).__name__}")
    between = " " if sep is None else str.__str__(sep)
    last = "\n" if end is None else str.__str__(end)
    text = between.join([str.__str__(str(value)) for value in values]) + last
    if text:
        sys.stdout.write(text)


def _attribute_functions(readers: Readers) -> dict[str, Callable[..., Any]]:
    read = readers.read_unchecked

    def guarded_getattr(value: Any, name: str, default: Any = _MISSING, /) -> Any:
        if default is _MISSING:
            return read(value, name)
        try:
            return read(value, name)
        except AttributeError:
            return default

    def guarded_hasattr(value: Any, name: str, /) -> bool:
        try:
            read(value, name)
        except (AttributeError, RestrictedCodeError):
            return False
        return True

    def guarded_setattr(value: Any, name: str, new: Any, /) -> None:
        setattr(write(value), check_written_name(name), new)

    def guarded_delattr(value: Any, name: str, /) -> None:
        delattr(write(value), check_written_name(name))

    return {
        "getattr": guarded_getattr,
        "hasattr": guarded_hasattr,
        "setattr": guarded_setattr,
        "delattr": guarded_delattr,
    }


def _make_type(table: Table) -> Callable[[Any], Any]:
    def kind_of(value: object, /) -> Any:
        """Return the class of a value; the form with three arguments would make classes unchecked."""
        kind = type(value)
        if kind in table or is_own(kind):
            return kind
        if issubclass(kind, type) or value is kind_of:
            return kind_of
        return OpaqueType(kind.__name__)

    kind_of.__name__ = kind_of.__qualname__ = "type"
    return kind_of


def _make_check(
    check: Callable[[Any, Any], bool], kind_of: Callable[[Any], Any]
) -> Callable[[Any, Any], bool]:
    def real(kinds: Any) -> Any:
        if kinds is kind_of:
            return type
        if class_of(kinds) is tuple:
            return tuple(real(kind) for kind in kinds)
        return kinds

    def checked(value: Any, kinds: Any, /) -> bool:
        return check(value, real(kinds))

    checked.__name__ = checked.__qualname__ = check.__name__
    return checked
