"""Writes: a stage changes what it made itself, and nothing that is shared."""

import collections
from collections.abc import Callable
from typing import Any

from blockyard_sandbox.guest.facade import Facade, title_of
from blockyard_sandbox.guest.failures import RestrictedCodeError
from blockyard_sandbox.guest.own import blocked_names, is_own, kind_of
from blockyard_sandbox.guest.policy.words import advice_for_attribute
from blockyard_sandbox.guest.reading import Read

ITEMS: frozenset[type[Any]] = frozenset(
    {
        dict,
        list,
        bytearray,
        collections.deque,
        collections.defaultdict,
        collections.Counter,
        collections.OrderedDict,
        collections.ChainMap,
    }
)
"""Containers: every one that a stage can hold is its own, no facade hands out a shared one."""

_NATIVE: frozenset[type[Any]] = frozenset({dict, list})


def write(target: Any) -> Any:
    """Return the target of an assignment if a stage may change it (``_write_``)."""
    kind = kind_of(target)
    if kind in ITEMS or blocked_names(kind) is not None or is_own(target):
        return target
    if kind is Facade:
        raise RestrictedCodeError(f"module {title_of(target)} can't be changed")
    raise RestrictedCodeError(
        f"a {kind.__name__} can't be changed here: only containers and objects of your own classes can"
    )


class Augmented:
    """The target of ``target.name += value`` or ``target[key] += value``: evaluated once, guarded both ways."""

    __slots__ = ("__read", "__target")

    def __init__(self, target: Any, read: Read) -> None:
        """Keep the target, which may be changed."""
        object.__setattr__(self, "_Augmented__target", target)
        object.__setattr__(self, "_Augmented__read", read)

    def __getattr__(self, name: str) -> Any:
        """Read under the guard."""
        read = object.__getattribute__(self, "_Augmented__read")
        return read(object.__getattribute__(self, "_Augmented__target"), name)

    def __setattr__(self, name: str, value: Any) -> None:
        """Write to the target."""
        setattr(object.__getattribute__(self, "_Augmented__target"), name, value)

    def __getitem__(self, key: Any) -> Any:
        """Read an item."""
        return object.__getattribute__(self, "_Augmented__target")[key]

    def __setitem__(self, key: Any, value: Any) -> None:
        """Write an item."""
        object.__getattribute__(self, "_Augmented__target")[key] = value


def make_augment(read: Read) -> Callable[[Any], Any]:
    """Return ``_augment_``: it gives what stands for the target of an augmented assignment."""

    def augment(target: Any) -> Any:
        if kind_of(target) in _NATIVE:
            return target
        return Augmented(write(target), read)

    return augment


def check_written_name(name: Any) -> str:
    """Return the name that ``setattr`` or ``delattr`` was given, if it is a public one."""
    if type(name) is not str:
        raise RestrictedCodeError(
            "the name of an attribute must be text itself, not a subclass of it"
        )
    if name.startswith("_"):
        raise RestrictedCodeError(advice_for_attribute(name))
    return name
