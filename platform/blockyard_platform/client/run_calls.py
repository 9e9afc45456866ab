"""Calls about one run, which both the client and a run in the hand make."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from blockyard_platform.client.calls import SECONDS, get, model, send
from blockyard_platform.client.errors import ClientError
from blockyard_platform.client.flows import perform
from blockyard_platform.client.following import Followed
from blockyard_platform.service.api.models.base import Paged
from blockyard_platform.service.api.models.runs import EventsOut, RunOut, StageOut
from blockyard_schemas.statuses import Status

if TYPE_CHECKING:
    from blockyard_platform.client.calls import Call
    from blockyard_platform.client.effects import Flow
    from blockyard_platform.client.place import Place

_EVENTS = 500
_STAGES = 100
_MOST_REASON = 500


def one(place: Place, run: str, tenant: str | None, *more: str) -> str:
    """Return the path of a run, or of something of it."""
    return place.of(tenant, "runs", ("run", run), *more)


def look(place: Place, run: str, tenant: str | None) -> Call[RunOut]:
    """Return the call that looks at a run."""
    return get(one(place, run, tenant), model(RunOut))


def waiting(call: Call[RunOut], seconds: float) -> Call[RunOut]:
    """Return a call that the server answers when the run has ended, or after so many seconds."""
    if seconds <= 0:
        return call
    asked = call.asking(wait=f"{seconds:.3f}")
    return replace(asked, request=replace(asked.request, seconds=SECONDS + seconds))


def first_failure(place: Place, run: RunOut) -> Flow[tuple[str, ...]]:
    """Come to the first stage that failed of a run that did, with the reason; to nothing where that is not known, or cannot be had."""
    if run.status is not Status.FAILED:
        return ()
    url = one(place, run.id, run.tenant, "stages")
    call = get(url, model(Paged[StageOut]), {"limit": _STAGES})
    try:
        found = yield from perform(call, place.retry)
    except ClientError:
        return ()
    return tuple(
        f"{it.path}: {str(it.error.get('message'))[:_MOST_REASON]}"
        for it in found.items
        if it.status is Status.FAILED and it.error is not None
    )[:1]


def cancelling(place: Place, run: str, tenant: str | None, reason: str) -> Call[RunOut]:
    """Return the call that cancels a run; it does no more when it is sent again."""
    url = one(place, run, tenant, "cancel")
    return send("POST", url, model(RunOut), {"reason": reason}, safe=True)


def followed(place: Place, run: str, tenant: str | None) -> Followed:
    """Return what a run is followed with."""
    url = one(place, run, tenant, "events")

    def listing(after: int) -> Call[EventsOut]:
        return get(url, model(EventsOut), {"after": after, "limit": _EVENTS})

    return Followed(f"{url}/stream", listing, look(place, run, tenant), place.patient)
