"""What the tags of one job stand for: its steps, its local values, its variables."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from blockyard_platform.convert.names import renamed, slug
from blockyard_platform.convert.pyconduit.tables import IN_PLACE
from blockyard_platform.convert.pyconduit.tags import sole
from blockyard_platform.naming import Names
from blockyard_platform.plain import is_list, is_mapping

if TYPE_CHECKING:
    from collections.abc import Mapping

    from blockyard_platform.convert.findings import Findings


@dataclass(frozen=True, slots=True)
class Step:
    """A step that tags may name: its id here, whether that is written, its place from 1, its block there."""

    id: str
    written: bool
    position: int
    action: str


@dataclass(slots=True)
class Job:
    """The names of a job, and what its conversion has come to.

    ``live`` tells that steps change variables, so that their values are asked for before each use; else they are params.
    ``done`` are the steps that have run before the one in work, ``wanted`` the variables that it reads, by our stage id.
    """

    findings: Findings
    name: str
    id: Any
    steps: Mapping[str, Step]
    live: bool
    params: dict[str, Any] = field(default_factory=dict[str, Any])
    values: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    done: set[str] = field(default_factory=set[str])
    wanted: dict[str, str] = field(default_factory=dict[str, str])
    free: Names = field(default_factory=Names)
    stages: Names = field(default_factory=Names)
    told: set[str] = field(default_factory=set[str])

    def param(self, kind: str, name: str, declared: Any = "any") -> str:
        """Return the param that stands for a local value (``<``) or a variable (``#``), declared when it is new."""
        if (kind, name) not in self.values:
            found = self.free.take(slug(name, "p"))
            self.values[kind, name] = found
            self.params[found] = declared
        return self.values[kind, name]

    def variable(self, name: str) -> str:
        """Return the stage that gets a variable for the step in work."""
        if name not in self.wanted:
            self.wanted[name] = self.stages.take(f"get-{slug(name, 'v')}")
        return self.wanted[name]


def steps_of(data: Any) -> dict[str, Step]:
    """Return the steps by their ids there, which are their places from 1 unless they have one."""
    rows: list[Any] = data if is_list(data) else []
    steps = {_id(row, place): row for place, row in enumerate(rows, 1) if is_mapping(row)}
    live = changes_variables(data)
    plain = {str(place) for place in range(1, len(rows) + 1)}
    names = renamed(steps, "step")
    found: dict[str, Step] = {}
    for place, row in enumerate(rows, 1):
        if is_mapping(row):
            name = _id(row, place)
            written = live or row.get("id") is not None or name not in plain
            shown = names[name] if written else name
            found[name] = Step(shown, written, place, str(row.get("action", "")).upper())
    return found


def step_id(row: Mapping[str, Any], place: int) -> str:
    """Return the id of a step there."""
    return _id(row, place)


def _id(row: Mapping[str, Any], place: int) -> str:
    given = row.get("id")
    return str(place) if given is None else str(given)


def changes_variables(data: Any) -> bool:
    """Whether any step works on the variables of the job."""
    return any(_works(row) for row in data if is_mapping(row)) if is_list(data) else False


def _works(row: Mapping[str, Any]) -> bool:
    action = str(row.get("action", "")).upper()
    return action.startswith("VARIABLE.") or changed_variable(row) is not None


def changed_variable(row: Mapping[str, Any]) -> tuple[str, list[str]] | None:
    """Return the variable that a step changes in place, and the path inside of it."""
    place = IN_PLACE.get(str(row.get("action", "")).upper())
    parameters = row.get("parameters")
    if place is None or not is_mapping(parameters):
        return None
    given = parameters.get(place[0])
    tag = sole(given) if isinstance(given, str) else None
    return (tag.path[0], list(tag.path[1:])) if tag is not None and tag.kind == "#" else None
