"""Where the platform keeps what tenants store with host blocks: it cannot be made again, unlike what is in the cache."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "BLOCKYARD_DATA"
"""The variable of the platform that names the folder."""


def data_folder() -> Path:
    """Return the folder for data: BLOCKYARD_DATA, or the user's folder for data (XDG base directories). Nothing is made."""
    chosen = os.environ.get(VARIABLE)
    if chosen:
        return Path(chosen).absolute()
    base = os.environ.get("XDG_DATA_HOME") or ""
    return (Path(base) if base.startswith("/") else Path.home() / ".local/share") / "blockyard"
