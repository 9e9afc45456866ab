"""Looking whether files are there, by users who may not look everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def is_seen(place: Path) -> bool:
    """Say whether something is there that this user may see: a folder that is shut for them has nothing in it."""
    try:
        place.stat()
    except OSError:
        return False
    return True
