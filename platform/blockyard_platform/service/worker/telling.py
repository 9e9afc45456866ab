"""What the event log says of an event: how a stage ended, without what it gave, which stands in its record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from blockyard_platform.events import Event
    from blockyard_platform.results import StageRecord


def details(event: Event) -> dict[str, Any]:
    """Return the data of an event, beside its kind and its path."""
    if event.text is not None:
        return {"text": event.text}
    found = dict(event.data or {})
    if event.record is not None:
        found |= _ending(event.record)
    if event.block is not None:
        found["block"] = event.block
    return found


def _ending(record: StageRecord) -> dict[str, Any]:
    return {
        "stage": record.path,
        "kind": record.kind,
        "status": record.status.value,
        "code": int(record.code),
        "name": record.code.name,
        "error": record.error,
        "seconds": round(record.seconds, 6),
        "attempts": record.attempts,
    }
