"""Quotas, and what tenants use."""

from __future__ import annotations

from blockyard_platform.service.api.depends import By, Here, OfTenant, Paging, Tenant
from blockyard_platform.service.api.models.base import Paged, paged
from blockyard_platform.service.api.models.tenants import (
    QuotaModel,
    QuotaOut,
    TodayOut,
    UsageOut,
)
from blockyard_platform.service.api.routing import V1, Guarded
from blockyard_platform.service.registry import usage
from blockyard_platform.service.registry.callers import Action


def get_quota(parts: Here, caller: By, tenant: Tenant) -> QuotaOut:
    """Say what a tenant may use."""
    with parts.database.reading() as work:
        return QuotaOut.of(usage.quota_of(work, caller, tenant))


def put_quota(parts: Here, caller: By, tenant: Tenant, body: QuotaModel) -> QuotaOut:
    """Change what a tenant may use from now on."""
    with parts.database.writing() as work:
        usage.set_quota(work, caller, tenant, usage.Quota(**body.model_dump()))
    return QuotaOut.of(body)


def list_usage(parts: Here, caller: By, ask: Paging, tenant: OfTenant = None) -> Paged[UsageOut]:
    """List what was used by the day, the latest first."""
    with parts.database.reading() as work:
        return paged(usage.page(work, caller, tenant, ask), UsageOut.of)


def get_usage_today(parts: Here, caller: By, tenant: Tenant) -> TodayOut:
    """Say what a tenant has used today and has stored, beside what it may use."""
    with parts.database.reading() as work:
        return TodayOut(
            today=UsageOut.of(usage.today(work, caller, tenant)),
            stored_bytes=usage.stored(work, caller, tenant),
            quota=QuotaOut.of(usage.quota_of(work, caller, tenant)),
        )


_ONE = f"{V1}/tenants/{{tenant}}"


def routes() -> tuple[Guarded, ...]:
    """Return the routes of this subject."""
    return (
        Guarded("GET", f"{_ONE}/quota", get_quota, Action.USAGE_READ, gives=QuotaOut),
        Guarded("PUT", f"{_ONE}/quota", put_quota, Action.QUOTAS_WRITE, gives=QuotaOut),
        Guarded("GET", f"{_ONE}/usage/today", get_usage_today, Action.USAGE_READ, gives=TodayOut),
        Guarded("GET", f"{V1}/usage", list_usage, Action.USAGE_READ, gives=Paged[UsageOut]),
    )
