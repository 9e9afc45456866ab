"""Volumes and credentials of containers: names here, paths and secrets there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blockyard_platform.convert.ddeutil.texts import value
from blockyard_platform.plain import is_mapping

if TYPE_CHECKING:
    from blockyard_platform.admission.walk import Pointer
    from blockyard_platform.convert.ddeutil.index import Index

_PATH = ("/", ".", "~", "$")


def volumes(stage: dict[str, Any], item: Any, pointer: Pointer, index: Index) -> None:
    """Put the volumes that are named into a stage, and note those that are paths of the host."""
    if not is_mapping(item):
        stage["volume"] = item
        return
    named: dict[str, Any] = {}
    for source, target in item.items():
        if source.startswith(_PATH) or "/" in source:
            index.findings.lost(
                (*pointer, source),
                f"the path '{source[:60]}' of the host cannot be mounted by a document",
                "let an admin name the volume in the policy, and write volume: {name: /path}",
            )
        else:
            named[source] = value(target, (*pointer, source), index)
    if named:
        stage["volume"] = named


def credentials(stage: dict[str, Any], item: Any, pointer: Pointer, index: Index) -> None:
    """Put the name of credentials into a stage; note credentials that are written out."""
    if isinstance(item, str):
        stage["auth"] = value(item, pointer, index)
    elif item:
        index.findings.lost(
            pointer,
            "credentials do not stand in a document",
            "let an admin name them in the policy, and write auth: name",
        )
