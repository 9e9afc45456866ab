"""The built-in families: which modules hold the blocks of which category.

A family is loaded when a block of it is first looked up, so that a run pays for what it uses.
"""

from functools import cache
from importlib import import_module
from types import ModuleType

from blockyard_blocks.blocks import Block
from blockyard_blocks.collecting import Shelf, blocks_in, shelved
from blockyard_blocks.errors import DeclarationError

FAMILIES: dict[str, tuple[str, ...]] = {
    "csv": ("csv_texts",),
    "date": ("date_parts", "date_arithmetic"),
    "dict": ("dict_changes", "dict_parts"),
    "hash": ("hash_digests",),
    "json": ("json_texts", "json_values"),
    "list": ("list_changes", "list_parts"),
    "logic": ("logic_choices", "logic_operations"),
    "math": ("math_numbers", "math_lists"),
    "object": ("object_values",),
    "regex": ("regex_patterns",),
    "table": ("table_rows", "table_columns", "table_groups", "table_joins"),
    "text": ("text_shape", "text_parts", "text_templates"),
    "variable": ("variable_values",),
}
"""The modules of this package by category."""


def family_modules(category: str) -> list[ModuleType]:
    """Return the modules of a built-in category, imported."""
    return [import_module(f"{__name__}.{name}") for name in FAMILIES[category]]


@cache
def load_family(category: str) -> Shelf:
    """Return the blocks of a built-in category by name."""
    found: list[Block] = []
    for module in family_modules(category):
        found += blocks_in(module, category=category, source="the built-in blocks", values={})
    return shelved(found)


@cache
def load_hosted(category: str, modules: tuple[str, ...]) -> Shelf:
    """Return the host blocks of modules, by name; raise DeclarationError for a block that runs in the guest."""
    found: list[Block] = []
    for name in modules:
        found += blocks_in(import_module(name), category=category, source=name, values={})
    for block in found:
        if block.runs != "host":
            raise DeclarationError(block.name, block.source, "only host blocks are loaded this way")
    return shelved(found)
