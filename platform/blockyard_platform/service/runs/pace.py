"""How fast a tenant may submit: the generic cell rate algorithm (ITU-T I.371), one row and one statement a submission."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import case

from blockyard_platform.service.registry.errors import QuotaError
from blockyard_platform.service.runs.tables import PACES

if TYPE_CHECKING:
    from blockyard_platform.service.registry.database import Writing

_MINUTE = 60.0


def take_turn(work: Writing, tenant: str, per_minute: int) -> None:
    """Count a submission; a minute's worth may come at once. Raises QuotaError when this one comes too early; then it is not counted.

    A clock that was put back by more than a minute does not lock the tenant out: the row then begins anew.
    """
    step = _MINUTE / per_minute
    latest = work.now + _MINUTE - step
    stale = PACES.c.due > work.now + 2 * _MINUTE
    early = PACES.c.due < work.now
    insert = work.insert(PACES).values(tenant=tenant, due=work.now + step)
    statement = insert.on_conflict_do_update(
        index_elements=[PACES.c.tenant],
        set_={"due": case((stale | early, work.now), else_=PACES.c.due) + step},
        where=(PACES.c.due <= latest) | stale,
    )
    if not work.change(statement):
        raise QuotaError(
            f"the tenant submits more than {per_minute} runs a minute",
            "wait a moment, or ask an admin for more (policy service.rate_per_minute)",
        )
