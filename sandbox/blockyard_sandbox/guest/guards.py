"""The guards that rewritten text calls by name, beside those of reads and writes."""

import types
from collections.abc import Callable, Mapping
from typing import Any

from blockyard_sandbox.guest.facade import Facade
from blockyard_sandbox.guest.failures import RestrictedCodeError
from blockyard_sandbox.guest.own import kind_of

_MISSING = object()


class Managed:
    """A context manager as ``with`` sees it: its exit is told the exception, not the traceback."""

    __slots__ = ("_kind", "_manager")

    def __init__(self, manager: Any) -> None:
        """Keep the manager."""
        self._manager = manager
        self._kind: Any = kind_of(manager)

    def __enter__(self) -> Any:
        """Enter the manager."""
        return self._kind.__enter__(self._manager)

    def __exit__(self, kind: object, error: object, traceback: object) -> Any:
        """Leave the manager, without the traceback: it leads to frames.

        A manager may take the missing traceback for the error's own (``contextmanager`` does), so that is put back.
        """
        try:
            return self._kind.__exit__(self._manager, kind, error, None)
        finally:
            if isinstance(error, BaseException) and isinstance(traceback, types.TracebackType):
                error.__traceback__ = traceback


def managed(manager: object) -> Managed:
    """Return what stands for the object of a ``with`` statement (``_with_``)."""
    kind = kind_of(manager)
    if not hasattr(kind, "__enter__") or not hasattr(kind, "__exit__"):
        raise TypeError(f"{kind.__name__!r} object can't be used with 'with'")
    return Managed(manager)


class Box:
    """Holds the value of a dotted name in a pattern (``_box_``)."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        """Keep the value."""
        self.value = value


def subject(value: Any, *_classes: Any) -> Any:
    """Return the subject of a match, once the classes of its patterns were looked at (``_subject_``)."""
    return value


def make_import(catalogue: Mapping[str, Mapping[str, Any]]) -> Callable[..., Any]:
    """Return ``_import_(module)`` and ``_import_(module, name)``.

    The policy has checked both names already; they are looked up again here, not trusted.
    """
    facades = {name: Facade(name, names) for name, names in catalogue.items()}

    def look_up(module: str, name: str | None = None) -> Any:
        found = facades.get(module) if name is None else catalogue[module].get(name, _MISSING)
        if found is None or found is _MISSING:
            raise RestrictedCodeError(f"there is no {module} {name or ''} in a stage")
        return found

    return look_up
