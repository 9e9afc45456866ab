"""The interfaces of many blocks, each made when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from blockyard_schemas.blocks_interface import BlockInterface

if TYPE_CHECKING:
    from blockyard_blocks.blocks import Block


class Interfaces(Mapping[str, BlockInterface]):
    """A read-only mapping of names to interfaces, in the order of the blocks that it is given."""

    def __init__(self, blocks: Mapping[str, Block]) -> None:
        """Keep the blocks by name."""
        self._blocks = dict(blocks)

    def __getitem__(self, name: str) -> BlockInterface:
        """Return one interface, made at the first time."""
        return self._blocks[name].interface

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self._blocks)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._blocks)

    def __contains__(self, name: object) -> bool:
        """Whether there is such a block; makes nothing."""
        return name in self._blocks
