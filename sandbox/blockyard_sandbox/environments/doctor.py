"""What ``blockyard doctor`` tells of virtual-python stages: uv, the package index, and the environments that are kept."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from blockyard_sandbox.index.settings import IndexSettings


@dataclass(frozen=True, slots=True)
class EnvironmentReport:
    """How virtual-python stages stand: ``usable`` tells whether environments can be built, ``detail`` what is missing."""

    usable: bool
    uv: str | None
    detail: str
    indexes: tuple[str, ...]
    folder: str
    environments: int

    def as_dict(self) -> dict[str, object]:
        """Return plain data."""
        return {
            "usable": self.usable,
            "uv": self.uv,
            "detail": self.detail,
            "indexes": list(self.indexes),
            "folder": self.folder,
            "environments": self.environments,
        }


def examine_environments(folder: Path, settings: IndexSettings) -> EnvironmentReport:
    """Ask uv what it is, and look at the folder; nothing is fetched."""
    version, detail = _uv()
    addresses = tuple(index.url for index in settings.indexes)
    if version is not None and not addresses:
        detail = "no package index is set up"
    kept = folder / "environments"
    count = sum(1 for _ in kept.iterdir()) if kept.is_dir() else 0
    usable = version is not None and bool(addresses)
    return EnvironmentReport(usable, version, detail, addresses, str(folder), count)


def _uv() -> tuple[str | None, str]:
    from uv import find_uv_bin

    try:
        asked = subprocess.run(  # noqa: S603  (our own dependency, with fixed words)
            [find_uv_bin(), "--version"], capture_output=True, text=True, check=True, timeout=60
        )
    except (OSError, subprocess.SubprocessError) as error:
        return None, f"uv does not start: {error}"
    return asked.stdout.split()[1], "environments can be built"
