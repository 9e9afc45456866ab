"""Kill switches: what is not to run any more, from now on."""

from __future__ import annotations

from blockyard_platform.service.api.depends import By, Here, OfTenant, Paging
from blockyard_platform.service.api.models.base import Paged, paged
from blockyard_platform.service.api.models.switches import LiftIn, SwitchIn, SwitchOut
from blockyard_platform.service.api.routing import V1, Guarded
from blockyard_platform.service.registry import switches
from blockyard_platform.service.registry.callers import Action


def stop_something(parts: Here, caller: By, body: SwitchIn) -> SwitchOut:
    """Stop a tenant, a workflow, a block, an image or a package, and the runs that use it; again, with another reason, replaces the reason."""
    with parts.database.writing() as work:
        found = switches.stop(work, caller, body.kind, body.name, body.reason, tenant=body.tenant)
    parts.runs.cancel_stopped(found.tenant)
    return SwitchOut.of(found)


def lift_switch(parts: Here, caller: By, body: LiftIn) -> None:
    """Let something run again."""
    with parts.database.writing() as work:
        switches.lift(work, caller, body.kind, body.name, tenant=body.tenant, owner=body.owner)


def list_switches(
    parts: Here, caller: By, ask: Paging, tenant: OfTenant = None
) -> Paged[SwitchOut]:
    """List what is stopped, as far as it concerns you."""
    with parts.database.reading() as work:
        return paged(switches.page(work, caller, tenant, ask), SwitchOut.of)


_ALL = f"{V1}/switches"


def routes() -> tuple[Guarded, ...]:
    """Return the routes of this subject."""
    return (
        Guarded("GET", _ALL, list_switches, Action.SWITCHES_READ, gives=Paged[SwitchOut]),
        Guarded("PUT", _ALL, stop_something, Action.SWITCHES_WRITE, gives=SwitchOut),
        Guarded("POST", f"{_ALL}/lift", lift_switch, Action.SWITCHES_WRITE, status=204),
    )
