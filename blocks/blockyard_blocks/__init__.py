"""Blocks: typed functions with tags and limits, and the catalog that holds them."""

from blockyard_blocks.blocks import Block
from blockyard_blocks.catalog import Catalog
from blockyard_blocks.context import Context
from blockyard_blocks.declaring import UNSET, Example, block
from blockyard_blocks.errors import ArgumentsError, BlockError, CatalogError

__all__ = [
    "UNSET",
    "ArgumentsError",
    "Block",
    "BlockError",
    "Catalog",
    "CatalogError",
    "Context",
    "Example",
    "block",
]
