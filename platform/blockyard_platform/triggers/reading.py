"""The section ``on`` of a document, read into what a scheduler works with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

from blockyard_platform.plain import is_list, is_mapping
from blockyard_platform.triggers.cron import Cron
from blockyard_platform.triggers.fields import CronError
from blockyard_platform.triggers.filling import ENDING, FIRE
from blockyard_platform.triggers.findings import Findings, Path
from blockyard_platform.triggers.intervals import interval_cron
from blockyard_platform.triggers.missed import MISSED, Missed
from blockyard_platform.triggers.overlap import OVERLAP, Overlap
from blockyard_platform.triggers.reading_hooks import Hook, Mode, Signature, read_hook
from blockyard_schemas.problems import Problem
from blockyard_schemas.trigger_schema import MOST_AFTER, MOST_SCHEDULES

__all__ = ["After", "Hook", "Mode", "Schedule", "Signature", "Triggers", "When", "read_triggers"]

When: TypeAlias = Literal["success", "failure", "done"]
WHENS: tuple[When, ...] = get_args(When)

_LONGEST_NAME = 200
_SCHEDULE = (
    "cron",
    "cronjob",
    "interval",
    "day",
    "time",
    "timezone",
    "missed",
    "overlap",
    "params",
)
_AFTER = ("workflow", "when", "params")


@dataclass(frozen=True, slots=True)
class Schedule:
    """A cron in a time zone; the params of its runs may hold templates."""

    cron: Cron
    timezone: str = "UTC"
    missed: Missed = "once"
    overlap: Overlap = "skip"
    params: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class After:
    """A start after runs of another workflow: those that succeeded, those that failed, or all that are done."""

    workflow: str
    when: When = "success"
    params: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Triggers:
    """All that starts a workflow. Where there are problems, what is wrong is left out."""

    schedules: tuple[Schedule, ...] = ()
    hooks: tuple[Hook, ...] = ()
    after: tuple[After, ...] = ()
    problems: tuple[Problem, ...] = ()


def read_triggers(value: Any, path: Path = ("on",)) -> Triggers:
    """Read ``on`` of a document; never raises. ``path`` is where it stands, for the pointers of the problems."""
    findings = Findings()
    data = findings.mapping(value, path, "on", ("schedule", "webhook", "after"))
    schedules: tuple[Schedule, ...] = ()
    hooks: tuple[Hook, ...] = ()
    after: tuple[After, ...] = ()
    if data is not None:
        if "schedule" in data:
            schedules = _schedules(data["schedule"], (*path, "schedule"), findings)
        if "webhook" in data:
            hook = read_hook(data["webhook"], (*path, "webhook"), findings)
            hooks = () if hook is None else (hook,)
        if "after" in data:
            after = _afters(data["after"], (*path, "after"), findings)
    return Triggers(schedules, hooks, after, tuple(findings.problems))


def _schedules(value: Any, path: Path, findings: Findings) -> tuple[Schedule, ...]:
    rows = findings.items(value, path, MOST_SCHEDULES)
    read = [_schedule(row, (*path, at), findings) for at, row in enumerate(rows)]
    return tuple(row for row in read if row is not None)


def _schedule(value: Any, path: Path, findings: Findings) -> Schedule | None:
    row = findings.mapping(value, path, "a schedule", _SCHEDULE)
    if row is None:
        return None
    expression, place = _expression(row, path, findings)
    zone = findings.text(row.get("timezone", "UTC"), (*path, "timezone"), _LONGEST_NAME)
    missed = findings.choice(row.get("missed", "once"), (*path, "missed"), MISSED)
    overlap = findings.choice(row.get("overlap", "skip"), (*path, "overlap"), OVERLAP)
    params = findings.params(row.get("params", {}), (*path, "params"), FIRE)
    if expression is None or zone is None:
        return None
    cron = _cron(expression, zone, place, path, findings)
    if cron is None or missed is None or overlap is None:
        return None
    return Schedule(cron, zone, missed, overlap, params)


def _expression(row: dict[str, Any], path: Path, findings: Findings) -> tuple[str | None, Path]:
    """Return the cron expression, and where it stands."""
    given = [key for key in ("cron", "cronjob", "interval") if key in row]
    if len(given) != 1:
        if given:
            message = f"a schedule has either '{given[0]}' or '{given[1]}', not both"
            findings.add("kinds", (*path, given[1]), message, f"keep '{given[0]}'")
        else:
            findings.add("missing-key", path, "a schedule needs the key 'cron'", "add 'cron:'")
        return None, path
    if given == ["interval"]:
        return interval_cron(row, path, findings), (*path, "interval")
    for key in ("day", "time"):
        if key in row:
            findings.add("kinds", (*path, key), f"'{key}' belongs to an interval, not to a cron")
    place = (*path, given[0])
    return findings.text(row[given[0]], place, _LONGEST_NAME), place


def _cron(text: str, zone: str, place: Path, path: Path, findings: Findings) -> Cron | None:
    try:
        return Cron.parse(text, zone)
    except CronError as error:
        findings.add("cron", place, str(error))
    except ValueError as error:
        findings.add("time-zone", (*path, "timezone"), str(error))
    return None


def _afters(value: Any, path: Path, findings: Findings) -> tuple[After, ...]:
    if not is_list(value):
        found = _after(value, path, findings)
        return () if found is None else (found,)
    rows = findings.items(value, path, MOST_AFTER)
    read = [_after(row, (*path, at), findings) for at, row in enumerate(rows)]
    known: dict[str, After] = {}
    for at, row in enumerate(read):
        if row is not None and row.workflow in known:
            findings.add(
                "kinds", (*path, at), f"the workflow '{row.workflow[:60]}' stands twice", "keep one"
            )
        elif row is not None:
            known[row.workflow] = row
    return tuple(known.values())


def _after(value: Any, path: Path, findings: Findings) -> After | None:
    if not is_mapping(value):
        name = findings.text(value, path, _LONGEST_NAME)
        return None if name is None else After(name)
    row = findings.mapping(value, path, "a start after a workflow", _AFTER)
    if row is None:
        return None
    if "workflow" not in row:
        findings.add(
            "missing-key",
            path,
            "a start after a workflow needs the key 'workflow'",
            "add 'workflow:'",
        )
        return None
    name = findings.text(row["workflow"], (*path, "workflow"), _LONGEST_NAME)
    when = findings.choice(row.get("when", "success"), (*path, "when"), WHENS)
    params = findings.params(row.get("params", {}), (*path, "params"), ENDING)
    return None if name is None or when is None else After(name, when, params)
