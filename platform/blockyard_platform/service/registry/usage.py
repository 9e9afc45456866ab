"""What tenants use, by the day (UTC), and how much they may. Each count is changed in one statement that also looks at the quota."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from blockyard_platform.service.registry.access import Scope, enter, enter_all, listing
from blockyard_platform.service.registry.callers import Action
from blockyard_platform.service.registry.errors import InvalidError, QuotaError
from blockyard_platform.service.registry.paging import FIRST, Ask, Order, Page, fetch
from blockyard_platform.service.registry.tables import QUOTAS, STORED, USAGE
from blockyard_platform.store.lists import inserting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from blockyard_platform.service.registry.callers import Caller
    from blockyard_platform.service.registry.database import Reading, Writing

_MOST = 2**53
_ORDER = Order("usage", (USAGE.c.day, USAGE.c.tenant), latest_first=True)
_WAIT = "wait for the next day (UTC), or ask an admin for more"
_DAY = (USAGE.c.tenant, USAGE.c.day)


@dataclass(frozen=True, slots=True)
class Quota:
    """What a tenant may use: runs and CPU seconds a day, and bytes that are stored in all. These numbers hold where none were set."""

    runs: int = 10_000
    cpu_seconds: float = 86_400.0
    stored_bytes: int = 10 * 1024**3


@dataclass(frozen=True, slots=True)
class Usage:
    """What a tenant has used on a day; ``stored_bytes`` is by how much its store has grown that day."""

    tenant: str
    day: str
    runs: int = 0
    cpu_seconds: float = 0.0
    stored_bytes: int = 0


class Kept(NamedTuple):
    """Bytes that stand in the store, or with a negative number are no more, and CPU seconds that were used."""

    stored_bytes: int = 0
    cpu_seconds: float = 0.0


def set_quota(work: Writing, caller: Caller, tenant: str, quota: Quota) -> None:
    """Say what a tenant may use from now on. Raises NotFoundError, InvalidError."""
    scope = enter(work, caller, Action.QUOTAS_WRITE, tenant)
    row = {
        "runs": _whole(quota.runs),
        "cpu_seconds": _seconds(quota.cpu_seconds),
        "stored_bytes": _whole(quota.stored_bytes),
    }
    insert = scope.insert(work, QUOTAS, **row)
    work.change(insert.on_conflict_do_update(index_elements=[QUOTAS.c.tenant], set_=row))
    work.note(caller, tenant, "quotas.set", tenant, **row)


def quota_of(work: Reading, caller: Caller, tenant: str) -> Quota:
    """Return what a tenant may use. Raises NotFoundError."""
    return _quota(work, enter(work, caller, Action.USAGE_READ, tenant))


def today(work: Reading, caller: Caller, tenant: str) -> Usage:
    """Return what a tenant has used today. Raises NotFoundError."""
    return _today(work, enter(work, caller, Action.USAGE_READ, tenant), tenant)


def stored(work: Reading, caller: Caller, tenant: str) -> int:
    """Return how many bytes a tenant has stored in all. Raises NotFoundError."""
    scope = enter(work, caller, Action.USAGE_READ, tenant)
    return work.connection.scalar(scope.select(STORED, STORED.c.bytes)) or 0


def page(work: Reading, caller: Caller, tenant: str | None = None, ask: Ask = FIRST) -> Page[Usage]:
    """Return the days of a tenant, or of all that the caller may see, the latest first."""
    scope = listing(work, caller, Action.USAGE_READ, tenant)
    return fetch(work, scope.select(USAGE), _ORDER, ask, lambda row: Usage(*row))


def take_runs(work: Writing, caller: Caller, tenant: str, runs: int = 1) -> None:
    """Count runs that begin now. Raises QuotaError when there would be too many, or the day's CPU seconds or the store are used up; then none is counted."""
    scope = enter(work, caller, Action.RUNS_SUBMIT, tenant)
    quota = _quota(work, scope)
    _check_room(work, scope, quota.stored_bytes)
    insert = scope.insert(work, USAGE, **_counts(work, runs=_whole(runs)))
    statement = insert.on_conflict_do_update(
        index_elements=list(_DAY),
        set_={"runs": USAGE.c.runs + runs},
        where=(USAGE.c.runs + runs <= quota.runs) & (USAGE.c.cpu_seconds < quota.cpu_seconds),
    )
    if runs <= quota.runs and quota.cpu_seconds > 0 and work.change(statement):
        return
    spent = _today(work, scope, tenant)
    if spent.cpu_seconds >= quota.cpu_seconds:
        raise QuotaError(f"the {quota.cpu_seconds:g} CPU seconds of the day are used up", _WAIT)
    raise QuotaError(f"{spent.runs} of the day's {quota.runs} runs are used", _WAIT)


def add_seconds(work: Writing, caller: Caller, tenant: str, cpu_seconds: float) -> None:
    """Count CPU seconds that were used: they are counted whatever the quota, which stops the next run. Raises NotFoundError."""
    scope = enter(work, caller, Action.USAGE_ADD, tenant)
    seconds = _seconds(cpu_seconds)
    insert = scope.insert(work, USAGE, **_counts(work, cpu_seconds=seconds))
    added = {"cpu_seconds": USAGE.c.cpu_seconds + seconds}
    work.change(insert.on_conflict_do_update(index_elements=list(_DAY), set_=added))


