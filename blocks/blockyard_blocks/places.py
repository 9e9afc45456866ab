"""Where a guest block's function is, so that another process can load it."""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blockyard_blocks.errors import DeclarationError, LoadError
from blockyard_blocks.folders import FILE_MODULES, load_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

    from blockyard_blocks.blocks import Block


def place_of(block: Block) -> dict[str, str | None]:
    """Return module, file and function as JSON data; raise DeclarationError when it has no place at module level."""
    function = block.function
    name: str = function.__qualname__
    if "<" in name:
        reason = "it is defined inside a function; put it at the top of a module, so that a guest can load it"
        raise DeclarationError(block.name, block.source, reason)
    module: str | None = function.__module__
    file = inspect.getsourcefile(inspect.unwrap(function))
    if module == "__main__" or (module or "").startswith(FILE_MODULES):
        module = None
    path = str(Path(file).resolve()) if file and Path(file).is_file() else None
    if module is None and path is None:
        reason = "it has no file; put it into one, so that a guest can load it"
        raise DeclarationError(block.name, block.source, reason)
    return {"name": block.name, "module": module, "file": path, "function": name}


class Loader:
    """Loads functions of places; each file is executed once."""

    def __init__(self) -> None:
        """Begin with no file loaded."""
        self._files: dict[str, ModuleType] = {}

    def function(self, place: Mapping[str, str | None]) -> Callable[..., Any]:
        """Return the function of a place; raise LoadError."""
        found: Any = self.module(place)
        for part in (place["function"] or "").split("."):
            found = getattr(found, part, None)
        if callable(found):
            function: Callable[..., Any] = found
            return function
        source = place["file"] or place["module"] or "?"
        raise LoadError(source, f"it has no function {place['function']}")

    def module(self, place: Mapping[str, str | None]) -> ModuleType:
        """Return the module of a place, by its name or, where the name leads elsewhere, by its file."""
        name, file = place["module"], place["file"]
        found = _imported(name) if name else None
        if found is not None and (file is None or _is_file(found, file)):
            return found
        if file is None:
            raise LoadError(name or "?", "there is no such module")
        if file not in self._files:
            self._files[file] = load_file(Path(file))
        return self._files[file]


def _imported(name: str) -> ModuleType | None:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(error.name + ".")):
            return None
        raise


def _is_file(module: ModuleType, file: str) -> bool:
    own = getattr(module, "__file__", None)
    return own is not None and str(Path(own).resolve()) == file
