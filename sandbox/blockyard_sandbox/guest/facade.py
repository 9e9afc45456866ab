"""A facade: a frozen set of chosen names that stands where a module would."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NoReturn

from blockyard_sandbox.guest.failures import RestrictedCodeError


class Facade:
    """What ``import json`` gives: chosen functions and classes, and no way to anything else.

    It has no attributes of its own that a stage could read; the guard of attribute reads looks into ``names``.
    """

    __slots__ = ("__names", "__title")

    def __init__(self, title: str, names: Mapping[str, Any]) -> None:
        """Keep the names; they never change."""
        object.__setattr__(self, "_Facade__title", title)
        object.__setattr__(self, "_Facade__names", MappingProxyType(dict(names)))

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        """Refuse: a facade is shared."""
        raise RestrictedCodeError("a module can't be changed")

    def __delattr__(self, name: str) -> NoReturn:
        """Refuse: a facade is shared."""
        raise RestrictedCodeError("a module can't be changed")

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        """Refuse: a copy would not be frozen."""
        raise TypeError("a module can't be copied")

    def __repr__(self) -> str:
        """Show the title."""
        return f"<module {title_of(self)!r}>"


def names_of(facade: Facade) -> Mapping[str, Any]:
    """Return what a facade offers."""
    names: Mapping[str, Any] = object.__getattribute__(facade, "_Facade__names")
    return names


def title_of(facade: Facade) -> str:
    """Return the name of the module that a facade stands for."""
    title: str = object.__getattribute__(facade, "_Facade__title")
    return title
