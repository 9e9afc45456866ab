"""The section ``concurrency`` of a document: how many runs with one key there are at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blockyard_platform.filters import text_of
from blockyard_platform.plain import is_mapping
from blockyard_platform.triggers.filling import Given, filled
from blockyard_platform.triggers.findings import Findings
from blockyard_platform.triggers.overlap import Group, group_key
from blockyard_schemas.trigger_schema import LONGEST_GROUP, MOST_AT_ONCE

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from blockyard_platform.triggers.findings import Path
    from blockyard_schemas.problems import Problem

_KEYS = ("group", "max", "cancel-in-progress")


def read_concurrency(
    value: Any, params: Collection[str], path: Path = ("concurrency",)
) -> tuple[Group | None, tuple[Problem, ...]]:
    """Read ``concurrency`` of a document that declares these params; never raises. Without a group there are problems."""
    findings = Findings()
    row: dict[str, Any] | None = {"group": value}
    key = path
    if is_mapping(value):
        row, key = findings.mapping(value, path, "concurrency", _KEYS), (*path, "group")
    group = None if row is None else _group(row, path, key, params, findings)
    return (None if findings.problems else group), tuple(findings.problems)


def _group(
    row: dict[str, Any], path: Path, key: Path, params: Collection[str], findings: Findings
) -> Group | None:
    if "group" not in row:
        findings.add("missing-key", path, "concurrency needs the key 'group'", "add 'group:'")
        return None
    text = findings.text(row["group"], key, LONGEST_GROUP)
    most = findings.whole(row.get("max", 1), (*path, "max"), 1, MOST_AT_ONCE)
    cancel = findings.flag(row.get("cancel-in-progress", False), (*path, "cancel-in-progress"))
    if text is None or most is None or cancel is None:
        return None
    findings.templates(text, key, Given("params", tuple(params)))
    if "${{" not in text:
        try:
            group_key(text)
        except ValueError as error:
            findings.add("format", key, str(error))
    return Group(text, most, cancel)


def key_of(group: Group, params: Mapping[str, Any]) -> str:
    """Return the key of a run's group, filled from its params. Raises ExpressionError, and ValueError for one that cannot be."""
    return group_key(text_of(filled(group.group, "params", dict(params))))
