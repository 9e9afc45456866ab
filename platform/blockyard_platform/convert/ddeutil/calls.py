"""``uses: module/function@tag`` as a block of a catalog."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from blockyard_blocks.naming import is_name, is_version, read_reference

if TYPE_CHECKING:
    from blockyard_platform.admission.walk import Pointer
    from blockyard_platform.convert.ddeutil.index import Index

_CALLER = re.compile(r"([^/@\s]+)/([^/@\s]+)(?:@(\S+))?")
_OTHER = re.compile(r"[^a-z0-9_]+")


def block_of(uses: str, pointer: Pointer, index: Index) -> str:
    """Return the block that stands for a caller: ``tasks/simple-task@demo`` is ``tasks.simple_task``."""
    found = _CALLER.fullmatch(uses)
    if found is None:
        if read_reference(uses) is None:
            index.findings.lost(
                pointer, f"'{uses[:60]}' names no caller", "write module/function@tag, or a block"
            )
        return uses
    module, function, tag = found.groups()
    name = f"{_word(module)}.{_word(function)}"
    if not is_name(name):
        index.findings.lost(
            pointer,
            f"'{uses[:60]}' cannot be a block's name",
            "names have letters, digits and _, and begin with a letter",
        )
        return uses
    index.findings.differs(
        pointer,
        f"the caller '{uses}' is the block '{name}' here, and what it returns is its output `result`",
        f"register a function with @block as '{name}' in a catalog; {_about(tag)}",
    )
    return f"{name}@{tag}" if tag is not None and is_version(tag) else name


def _word(text: str) -> str:
    return _OTHER.sub("_", text.lower()).strip("_")


def _about(tag: str | None) -> str:
    if tag is None or is_version(tag):
        return "a version is written @v1"
    return f"the tag '{tag}' is dropped: a version is written @v1"
