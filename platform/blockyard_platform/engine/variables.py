"""The variables of a program: texts that reach it as data."""

from __future__ import annotations

from typing import Any

from blockyard_platform.errors import StageFailureError
from blockyard_platform.filters import text_of
from blockyard_platform.plain import is_mapping
from blockyard_schemas.statuses import Code

_RESERVED = ("LD_", "GLIBC_", "BASH_FUNC_")
"""Beginnings of variables that would change how programs are loaded; harmless in the jail, and never meant."""

_OF_ENGINES = ("NVIDIA_", "LISTEN_", "_LIBCONTAINER_", "NOTIFY_SOCKET")
"""Beginnings of variables by which container runtimes, and what hooks into them on the host, are told what to do."""


def variables_of(values: Any, *, container: bool = False) -> dict[str, str]:
    """Return variables as texts. Raises StageFailureError for what cannot be one."""
    if values is None:
        return {}
    if not is_mapping(values):
        raise StageFailureError(Code.INVALID_TYPE, "env must be a mapping of names to values")
    reserved = (*_RESERVED, *_OF_ENGINES) if container else _RESERVED
    found: dict[str, str] = {}
    for name, value in values.items():
        if not (name.isascii() and name.isidentifier()) or name.startswith(reserved):
            message = f"env: {name[:60]!r} cannot be the name of a variable"
            raise StageFailureError(Code.INVALID_ARGUMENT, message)
        text = text_of(value)
        if "\0" in text:
            message = f"env: the value of {name} holds a NUL character"
            raise StageFailureError(Code.INVALID_ARGUMENT, message)
        found[name] = text
    return found
