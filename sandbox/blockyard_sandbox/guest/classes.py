"""Classes: how a stage makes them, and which bases they may have."""

import types
from collections.abc import Callable, Collection, Mapping
from typing import Any

from blockyard_sandbox.guest.failures import RestrictedCodeError
from blockyard_sandbox.guest.own import MARK, blocked_names, defined_names, is_own, mark
from blockyard_sandbox.guest.reading import Table

_mro_of = type.__dict__["__mro__"].__get__
_FORMATS = frozenset({"format", "format_map"})


class ClassMaker:
    """What stands for the metaclass of every class statement (``_class_``)."""

    def __init__(self, table: Table, bases: Collection[type]) -> None:
        """``table`` tells what of a base a stage may read, ``bases`` which classes it may build upon."""
        self._table = table
        self._bases = bases

    def __prepare__(self, name: str, bases: tuple[type, ...]) -> Any:  # noqa: D105 (called by the class statement)
        self._check(name, bases)
        return types.prepare_class(name, bases)[1]

    def __call__(self, name: str, bases: tuple[type, ...], names: Any) -> type:
        """Make the class of a class statement."""
        self._check(name, bases)
        meta = types.prepare_class(name, bases)[0]
        names[MARK] = frozenset()
        made: type = meta(name, bases, names)
        return self.adopt(made)

    def adopt(self, made: type) -> type:
        """Mark a class that was made for a stage as the stage's own, and return it."""
        mark(made, self._blocked(made))
        return made

    def _check(self, name: str, bases: tuple[Any, ...]) -> None:
        for base in bases:
            if not isinstance(base, type):
                raise RestrictedCodeError(f"class {name}: its base is not a class")
            if base not in self._bases and not is_own(base):
                raise RestrictedCodeError(
                    f"class {name}: {base.__name__} can't be a base class in a stage"
                )

    def _blocked(self, made: type) -> frozenset[str]:
        blocked: set[str] = set()
        for base in _mro_of(made):
            if base is made:
                continue
            inherited = blocked_names(base)
            if inherited is not None:
                blocked |= inherited
            else:
                allowed = self._table.get(base, frozenset())
                hidden = {name for name in defined_names(base) if not name.startswith("_")}
                blocked |= hidden - allowed - _FORMATS
        return frozenset(blocked)


def make_pattern_check(table: Table) -> Callable[[Any, int, tuple[str, ...]], Any]:
    """Return ``_pattern_``: the check of a class in a match pattern."""

    def check(kind: Any, positional: int, names: tuple[str, ...]) -> Any:
        if not isinstance(kind, type):
            raise TypeError("called match pattern must be a class")
        if positional and is_own(kind):
            names = (*names, *_match_args(kind)[:positional])
        blocked = blocked_names(kind)
        allowed = table.get(kind, frozenset())
        for name in names:
            hidden = name not in allowed if blocked is None else name in blocked
            if hidden or name in _FORMATS or name in HIDDEN_SOMEWHERE:
                raise RestrictedCodeError(
                    f'".{name}" of {kind.__name__!r} is not available in a pattern'
                )
        return kind

    return check


HIDDEN_SOMEWHERE = frozenset({"mro", "with_traceback", "obj", "register", "fget", "fset", "fdel"})
"""Names that a subclass of a pattern's class may have from a base that hides them."""


def _match_args(kind: type) -> tuple[str, ...]:
    found: Mapping[str, Any] = {}
    for base in reversed(_mro_of(kind)):
        found = {**found, **defined_names(base)}
    names = found.get("__match_args__", ())
    return tuple(name for name in names if type(name) is str)
