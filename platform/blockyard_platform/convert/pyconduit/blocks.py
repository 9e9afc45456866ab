"""``action`` and ``parameters`` of a step as ``uses`` and ``with``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from blockyard_blocks.naming import is_name
from blockyard_blocks.pyconduit_names import NAMES, Renamed
from blockyard_platform.convert.pyconduit.values import value
from blockyard_platform.plain import is_mapping

if TYPE_CHECKING:
    from blockyard_platform.admission.walk import Pointer
    from blockyard_platform.convert.pyconduit.context import Job

_PLACE = re.compile(r"(\w+)\[(\d)\]")
_ALL = "**"


def call(row: dict[str, Any], pointer: Pointer, job: Job) -> dict[str, Any]:
    """Return the keys ``uses`` and ``with`` of a step's stage."""
    action = row.get("action")
    if not isinstance(action, str):
        what = "a step without an action"
        job.findings.lost(pointer, what, "name a block: action: TEXT.JOIN")
        return {"uses": str(action)}
    found = NAMES.get(action.upper())
    place = (*pointer, "action")
    if found is None:
        return {"uses": _own(action, place, job), **_with(row, Renamed(action), pointer, job)}
    if found.note and found.name not in job.told:
        job.told.add(found.name)
        what = f"{action} is {found.name} here, which {_about(found.note)}"
        job.findings.differs(place, what, f"`blockyard blocks` shows {found.name}")
    return {"uses": found.name, **_with(row, found, pointer, job)}


def _about(note: str) -> str:
    return note if note.split()[0].endswith("s") else f"differs: {note}"


def _own(action: str, pointer: Pointer, job: Job) -> str:
    name = action.lower()
    if not is_name(name):
        what = f"'{action[:60]}' cannot be a block's name"
        job.findings.lost(pointer, what, "register it in a catalog as category.function")
        return action
    what = f"'{action}' is not a block of pyconduit's own; here it is '{name}'"
    job.findings.differs(pointer, what, f"register a function with @block as '{name}'")
    return name


def _with(row: dict[str, Any], renamed: Renamed, pointer: Pointer, job: Job) -> dict[str, Any]:
    given = row.get("parameters")
    if not given:
        return {}
    if not is_mapping(given):
        return {"with": given}
    place = (*pointer, "parameters")
    found: dict[str, Any] = {}
    for name, item in given.items():
        _put(found, renamed, name, value(item, (*place, name), job))
    if _ALL in renamed.parameters:
        found = {renamed.parameters[_ALL]: found}
    return {"with": found}


def _put(found: dict[str, Any], renamed: Renamed, name: str, item: Any) -> None:
    wanted = renamed.parameters.get(name, name)
    place = _PLACE.fullmatch(wanted)
    if place is None:
        found[wanted] = item
    elif place.group(2) == "0":
        found.setdefault(place.group(1), []).insert(0, item)
    else:
        found.setdefault(place.group(1), []).append(item)
