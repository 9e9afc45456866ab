"""Tenants, their quotas and what they use."""

from __future__ import annotations

from blockyard_platform.client.binding import operation, series
from blockyard_platform.client.calls import Call, get, model, send
from blockyard_platform.client.effects import Stream
from blockyard_platform.client.flows import pages
from blockyard_platform.client.place import Placed, path
from blockyard_platform.service.api.models.base import Paged
from blockyard_platform.service.api.models.tenants import QuotaOut, TenantOut, TodayOut, UsageOut


class TenantOperations(Placed):
    """What can be asked of tenants."""

    @operation
    def create_tenant(self, name: str, display: str = "") -> Call[TenantOut]:
        """Make a tenant. Without a policy of its own nothing of it is run."""
        body = {"name": name, "display": display}
        return send("POST", path("tenants"), model(TenantOut), body)

    @series
    def list_tenants(self, *, limit: int | None = None) -> Stream[TenantOut]:
        """Yield the tenants that you may see, by name; ``limit`` is how many are asked for at once."""
        return pages(
            get(path("tenants"), model(Paged[TenantOut]), {"limit": limit}), self.place.retry
        )

    @operation
    def get_tenant(self, tenant: str | None = None) -> Call[TenantOut]:
        """Look at a tenant."""
        return get(self.place.of(tenant), model(TenantOut))

    @operation
    def rename_tenant(self, display: str, *, tenant: str | None = None) -> Call[TenantOut]:
        """Change what a tenant is called for people."""
        url = self.place.of(tenant)
        return send("PATCH", url, model(TenantOut), {"display": display}, safe=True)

    @operation
    def get_quota(self, tenant: str | None = None) -> Call[QuotaOut]:
        """Return what a tenant may use."""
        return get(self.place.of(tenant, "quota"), model(QuotaOut))

    @operation
    def put_quota(
        self, *, runs: int, cpu_seconds: float, stored_bytes: int, tenant: str | None = None
    ) -> Call[QuotaOut]:
        """Change what a tenant may use: runs and CPU seconds a day, bytes that are stored in all."""
        body = {"runs": runs, "cpu_seconds": float(cpu_seconds), "stored_bytes": stored_bytes}
        return send("PUT", self.place.of(tenant, "quota"), model(QuotaOut), body)

    @operation
    def get_usage_today(self, tenant: str | None = None) -> Call[TodayOut]:
        """Return what a tenant has used today and has stored, beside what it may use."""
        return get(self.place.of(tenant, "usage", "today"), model(TodayOut))

    @series
    def list_usage(
        self, tenant: str | None = None, *, limit: int | None = None
    ) -> Stream[UsageOut]:
        """Yield what was used by the day, the latest first: a tenant's, or without one all that you may see."""
        query = {"tenant": tenant, "limit": limit}
        return pages(get(path("usage"), model(Paged[UsageOut]), query), self.place.retry)
