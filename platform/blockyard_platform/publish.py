"""The published schemas: written by ``python -m blockyard_platform.publish [FOLDER]``, held up to date by a test."""

from __future__ import annotations

import sys
from pathlib import Path


def published() -> dict[str, str]:
    """Return the text of each published file by its name: the personal policy with the built-in blocks."""
    from blockyard_blocks.catalog import Catalog
    from blockyard_schemas.policy import personal_policy
    from blockyard_schemas.publishing import published_files

    return published_files(personal_policy(), Catalog.builtin().interfaces())


def folder() -> Path:
    """Return the folder of the repository in which the published files lie."""
    import blockyard_schemas

    return Path(str(blockyard_schemas.__file__)).parents[1]


def publish(target: Path) -> list[Path]:
    """Write the files into a folder; return those that changed."""
    from blockyard_schemas.publishing import stale_files

    expected = published()
    present = {
        name: (target / name).read_text(encoding="utf-8")
        for name in expected
        if (target / name).exists()
    }
    changed = [target / name for name in stale_files(expected, present)]
    for path in changed:
        path.write_text(expected[path.name], encoding="utf-8")
    return changed


if __name__ == "__main__":
    for changed in publish(Path(sys.argv[1]) if len(sys.argv) > 1 else folder()):
        sys.stdout.write(f"{changed}\n")
