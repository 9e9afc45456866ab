"""Schedules: when a stored workflow is run."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Query

from blockyard_platform.service.api.depends import By, Here, Name, OfTenant, Paging, Tenant
from blockyard_platform.service.api.models.base import Paged, paged
from blockyard_platform.service.api.models.schedules import ScheduleIn, ScheduleOut, TimesOut
from blockyard_platform.service.api.problems import RefusedRequestError
from blockyard_platform.service.api.routing import V1, Guarded
from blockyard_platform.service.registry import schedules, workflows
from blockyard_platform.service.registry.access import enter
from blockyard_platform.service.registry.callers import Action, Caller
from blockyard_platform.service.registry.database import Reading
from blockyard_platform.service.registry.errors import NotFoundError
from blockyard_platform.triggers.cron import Cron
from blockyard_schemas.problems import Problem

Count = Annotated[int, Query(ge=1, le=100, description="How many times at most.")]


def put_schedule(
    parts: Here, caller: By, tenant: Tenant, name: Name, body: ScheduleIn
) -> ScheduleOut:
    """Make a schedule, or change it as a whole."""
    cron = _cron(body.cron, body.timezone)
    with parts.database.writing() as work:
        enter(work, caller, Action.SCHEDULES_WRITE, tenant)
        _check_workflow(work, tenant, body)
        now = datetime.fromtimestamp(work.now, UTC)
        timing = schedules.Timing(
            workflow=body.workflow,
            cron=body.cron,
            zone=body.timezone,
            version=body.version,
            params=body.params,
            missed=body.missed,
            overlap=body.overlap,
            enabled=body.enabled,
            next_at=cron.next(now).timestamp(),
        )
        found = schedules.put(work, caller, tenant, name, timing)
    parts.scheduling.ticker.nudge()
    return _shown(found)


def list_schedules(
    parts: Here, caller: By, ask: Paging, tenant: OfTenant = None
) -> Paged[ScheduleOut]:
    """List schedules, by tenant and name."""
    with parts.database.reading() as work:
        return paged(schedules.page(work, caller, tenant, ask), _shown)


def get_schedule(parts: Here, caller: By, tenant: Tenant, name: Name) -> ScheduleOut:
    """Look at a schedule."""
    with parts.database.reading() as work:
        return _shown(schedules.read(work, caller, tenant, name))


def list_next_times(
    parts: Here, caller: By, tenant: Tenant, name: Name, count: Count = 5
) -> TimesOut:
    """Say when a schedule is due next, if it is enabled until then."""
    with parts.database.reading() as work:
        timing = schedules.read(work, caller, tenant, name).timing
        at = datetime.fromtimestamp(work.now, UTC)
    cron = _cron(timing.cron, timing.zone)
    times: list[datetime] = []
    for _ in range(count):
        at = cron.next(at)
        times.append(at)
    return TimesOut(items=times)


def delete_schedule(parts: Here, caller: By, tenant: Tenant, name: Name) -> None:
    """Take a schedule away."""
    with parts.database.writing() as work:
        schedules.delete(work, caller, tenant, name)


def _cron(text: str, zone: str) -> Cron:
    try:
        return Cron.parse(text, zone)
    except ValueError as error:
        raise RefusedRequestError(422, str(error)[:500]) from None


def _check_workflow(work: Reading, tenant: str, body: ScheduleIn) -> None:
    try:
        workflows.read(work, Caller.service(tenant), tenant, body.workflow, body.version)
    except NotFoundError as error:
        problem = Problem("unknown-workflow", "/workflow", str(error), "store it first")
        raise RefusedRequestError(422, str(error), problems=[problem]) from None


def _shown(found: schedules.Schedule) -> ScheduleOut:
    timing = {it.name: getattr(found.timing, it.name) for it in fields(found.timing)}
    timezone = timing.pop("zone")
    return ScheduleOut.of(
        found, **timing | {"timezone": timezone, "params": timing["params"] or {}}
    )


_ONE = f"{V1}/tenants/{{tenant}}/schedules/{{name}}"


def routes() -> tuple[Guarded, ...]:
    """Return the routes of this subject."""
    return (
        Guarded(
            "GET",
            f"{V1}/schedules",
            list_schedules,
            Action.SCHEDULES_READ,
            gives=Paged[ScheduleOut],
        ),
        Guarded("PUT", _ONE, put_schedule, Action.SCHEDULES_WRITE, gives=ScheduleOut),
        Guarded("GET", _ONE, get_schedule, Action.SCHEDULES_READ, gives=ScheduleOut),
        Guarded("GET", f"{_ONE}/next", list_next_times, Action.SCHEDULES_READ, gives=TimesOut),
        Guarded("DELETE", _ONE, delete_schedule, Action.SCHEDULES_WRITE, status=204),
    )
