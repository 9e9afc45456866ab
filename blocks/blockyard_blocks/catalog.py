"""The catalog: the blocks that a platform, or a tenant of it, has. A value; each change makes a new one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import TYPE_CHECKING, Any

from blockyard_blocks.blocks import Block, block_of
from blockyard_blocks.collecting import Shelf, blocks_in, shelved
from blockyard_blocks.errors import CatalogError, LoadError
from blockyard_blocks.families import FAMILIES, load_family, load_hosted
from blockyard_blocks.interfaces import Interfaces
from blockyard_blocks.naming import nearest, read_reference

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from os import PathLike

    from blockyard_schemas.blocks_interface import BlockInterface

__all__ = ["Block", "Catalog"]


@dataclass(frozen=True)
class Catalog:
    """Blocks by name and version.

    ``own`` are those that were added, ``families`` the built-in categories (loaded when they are first needed),
    ``opened`` the references of the private blocks that may be used, ``values`` what host blocks' positional
    parameters are filled with. ``hosted`` are categories of host blocks, by the modules that hold them.
    """

    own: Shelf = field(default_factory=dict[str, "tuple[Block, ...]"])
    families: tuple[str, ...] = ()
    opened: frozenset[str] = frozenset()
    values: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    hosted: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])

    @staticmethod
    def builtin() -> Catalog:
        """Return the built-in blocks; nothing of them is loaded yet."""
        return Catalog(families=tuple(sorted(FAMILIES)))

    @staticmethod
    def of(*functions: Callable[..., Any], values: Mapping[str, Any] | None = None) -> Catalog:
        """Return a catalog of decorated functions, the private ones opened.

        The category is the last part of the module's name. Raises DeclarationError, MissingValueError, NameClashError.
        """
        blocks = [
            block_of(
                function,
                category=function.__module__.rpartition(".")[2],
                source=f"{function.__module__}.{function.__qualname__}",
                values=values,
            )
            for function in functions
        ]
        opened = frozenset(block.reference for block in blocks if block.private)
        return Catalog(opened=opened, values=dict(values or {})).with_blocks(blocks)

    def with_blocks(self, blocks: Iterable[Block]) -> Catalog:
        """Return the catalog with more blocks; raise NameClashError, which names both sources."""
        added = tuple(blocks)
        for category in {block.category for block in added} & {*self.families, *self.hosted}:
            shelved([*_flat(self._lazy(category)), *added])
        return replace(self, own=shelved([*_flat(self.own), *added]))

    def with_folder(self, path: str | PathLike[str]) -> Catalog:
        """Return the catalog with the blocks of a folder's Python files, each file a category.

        A file is executed as it is, so the folder is the admin's. Private blocks stay closed until ``with_private``.
        Raises LoadError with file and line, DeclarationError, MissingValueError, NameClashError.
        """
        from pathlib import Path

        from blockyard_blocks.folders import load_folder

        return self.with_blocks(load_folder(Path(path), self.values))

    def with_hosted(self, modules: Mapping[str, tuple[str, ...]]) -> Catalog:
        """Return the catalog with host blocks by category: modules that are imported when a block is first looked up.

        Raises CatalogError when a category is that of a built-in family.
        """
        both = sorted(set(modules) & set(self.families))
        if both:
            raise CatalogError(f"the category '{both[0]}' is that of a built-in family")
        return replace(self, hosted={**self.hosted, **modules})

    def with_entry_points(self) -> Catalog:
        """Return the catalog with the blocks of installed packages (entry points of ``blockyard.blocks``).

        An entry point gives a module, a Catalog, or a function that returns one of the two.
        Raises LoadError, DeclarationError, MissingValueError, NameClashError.
        """
        from blockyard_blocks.entry_points import load_entry_points

        catalog = self
        for source, given in load_entry_points():
            catalog = catalog.merge(_given_catalog(source, given, self.values))
        return catalog

    def with_values(self, values: Mapping[str, Any]) -> Catalog:
        """Return the catalog with values for host blocks, by parameter name; they win over earlier ones."""
        merged = {**self.values, **values}
        own = {
            name: tuple(block.with_values(merged) for block in versions)
            for name, versions in self.own.items()
        }
        return replace(self, own=own, values=merged)

    def with_private(self, *uses: str) -> Catalog:
        """Return the catalog with private blocks opened, by name (all versions) or reference; raise CatalogError."""
        opened: set[str] = set()
        for text in uses:
            found = [block for block in self._named(text) if block.private]
            if not found:
                raise CatalogError(f"there is no private block '{text}' to open")
            opened.update(block.reference for block in found)
        return replace(self, opened=self.opened | opened)

    def merge(self, other: Catalog) -> Catalog:
        """Return the blocks, opened private blocks and values of both; raise NameClashError."""
        together = replace(
            self,
            families=tuple(sorted({*self.families, *other.families})),
            opened=self.opened | other.opened,
            values={**self.values, **other.values},
            hosted={**self.hosted, **other.hosted},
        )
        return together.with_blocks([*_flat(self.own), *_flat(other.own)])

    def find(self, uses: str) -> Block | None:
        """Return a block by ``text.join`` (the newest version), ``text.join@v1`` or ``text/join@v1``.

        Names are exact. ``None`` for a block that is not there, or private and not opened.
        """
        return next((block for block in self._named(uses) if self._usable(block)), None)

    def suggest(self, uses: str) -> str | None:
        """Return the nearest name of a block that can be used, for "did you mean"; ``None`` when none is near."""
        names = {block.name for block in self}
        return nearest(uses[:100], names)

    def interfaces(self) -> Mapping[str, BlockInterface]:
        """Return what schemas and editors know of the usable blocks, each made when it is asked for.

        The key is the name; of a block with several versions it is that of the newest, and the others
        stand under their reference (``text.join@v1``).
        """
        found: dict[str, Block] = {}
        for block in self:
            found[block.reference if block.name in found else block.name] = block
        return Interfaces(found)

    def guest_config(self, only: Collection[str] | None = None) -> dict[str, Any]:
        """Return what ``serve.make`` needs to have the same guest blocks in the jail's process, as JSON data.

        ``only`` are spellings of ``uses``: then just those blocks, and the families that they belong to.
        Raises DeclarationError for a block that no other process can load.
        """
        own = [block for block in _flat(self.own) if self._usable(block)]
        families = list(self.families)
        if only is not None:
            named = {block.reference for uses in only for block in self._named(uses)}
            own = [block for block in own if block.reference in named]
            families = sorted({name.partition(".")[0] for name in named} & set(families))
        return {"families": families, "blocks": _places([b for b in own if b.runs == "guest"])}

    def __iter__(self) -> Iterator[Block]:
        """Iterate over the usable blocks in the order of names, newer versions first."""
        blocks = [*_flat(self.own)]
        for category in (*self.families, *self.hosted):
            blocks += _flat(self._lazy(category))
        for _, versions in sorted(shelved(blocks).items()):
            yield from (block for block in versions if self._usable(block))

    def __len__(self) -> int:
        """Return how many blocks can be used."""
        return sum(1 for _ in self)

    def __contains__(self, uses: object) -> bool:
        """Whether a spelling of ``uses`` finds a block."""
        return isinstance(uses, str) and self.find(uses) is not None

    def _lazy(self, category: str) -> Shelf:
        if category in self.families:
            return load_family(category)
        return load_hosted(category, self.hosted[category])

    def _usable(self, block: Block) -> bool:
        return not block.private or block.reference in self.opened

    def _named(self, uses: str) -> list[Block]:
        """Return the blocks of a spelling, newest first, also those that can't be used."""
        reference = read_reference(uses)
        if reference is None:
            return []
        name, version = reference
        blocks = list(self.own.get(name, ()))
        category = name.partition(".")[0]
        if category in self.families or category in self.hosted:
            blocks += self._lazy(category).get(name, ())
            blocks.sort(key=lambda block: block.order, reverse=True)
        return [block for block in blocks if version in (None, block.version)]


def _flat(shelf: Shelf) -> Iterator[Block]:
    return (block for versions in shelf.values() for block in versions)


def _places(blocks: list[Block]) -> dict[str, dict[str, str | None]]:
    if not blocks:
        return {}
    from blockyard_blocks.places import place_of

    return {block.reference: place_of(block) for block in blocks}


def _given_catalog(source: str, given: Any, values: Mapping[str, Any]) -> Catalog:
    """Return the catalog of what an entry point names."""
    if callable(given):
        try:
            given = given()
        except CatalogError:
            raise
        except (Exception, SystemExit) as error:
            raise LoadError(source, f"{type(error).__name__}: {error}") from error
    if isinstance(given, Catalog):
        return given
    if isinstance(given, ModuleType):
        category = given.__name__.rpartition(".")[2]
        return Catalog().with_blocks(
            blocks_in(given, category=category, source=source, values=values)
        )
    raise LoadError(
        source,
        f"it gives a {type(given).__name__}; give a module, a Catalog, or a function that returns one",
    )
