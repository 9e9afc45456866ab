"""Time zones: by name, and what happens to the time on a clock where a zone's offset changes."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from importlib.resources import files
from zoneinfo import ZoneInfo

from blockyard_schemas.nearest import nearest
from blockyard_schemas.showing import shown

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,2}")
_LONGEST = 64


def zone_of(name: str) -> ZoneInfo:
    """Return a zone by its name in the tz database; raise ValueError for every other text.

    The data are those of the tzdata package, the same on every machine and in the jail; ``localtime``, paths and the
    zones with leap seconds that a machine may have as well are no names.
    """
    folder = files("tzdata")
    names = folder.joinpath("zones").read_text(encoding="ascii").split()
    if len(name) > _LONGEST or not _NAME.fullmatch(name) or name not in names:
        near = nearest(name, names)
        hint = f"did you mean '{near}'?" if near else "write a name such as Europe/Paris or UTC"
        raise ValueError(f"{shown(name)} is not a time zone: {hint}")
    with folder.joinpath("zoneinfo", *name.split("/")).open("rb") as data:
        return ZoneInfo.from_file(data, key=name)


def clock(instant: datetime, zone: ZoneInfo) -> datetime:
    """Return the date and time that clocks of a zone show at an instant, without a zone."""
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)


def instants(shown_time: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the instants (UTC) of a time that clocks show, read with the offset before a change and with that after.

    Both are the same but near a change (PEP 495): the first is the earlier one where the clock shows the time twice, and
    the later one where it never shows it.
    """
    first = shown_time.replace(tzinfo=zone, fold=0).astimezone(UTC)
    second = shown_time.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return first, second


def change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """Return the first instant (UTC) after one, up to another, with the offset of that other.

    There must be one change between them. Bisects seconds, so that a day takes 17 steps.
    """
    low, high = math.floor(before.timestamp()), math.ceil(after.timestamp())
    offset = after.astimezone(zone).utcoffset()
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == offset:
            high = middle
        else:
            low = middle
    return datetime.fromtimestamp(high, UTC)
