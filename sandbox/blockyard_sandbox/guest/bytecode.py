"""The operation ``bytecode``: what is imported from a folder that nobody can write is compiled beforehand."""

import compileall
import importlib.util
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from blockyard_sandbox.guest import programs

_FEW = 100
"""Files that are compiled here; for more, processes that work side by side are worth their start."""


def make(_: Any) -> Callable[[dict[str, Any]], Any]:
    """Return the operation: {"python", "magic", "folder", "env"} -> {"files", "cpu_seconds"}; ``magic`` is the interpreter's, in hex digits.

    A file that cannot be compiled is left as it is: packages hold such files on purpose.
    """
    return bytecode


def bytecode(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Compile all below a folder, here when this interpreter writes what that one reads."""
    before = programs.used()
    folder: str = payload["folder"]
    files = _sources(folder)
    if len(files) <= _FEW and payload["magic"] == importlib.util.MAGIC_NUMBER.hex():
        for file in files:
            compileall.compile_file(file, quiet=2)
    elif files:
        words = [payload["python"], "-I", "-m", "compileall", "-q", "-q", "-j", "0", folder]
        programs.run(words, payload["env"], says=False)
    return {"files": len(files), "cpu_seconds": programs.used() - before}


def _sources(folder: str) -> list[str]:
    """Return the paths of all sources below a folder, however deep it goes."""
    found: list[str] = []
    waiting = [folder]
    while waiting:
        with suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                elif entry.name.endswith(".py"):
                    found.append(entry.path)
    return found
