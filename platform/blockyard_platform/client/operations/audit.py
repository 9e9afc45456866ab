"""The audit log: row by row, verified, and as lines to be kept and verified elsewhere."""

from __future__ import annotations

from blockyard_platform.client.binding import operation, series
from blockyard_platform.client.calls import Call, Request, get, model, written
from blockyard_platform.client.effects import Stream
from blockyard_platform.client.flows import lines, pages
from blockyard_platform.client.place import Placed, path
from blockyard_platform.service.api.models.audit import AuditOut, HeadOut, VerifiedOut
from blockyard_platform.service.api.models.base import Paged


class AuditOperations(Placed):
    """What can be asked of the audit log."""

    @series
    def list_audit(
        self, tenant: str | None = None, *, limit: int | None = None
    ) -> Stream[AuditOut]:
        """Yield what was changed, and by whom, the latest first: a tenant's, or without one all that you may see."""
        query = {"tenant": tenant, "limit": limit}
        return pages(get(path("audit"), model(Paged[AuditOut]), query), self.place.retry)

    @operation
    def verify_audit(
        self, *, seq: int | None = None, after: str | None = None, limit: int | None = None
    ) -> Call[VerifiedOut]:
        """Verify the log's chain from its beginning, or from the ``end`` of what was verified before: its ``seq``, its hash as ``after``."""
        query = {"seq": seq, "after": after, "limit": limit}
        return get(path("audit", "verify"), model(VerifiedOut), query)

    @operation
    def get_audit_head(self) -> Call[HeadOut]:
        """Return the log's end, to be noted where who can write to the database cannot."""
        return get(path("audit", "head"), model(HeadOut))

    @series
    def export_audit(self, tenant: str | None = None) -> Stream[str]:
        """Yield the log as lines of JSON, from its beginning. One tenant's rows alone are no chain."""
        headers = (("Accept", "application/x-ndjson"),)
        query = written({"tenant": tenant})
        return lines(Request("GET", path("audit", "export"), query, headers))
