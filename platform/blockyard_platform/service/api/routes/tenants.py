"""Tenants."""

from __future__ import annotations

from blockyard_platform.service.api.depends import By, Here, Paging, Tenant
from blockyard_platform.service.api.models.base import Paged, paged
from blockyard_platform.service.api.models.tenants import TenantChange, TenantIn, TenantOut
from blockyard_platform.service.api.routing import V1, Guarded
from blockyard_platform.service.registry import tenants
from blockyard_platform.service.registry.callers import Action


def create_tenant(parts: Here, caller: By, body: TenantIn) -> TenantOut:
    """Make a tenant."""
    with parts.database.writing() as work:
        return TenantOut.of(tenants.create(work, caller, body.name, body.display))


def list_tenants(parts: Here, caller: By, ask: Paging) -> Paged[TenantOut]:
    """List the tenants that you may see, by name."""
    with parts.database.reading() as work:
        return paged(tenants.page(work, caller, ask), TenantOut.of)


def get_tenant(parts: Here, caller: By, tenant: Tenant) -> TenantOut:
    """Look at a tenant."""
    with parts.database.reading() as work:
        return TenantOut.of(tenants.read(work, caller, tenant))


def rename_tenant(parts: Here, caller: By, tenant: Tenant, body: TenantChange) -> TenantOut:
    """Change what a tenant is called for people."""
    with parts.database.writing() as work:
        return TenantOut.of(tenants.rename(work, caller, tenant, body.display))


ONE = f"{V1}/tenants/{{tenant}}"


def routes() -> tuple[Guarded, ...]:
    """Return the routes of this subject."""
    return (
        Guarded(
            "POST",
            f"{V1}/tenants",
            create_tenant,
            Action.TENANTS_WRITE,
            gives=TenantOut,
            status=201,
        ),
        Guarded("GET", f"{V1}/tenants", list_tenants, Action.TENANTS_READ, gives=Paged[TenantOut]),
        Guarded("GET", ONE, get_tenant, Action.TENANTS_READ, gives=TenantOut),
        Guarded("PATCH", ONE, rename_tenant, Action.TENANTS_WRITE, gives=TenantOut),
    )
