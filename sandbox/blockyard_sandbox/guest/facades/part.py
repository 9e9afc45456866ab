"""A part of the facades: the modules it offers, and the types that come out of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any


@dataclass(frozen=True, slots=True)
class Tools:
    """What a facade needs of the language: the guard of reads, and the adoption of a class made for a stage."""

    read: Callable[[Any, Any], Any]
    adopt: Callable[[type], type]


@dataclass(frozen=True, slots=True)
class Part:
    """What a part adds to the language.

    ``modules`` are sets of names by module; ``types`` the classes that come out of them, each with the
    attributes that a stage may read; ``bases`` the classes that a stage's own classes may build upon.
    """

    modules: Mapping[str, Mapping[str, Any]]
    types: tuple[tuple[type, str], ...] = ()
    bases: tuple[type, ...] = ()


def pick(module: ModuleType, names: str) -> dict[str, Any]:
    """Return chosen names of a module; those that this version of Python does not have are left out."""
    return {name: getattr(module, name) for name in names.split() if hasattr(module, name)}
