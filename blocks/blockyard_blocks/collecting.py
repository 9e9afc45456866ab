"""Collecting blocks: those that a module defines, and many of them by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from blockyard_blocks.blocks import Block, block_of
from blockyard_blocks.declaring import declaration_of
from blockyard_blocks.errors import NameClashError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import ModuleType

Shelf: TypeAlias = "dict[str, tuple[Block, ...]]"
"""Blocks by name; the versions of one name from the newest to the oldest."""


def blocks_in(
    module: ModuleType, *, category: str, source: str, values: Mapping[str, Any]
) -> list[Block]:
    """Return the blocks of a module: the decorated functions that it defines itself, not those it imports.

    Raises DeclarationError and MissingValueError.
    """
    functions = {
        id(value): value
        for value in vars(module).values()
        if declaration_of(value) is not None
        and getattr(value, "__module__", None) == module.__name__
    }
    return [
        block_of(function, category=category, source=source, values=values)
        for function in functions.values()
    ]


def shelved(blocks: Iterable[Block]) -> Shelf:
    """Return blocks by name; raise NameClashError when two of them have one name and version.

    One function that comes twice is one block: two catalogs that are merged may share some.
    """
    found: dict[str, dict[int, Block]] = {}
    for block in blocks:
        versions = found.setdefault(block.name, {})
        first = versions.setdefault(block.order, block)
        if first.function is not block.function:
            raise NameClashError(block.reference, first.source, block.source)
    return {
        name: tuple(versions[order] for order in sorted(versions, reverse=True))
        for name, versions in found.items()
    }
