"""Blocks of installed packages: the entry points of the group ``blockyard.blocks``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blockyard_blocks.errors import CatalogError, LoadError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "blockyard.blocks"


def load_entry_points() -> list[tuple[str, Any]]:
    """Return what each entry point of the group names, with its source in words, in the order of their names.

    Raises LoadError when one cannot be loaded.
    """
    if not _any_declared():
        return []
    from importlib.metadata import entry_points

    found = sorted(entry_points(group=GROUP), key=lambda item: (item.name, item.value))
    return [_loaded(item) for item in found]


def _loaded(item: EntryPoint) -> tuple[str, Any]:
    package = item.dist.name if item.dist else "an unknown package"
    source = f"the entry point {item.name} = {item.value} of {package}"
    try:
        return source, item.load()
    except CatalogError:
        raise
    except (Exception, SystemExit) as error:
        raise LoadError(source, f"{type(error).__name__}: {error}") from error


def _any_declared() -> bool:
    """Whether some installed package may have entry points of the group.

    Reading the few files is far quicker than to import the library that reads them properly, and most have none.
    """
    for entry in dict.fromkeys(sys.path):
        folder = Path(entry or ".")
        if folder.is_file():
            return True  # an archive: leave it to the library
        for pattern in ("*.dist-info/entry_points.txt", "*.egg-info/entry_points.txt"):
            for file in folder.glob(pattern):
                if GROUP.encode() in _bytes_of(file):
                    return True
    return False


def _bytes_of(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""
