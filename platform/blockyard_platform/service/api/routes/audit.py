"""The audit log: page by page, verified, and as lines to be kept and verified elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from fastapi import Query
from starlette.responses import StreamingResponse

from blockyard_platform.service.api.depends import By, Here, OfTenant, Paging
from blockyard_platform.service.api.models.audit import AuditOut, HeadOut, VerifiedOut
from blockyard_platform.service.api.models.base import Paged, paged
from blockyard_platform.service.api.routing import V1, Guarded
from blockyard_platform.service.parts import Parts
from blockyard_platform.service.registry import trail
from blockyard_platform.service.registry.access import listing
from blockyard_platform.service.registry.audit import BEGINNING, Head, as_line
from blockyard_platform.service.registry.callers import Action, Caller
from blockyard_platform.service.registry.paging import MOST, Ask

Seq = Annotated[int, Query(ge=0, lt=2**63, description="`end.seq` of what was verified before.")]
Hash = Annotated[
    str, Query(pattern="^[0-9a-f]{64}$", description="`end.hash` of what was verified before.")
]
Most = Annotated[int, Query(ge=1, le=trail.MOST_VERIFIED, description="Rows that are verified.")]


def list_audit(parts: Here, caller: By, ask: Paging, tenant: OfTenant = None) -> Paged[AuditOut]:
    """List what was changed, and by whom, the latest first."""
    with parts.database.reading() as work:
        return paged(trail.page(work, caller, tenant, ask), AuditOut.model_validate)


def verify_audit(
    parts: Here,
    caller: By,
    seq: Seq = BEGINNING.seq,
    after: Hash = BEGINNING.hash,
    limit: Most = trail.MOST_VERIFIED,
) -> VerifiedOut:
    """Verify the log's chain, from its beginning or from an end that was noted before."""
    with parts.database.reading() as work:
        found = trail.verified(work, caller, Head(seq, after), limit)
    return VerifiedOut(
        valid=found.wrong is None, wrong=found.wrong, end=HeadOut.of(found.end), more=found.more
    )


def get_audit_head(parts: Here, caller: By) -> HeadOut:
    """Get the log's end, to be noted where who can write to the database cannot."""
    with parts.database.reading() as work:
        return HeadOut.of(trail.head(work, caller))


def export_audit(parts: Here, caller: By, tenant: OfTenant = None) -> StreamingResponse:
    """Get the log as lines of JSON, from its beginning. One tenant's rows alone are no chain."""
    with parts.database.reading() as work:
        listing(work, caller, Action.AUDIT_READ, tenant)
    lines = _lines(parts, caller, tenant)
    return StreamingResponse(lines, media_type="application/x-ndjson")


def _lines(parts: Parts, caller: Caller, tenant: str | None) -> Iterator[str]:
    """Yield the log in chunks of many lines. Rows are only ever added, so that each page can have a transaction of its own."""
    ask = Ask(None, MOST)
    while True:
        with parts.database.reading() as work:
            found = trail.page(work, caller, tenant, ask, latest_first=False)
        if found.items:
            yield "".join(f"{as_line(each)}\n" for each in found.items)
        if found.next is None:
            return
        ask = Ask(found.next, MOST)


_ALL = f"{V1}/audit"
_LINES = {
    200: {
        "description": "The rows",
        "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
    }
}


def routes() -> tuple[Guarded, ...]:
    """Return the routes of this subject."""
    return (
        Guarded("GET", _ALL, list_audit, Action.AUDIT_READ, gives=Paged[AuditOut]),
        Guarded("GET", f"{_ALL}/verify", verify_audit, Action.AUDIT_READ, gives=VerifiedOut),
        Guarded("GET", f"{_ALL}/head", get_audit_head, Action.AUDIT_READ, gives=HeadOut),
        Guarded(
            "GET",
            f"{_ALL}/export",
            export_audit,
            Action.AUDIT_READ,
            responses=_LINES,
            response_class=StreamingResponse,
        ),
    )
