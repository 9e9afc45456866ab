"""The published schemas: written by ``python -m blockyard_platform.publish [FOLDER]``, held up to date by a test."""

from __future__ import annotations

import json
import sys
from pathlib import Path


def published() -> dict[str, str]:
    """Return the text of each published file by its name: the personal policy with the built-in blocks, and policies."""
    from blockyard_blocks.catalog import Catalog
    from blockyard_schemas.compiler import compile_policy_schema, compile_schema
    from blockyard_schemas.policy import personal_policy

    schemas = {
        "workflow.schema.json": compile_schema(personal_policy(), Catalog.builtin().interfaces()),
        "policy.schema.json": compile_policy_schema(),
    }
    return {
        name: json.dumps(schema, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
        for name, schema in schemas.items()
    }


def folder() -> Path:
    """Return the folder of the repository in which the published files lie."""
    import blockyard_schemas

    return Path(str(blockyard_schemas.__file__)).parents[1]


def publish(target: Path) -> list[Path]:
    """Write the files into a folder; return those that changed."""
    changed: list[Path] = []
    for name, text in published().items():
        path = target / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            changed.append(path)
    return changed


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else folder()
    for path in publish(target):
        sys.stdout.write(f"{path}\n")