def store_bytes(work: Writing, caller: Caller, tenant: str, count: int) -> None:
    """Count bytes that are stored from now on, or with a negative number are no more. Raises QuotaError when there would be too many."""
    scope = enter(work, caller, Action.USAGE_ADD, tenant)
    _whole(abs(count))
    if count < 0:
        _release(work, scope, -count)
    else:
        _reserve(work, scope, count)
    day = scope.insert(work, USAGE, **_counts(work, stored_bytes=count))
    grown = {"stored_bytes": USAGE.c.stored_bytes + count}
    work.change(day.on_conflict_do_update(index_elements=list(_DAY), set_=grown))


def keep_bytes(
    work: Writing, caller: Caller, tenant: str, count: int, *, cpu_seconds: float = 0.0
) -> None:
    """Count bytes that stand in the store already, and CPU seconds with them: whatever the quota, which stops the next run. Raises NotFoundError."""
    keep_all(work, caller, {tenant: Kept(count, cpu_seconds)})


def keep_all(work: Writing, caller: Caller, kept: Mapping[str, Kept]) -> None:
    """Count for several tenants as :func:`keep_bytes` does for one.

    The counts of bytes are locked first, by tenant, then the days': so no two who do this wait for each other.
    """
    scopes = enter_all(work, caller, Action.USAGE_ADD, kept)
    stored: list[dict[str, Any]] = []
    days: list[dict[str, Any]] = []
    for tenant, scope in scopes.items():
        count, seconds = kept[tenant].stored_bytes, _seconds(kept[tenant].cpu_seconds)
        stored.append(scope.row(bytes=_whole(max(count, 0)), grown=count))
        days.append(scope.row(**_counts(work, stored_bytes=count, cpu_seconds=seconds)))
    if stored:
        for statement, rows in zip(
            _keeping(work.connection.dialect.name), (stored, days), strict=True
        ):
            work.connection.execute(statement, rows)


@cache
def _keeping(dialect: str) -> tuple[sa.Executable, sa.Executable]:
    """Return the statements that count bytes, and what a day has had; each row of theirs is made by a scope."""
    bytes_, days = inserting(dialect, STORED), inserting(dialect, USAGE)
    grown = STORED.c.bytes + sa.bindparam("grown", type_=STORED.c.bytes.type)
    left = sa.case((grown < 0, 0), else_=grown)
    added = {name: USAGE.c[name] + days.excluded[name] for name in ("stored_bytes", "cpu_seconds")}
    return (
        bytes_.on_conflict_do_update(index_elements=[STORED.c.tenant], set_={"bytes": left}),
        days.on_conflict_do_update(index_elements=list(_DAY), set_=added),
    )


def _check_room(work: Writing, scope: Scope, most: int) -> None:
    held = work.connection.scalar(scope.select(STORED, STORED.c.bytes)) or 0
    if held >= most:
        raise QuotaError(f"the store's {most} bytes are used up", "delete some, or ask for more")


def _reserve(work: Writing, scope: Scope, count: int) -> None:
    most = _quota(work, scope).stored_bytes
    statement = scope.insert(work, STORED, bytes=count).on_conflict_do_update(
        index_elements=[STORED.c.tenant],
        set_={"bytes": STORED.c.bytes + count},
        where=STORED.c.bytes + count <= most,
    )
    if count > most or not work.change(statement):
        raise QuotaError(f"the store's {most} bytes are used up", "delete some, or ask for more")


def _release(work: Writing, scope: Scope, count: int) -> None:
    less = scope.update(STORED).where(STORED.c.bytes >= count)
    if not work.change(less.values(bytes=STORED.c.bytes - count)):
        raise InvalidError("there cannot be fewer bytes than none", "count what was stored")


def _quota(work: Reading, scope: Scope) -> Quota:
    wanted = scope.select(QUOTAS, QUOTAS.c.runs, QUOTAS.c.cpu_seconds, QUOTAS.c.stored_bytes)
    row = work.connection.execute(wanted).first()
    return Quota() if row is None else Quota(*row)


def _today(work: Reading, scope: Scope, tenant: str) -> Usage:
    day = _day(work)
    row = work.connection.execute(scope.select(USAGE).where(USAGE.c.day == day)).first()
    return Usage(tenant, day) if row is None else Usage(*row)


def _day(work: Reading) -> str:
    return datetime.fromtimestamp(work.now, UTC).date().isoformat()


def _counts(work: Reading, **given: Any) -> dict[str, Any]:
    return {"day": _day(work), "runs": 0, "cpu_seconds": 0.0, "stored_bytes": 0} | given


def _whole(number: int) -> int:
    if not 0 <= number <= _MOST:
        raise InvalidError(f"{number} cannot be counted", f"give a number from 0 to {_MOST}")
    return number


def _seconds(number: float) -> float:
    if not math.isfinite(number) or not 0 <= number <= _MOST:
        raise InvalidError(f"{number} cannot be counted", f"give a number from 0 to {_MOST}")
    return float(number)
