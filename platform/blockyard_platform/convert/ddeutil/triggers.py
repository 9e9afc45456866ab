"""``on``: when a workflow starts by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blockyard_platform.plain import is_list, is_mapping

if TYPE_CHECKING:
    from blockyard_platform.admission.walk import Pointer
    from blockyard_platform.convert.ddeutil.index import Index

_FIELDS = 5
_KEYS = frozenset({"interval", "day", "time"})


def triggers(data: Any, index: Index) -> dict[str, Any]:
    """Return our ``on``; a list, or one schedule, is the older form that is refused there."""
    pointer: Pointer = ("on",)
    if is_list(data):
        data, pointer = {"schedule": data}, ()
    elif is_mapping(data) and data.keys() & {"cronjob", "cron", "interval"}:
        data, pointer = {"schedule": [data]}, ()
    if not is_mapping(data):
        _reference(data, pointer, index)
        return {}
    found: dict[str, Any] = {}
    for key, item in data.items():
        place = (*pointer, key) if pointer else ("on",)
        if key == "schedule":
            rows = item if is_list(item) else [item]
            entries = [_schedule(row, (*place, at), index) for at, row in enumerate(rows)]
            found[key] = [entry for entry in entries if entry]
        elif key == "release":
            _release(found, item, place, index)
        else:
            what = f"the trigger '{key}' has no equal"
            index.findings.lost(place, what, "on: takes schedule, webhook and after")
    return {key: item for key, item in found.items() if item}


def _schedule(data: Any, pointer: Pointer, index: Index) -> dict[str, Any]:
    if not is_mapping(data):
        _reference(data, pointer, index)
        return {}
    found: dict[str, Any] = {}
    for key, item in data.items():
        if key in ("cronjob", "cron"):
            found["cron"] = item
            _check_cron(item, (*pointer, key), index)
        elif key in ("timezone", "tz"):
            found["timezone"] = item
            _check_zone(item, (*pointer, key), index)
        elif key in _KEYS:
            found[key] = item
        else:
            what = f"'{key}' of a schedule has no equal"
            index.findings.lost((*pointer, key), what, "a schedule has cron and timezone")
    if "interval" in found:
        what = "there hour and minute of an interval are exchanged; here 01:30 is half past one"
        index.findings.differs((*pointer, "interval"), what, "exchange them if you had done so")
    return found


def _check_cron(item: Any, pointer: Pointer, index: Index) -> None:
    if not isinstance(item, str) or len(item.split()) != _FIELDS:
        what = f"the cron {str(item)[:40]!r} has not five fields"
        index.findings.lost(pointer, what, "write minute, hour, day, month, weekday; no year")


def _check_zone(item: Any, pointer: Pointer, index: Index) -> None:
    if item not in ("UTC", "Etc/UTC"):
        what = "there a schedule is matched in UTC whatever it says; here it follows its time zone"
        index.findings.differs(pointer, what, "write the hours of that zone")


def _release(found: dict[str, Any], item: Any, pointer: Pointer, index: Index) -> None:
    names = item if is_list(item) else [item]
    found["after"] = names
    what = "there the workflows of `release` are never watched; here it starts after each of them"
    index.findings.differs(pointer, what, "take it out to keep what it did")


def _reference(data: Any, pointer: Pointer, index: Index) -> None:
    if data is not None:
        what = f"the schedule {str(data)[:60]!r} stands in another file"
        index.findings.lost(pointer, what, "write its cron and timezone here")
