"""Every stage of a document, at every depth, found without trusting the document's shape.

Whatever does not have the form of a stage is left out: the schema has said what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from blockyard_platform.plain import is_list, is_mapping

Pointer = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A list of stages: its place, its depth (1 for a job's own), the names that expressions know in it beside the usual.

    ``before`` are the rows whose ended stages are seen here, each with how many of its stages come first.
    """

    pointer: Pointer
    stages: list[Any]
    depth: int
    names: frozenset[str] = frozenset()
    before: tuple[tuple[Row, int], ...] = ()
    ids: dict[str, int] = field(default_factory=dict[str, int])

    def __post_init__(self) -> None:
        """Note where each id stands first."""
        for index, data in enumerate(self.stages):
            if is_mapping(data):
                self.ids.setdefault(stage_id(data, index), index)


@dataclass(frozen=True, slots=True)
class Found:
    """A stage, its place, and the row it stands in at ``index``."""

    data: dict[str, Any]
    pointer: Pointer
    row: Row
    index: int

    @property
    def id(self) -> str:
        """Its id, or its position from 1 as text."""
        return stage_id(self.data, self.index)


def stage_id(data: dict[str, Any], index: int) -> str:
    """Return a stage's id, which defaults to its position in its list, from 1."""
    given = data.get("id")
    return given if isinstance(given, str) else str(index + 1)


def job_rows(document: Any) -> list[tuple[str, Row]]:
    """Return each job's name and list of stages; top-level ``stages`` are a job named main."""
    if not is_mapping(document):
        return []
    found: list[tuple[str, Row]] = []
    if is_list(document.get("stages")):
        found.append(("main", Row(("stages",), document["stages"], 1)))
    jobs = document.get("jobs")
    for name, job in jobs.items() if is_mapping(jobs) else ():
        if is_mapping(job) and is_list(job.get("stages")):
            names = frozenset({"matrix"}) if "strategy" in job else frozenset[str]()
            found.append((name, Row(("jobs", name, "stages"), job["stages"], 1, names)))
    return found


def needs_of(job: dict[str, Any]) -> tuple[str, ...]:
    """Return the names of the jobs that a job needs, whatever else stands there left out."""
    needs = job.get("needs")
    listed = needs if is_list(needs) else [needs]
    return tuple(dict.fromkeys(name for name in listed if isinstance(name, str)))


def walk(row: Row) -> Iterator[Found]:
    """Yield the stages of a row and, after each, those inside it."""
    for index, data in enumerate(row.stages):
        if not is_mapping(data):
            continue
        found = Found(data, (*row.pointer, index), row, index)
        yield found
        for inner in inner_rows(found):
            yield from walk(inner)


def inner_rows(found: Found) -> Iterator[Row]:
    """Yield the lists of stages that a stage holds, by its kind's key."""
    data = found.data
    if "foreach" in data or "until" in data:
        yield from _row(found, data.get("stages"), ("stages",), "item", "loop")
    if "parallel" in data and is_mapping(data["parallel"]):
        for name, stages in data["parallel"].items():
            yield from _row(found, stages, ("parallel", name), "branch")
    if "case" in data:
        yield from _matches(found, data.get("match"))
    if "try" in data:
        yield from _parts(found)


def _matches(found: Found, match: Any) -> Iterator[Row]:
    for index, entry in enumerate(match if is_list(match) else ()):
        if is_mapping(entry):
            for key in ("stages", "else"):
                yield from _row(found, entry.get(key), ("match", index, key), "case")


def _parts(found: Found) -> Iterator[Row]:
    """Yield the parts of a try, of which a later one sees the stages of the earlier ones."""
    before: tuple[tuple[Row, int], ...] = ()
    for part in ("try", "catch", "finally"):
        names = ("error",) if part == "catch" else ()
        for row in _row(found, found.data.get(part), (part,), *names, more=before):
            before = (*before, (row, len(row.stages)))
            yield row


def _row(
    found: Found,
    stages: Any,
    keys: Pointer,
    *names: str,
    more: tuple[tuple[Row, int], ...] = (),
) -> Iterator[Row]:
    if is_list(stages):
        outer = found.row
        yield Row(
            pointer=(*found.pointer, *keys),
            stages=stages,
            depth=outer.depth + 1,
            names=outer.names | frozenset(names),
            before=(*outer.before, (outer, found.index), *more),
        )


def sees(row: Row, index: int, name: str) -> bool:
    """Whether a stage with this id has ended when the stage at this index of a row begins."""
    return any(each.ids.get(name, count) < count for each, count in (*row.before, (row, index)))


def ended(row: Row, index: int) -> list[str]:
    """Return the ids of the stages that have ended when the stage at this index of a row begins."""
    rows = (*row.before, (row, index))
    return [name for each, count in rows for name, place in each.ids.items() if place < count]
