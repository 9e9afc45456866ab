"""Loading a folder of an admin's Python files: each file is a category of blocks."""

from __future__ import annotations

import sys
import traceback
import zlib
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blockyard_blocks.collecting import blocks_in
from blockyard_blocks.errors import LoadError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    from blockyard_blocks.blocks import Block


FILE_MODULES = "blockyard_file_"
"""How the names of modules begin that were loaded from a file."""


def load_folder(folder: Path, values: Mapping[str, Any]) -> list[Block]:
    """Return the blocks of all ``*.py`` files of a folder, by file name; those with a leading ``_`` are passed over.

    Raises LoadError, DeclarationError and MissingValueError.
    """
    if not folder.is_dir():
        raise LoadError(str(folder), "there is no such folder")
    found: list[Block] = []
    for file in sorted(folder.glob("*.py")):
        if not file.name.startswith("_"):
            module = load_file(file)
            found += blocks_in(module, category=file.stem, source=str(file), values=values)
    return found


def load_file(file: Path) -> ModuleType:
    """Execute a file as a module of a name of its own, which no other import meets; raise LoadError."""
    path = file.resolve()
    name = f"{FILE_MODULES}{zlib.crc32(str(path).encode()):08x}_{path.stem}"
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise LoadError(str(file), "it is not a Python file")
    module = module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pydantic look their module up there
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise _located(path, error) from error
    return module


def _located(path: Path, error: BaseException) -> LoadError:
    """Return the error with the line of the file that it came from."""
    reason = f"{type(error).__name__}: {error}"
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return LoadError(str(path), f"{type(error).__name__}: {error.msg}", error.lineno)
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == str(path)
    ]
    return LoadError(str(path), reason, lines[-1] if lines else None)
