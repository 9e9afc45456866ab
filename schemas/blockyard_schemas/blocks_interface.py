"""What the schema of documents needs to know of a block; the blocks themselves are made elsewhere."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal

_SPELLING = re.compile(
    r"(?P<family>[A-Za-z_]\w*)[./](?P<name>[A-Za-z_]\w*)(?:@(?P<version>\w+))?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class BlockInterface:
    """A block as documents see it.

    ``name`` is ``family.name``; ``limit`` how often a run may use it; ``parameters`` a closed JSON Schema of an object, and
    ``result`` one of its result; ``deprecated`` says what to use instead.
    """

    name: str
    version: str = "v1"
    tags: frozenset[str] = frozenset()
    limit: int | None = None
    runs: Literal["guest", "host"] = "guest"
    private: bool = False
    parameters: dict[str, Any] = field(default_factory=dict[str, Any])
    result: dict[str, Any] = field(default_factory=dict[str, Any])
    doc: str = ""
    deprecated: str | None = None

    @property
    def spellings(self) -> tuple[str, ...]:
        """What documents may write in ``uses``: ``text.join``, ``text.join@v1``, ``text/join@v1``."""
        versioned = f"{self.name}@{self.version}"
        return (self.name, versioned, versioned.replace(".", "/", 1))


def name_of(uses: str) -> str | None:
    """Return the block's name, ``family.name``, of a spelling in ``uses``; ``None`` when it is none."""
    found = _SPELLING.fullmatch(uses)
    if found is None or ("/" in uses and found["version"] is None):
        return None
    return f"{found['family']}.{found['name']}"
