"""The one place where the language is put together: known types, facades, builtin names, guards."""

import functools
import sys
import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from blockyard_sandbox.guest.classes import ClassMaker, make_pattern_check
from blockyard_sandbox.guest.facades import parts
from blockyard_sandbox.guest.facades.part import Tools
from blockyard_sandbox.guest.failures import RestrictedCodeError
from blockyard_sandbox.guest.guards import Box, make_import, managed, subject
from blockyard_sandbox.guest.known import core_bases, core_types
from blockyard_sandbox.guest.names import builtin_names
from blockyard_sandbox.guest.reading import Readers, Table, make_readers
from blockyard_sandbox.guest.writing import make_augment, write

MODULE = "stage"
"""The ``__name__`` of a stage's text, and of the empty module that stands for it where the library looks one up."""

Catalogue = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Language:
    """What a stage can reach: the builtins (guards included), the facades, the table of known types."""

    builtins: Mapping[str, Any]
    catalogue: Catalogue
    table: Table
    readers: Readers


@functools.cache
def language() -> Language:
    """Build the language, once in a process; everything in it is frozen or has no state."""
    table = core_types()
    table[RestrictedCodeError] = frozenset({"args"})
    readers = make_readers(table)
    bases = core_bases()
    maker = ClassMaker(table, bases)
    catalogue = dict[str, Mapping[str, Any]]()
    for part in parts(Tools(readers.read_unchecked, maker.adopt)):
        table.update({kind: frozenset(names.split()) for kind, names in part.types})
        catalogue.update(part.modules)
        bases.update(part.bases)
    sys.modules.setdefault(MODULE, types.ModuleType(MODULE))
    names: dict[str, Any] = builtin_names(table, readers) | {
        "_getattr_": readers.read,
        "_getspecial_": readers.read_special,
        "_write_": write,
        "_augment_": make_augment(readers.read),
        "_class_": maker,
        "_pattern_": make_pattern_check(table),
        "_subject_": subject,
        "_box_": Box,
        "_with_": managed,
        "_import_": make_import(catalogue),
        "__build_class__": __build_class__,
        "__import__": _already_imported,
    }
    return Language(names, catalogue, table, readers)


def _already_imported(*_: Any, **__: Any) -> None:
    """Stand for ``__import__`` where C code imports on a stage's behalf (``datetime.strptime`` does).

    The interpreter takes the module from those already loaded and ignores what this returns; no text can name it.
    """
