"""The blocks' half of a guest: what the jail's process loads before it is closed, and calls afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blockyard_blocks.arguments import needs_pydantic
from blockyard_blocks.blocks import Block, block_of
from blockyard_blocks.collecting import shelved
from blockyard_blocks.errors import BlockError
from blockyard_blocks.families import family_modules, load_family
from blockyard_blocks.places import Loader
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType


def make(config: Mapping[str, Any]) -> Callable[[dict[str, Any]], Any]:
    """Load the blocks of ``Catalog.guest_config()`` and return what calls them.

    The call takes {"name", "with"} and returns {"result"}; a block that works on the run's variables is also given
    {"variables"} and also returns them. ``name`` is a block's name (the newest version) or reference. It raises
    BlockError with the code of the stage, or whatever else the block raised.

    ``config["warm"]`` may name blocks whose validators are to be built now; the others' are at their first call.
    """
    loader = Loader()
    found: list[Block] = []
    modules: list[ModuleType] = []
    for category in config.get("families", ()):
        found += [block for versions in load_family(category).values() for block in versions]
        modules += family_modules(category)
    for place in config.get("blocks", {}).values():
        found.append(_block_at(place, loader))
        modules.append(loader.module(place))
    blocks = _by_name(found)
    _preload(modules)
    for block in found:
        if needs_pydantic(block.signature.tenant, block.types):
            _ = block.check
    for name in config.get("warm", ()):
        if name in blocks:
            _ = blocks[name].check
    return lambda request: _answer(blocks, request)


def _block_at(place: Mapping[str, str | None], loader: Loader) -> Block:
    category, _, _ = (place["name"] or "").partition(".")
    source = place["file"] or place["module"] or "?"
    return block_of(loader.function(place), category=category, source=source)


def _by_name(found: list[Block]) -> dict[str, Block]:
    blocks: dict[str, Block] = {}
    for versions in shelved(found).values():
        blocks[versions[0].name] = versions[0]
        blocks.update({block.reference: block for block in versions})
    return blocks


def _preload(modules: list[ModuleType]) -> None:
    """Call each module's ``preload()``, where it has one: the place for what would read files later."""
    for module in {id(module): module for module in modules}.values():
        preload = getattr(module, "preload", None)
        if callable(preload):
            preload()


def _answer(blocks: Mapping[str, Block], request: Mapping[str, Any]) -> dict[str, Any]:
    block = blocks.get(request["name"])
    if block is None:
        raise BlockError(Code.BLOCK_NOT_FOUND, f"the guest has no block '{request['name']}'")
    arguments: dict[str, Any] = request.get("with") or {}
    if block.takes_variables:
        variables: dict[str, Any] = request.get("variables") or {}
        return {"result": _called(block, arguments, variables), "variables": variables}
    return {"result": _called(block, arguments, None)}


def _called(block: Block, arguments: Mapping[str, Any], variables: dict[str, Any] | None) -> Any:
    """Call a block; an exception of a kind that has a code of its own becomes a BlockError."""
    try:
        return block.call(arguments, variables=variables)
    except BlockError:
        raise
    except AssertionError as error:
        raise BlockError(Code.ASSERTION_ERROR, _words(block, error)) from error
    except (ValueError, ArithmeticError) as error:
        raise BlockError(Code.INVALID_ARGUMENT, _words(block, error)) from error
    except TypeError as error:
        raise BlockError(Code.INVALID_TYPE, _words(block, error)) from error


def _words(block: Block, error: Exception) -> str:
    return f"{block.name}: {str(error) or type(error).__name__}"
