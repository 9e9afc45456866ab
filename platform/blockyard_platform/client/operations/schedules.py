"""Schedules: when a stored workflow is run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from blockyard_platform.client.binding import operation, series
from blockyard_platform.client.calls import Call, delete, get, model, nothing, send
from blockyard_platform.client.effects import Stream
from blockyard_platform.client.flows import pages
from blockyard_platform.client.place import Placed, path
from blockyard_platform.service.api.models.base import Paged
from blockyard_platform.service.api.models.schedules import ScheduleOut, TimesOut
from blockyard_platform.triggers.missed import Missed
from blockyard_platform.triggers.overlap import Overlap


class ScheduleOperations(Placed):
    """What can be asked of schedules."""

    @operation
    def put_schedule(
        self,
        name: str,
        *,
        workflow: str,
        cron: str,
        timezone: str = "UTC",
        version: int | None = None,
        params: Mapping[str, Any] | None = None,
        missed: Missed = "once",
        overlap: Overlap = "skip",
        enabled: bool = True,
        tenant: str | None = None,
    ) -> Call[ScheduleOut]:
        """Make a schedule, or change it as a whole."""
        body = {
            "workflow": workflow,
            "cron": cron,
            "timezone": timezone,
            "version": version,
            "params": dict(params or {}),
            "missed": missed,
            "overlap": overlap,
            "enabled": enabled,
        }
        return send("PUT", self._one(name, tenant), model(ScheduleOut), body)

    @series
    def list_schedules(
        self, tenant: str | None = None, *, limit: int | None = None
    ) -> Stream[ScheduleOut]:
        """Yield schedules by tenant and name: a tenant's, or without one all that you may see."""
        query = {"tenant": tenant, "limit": limit}
        return pages(get(path("schedules"), model(Paged[ScheduleOut]), query), self.place.retry)

    @operation
    def get_schedule(self, name: str, *, tenant: str | None = None) -> Call[ScheduleOut]:
        """Look at a schedule."""
        return get(self._one(name, tenant), model(ScheduleOut))

    @operation
    def list_next_times(
        self, name: str, *, count: int = 5, tenant: str | None = None
    ) -> Call[TimesOut]:
        """Return when a schedule is due next, if it is enabled until then."""
        return get(f"{self._one(name, tenant)}/next", model(TimesOut), {"count": count})

    @operation
    def delete_schedule(self, name: str, *, tenant: str | None = None) -> Call[None]:
        """Take a schedule away."""
        return delete(self._one(name, tenant), nothing)

    def _one(self, name: str, tenant: str | None) -> str:
        return self.place.of(tenant, "schedules", ("schedule", name))
