"""Between seconds since 1970, which rows have, and instants, which the rules of cron are told."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from blockyard_platform.triggers.cron import Cron, CronError

if TYPE_CHECKING:
    from blockyard_platform.service.registry.schedules import Timing


def instant(seconds: float) -> datetime:
    """Return the instant (UTC) of seconds since 1970. Raises CronError for what no calendar has."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        raise CronError("the time is one that no calendar has") from None


def first(cron: Cron, after: float) -> float | None:
    """Return when a cron fires first after a time; ``None`` when it does not within the years that are looked at."""
    try:
        return cron.next(instant(after)).timestamp()
    except CronError:
        return None


def cron_of(timing: Timing) -> Cron:
    """Return the cron of a row. Raises CronError, and ValueError for an unknown zone."""
    return Cron.parse(timing.cron, timing.zone)
