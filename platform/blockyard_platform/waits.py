"""What a run that stands still waits for, and the answers that approvals are given."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Waiting(NamedTuple):
    """One wait that is under way. Moments are seconds since the epoch.

    ``path`` is the node path, ``since`` when the wait began first, ``due`` when it ends by itself (an approval's own timeout; ``None``: never),
    ``deadline`` when the first of the timeouts around it ends it. The rest is an approval's: what it asks, the form of its answer as
    a JSON Schema, and who may answer (anyone when there is nobody).
    """

    path: str
    kind: Literal["timer", "approval"]
    since: float
    due: float | None = None
    deadline: float | None = None
    message: str | None = None
    form: Mapping[str, Any] | None = None
    approvers: tuple[str, ...] = ()

    @property
    def wakes(self) -> float | None:
        """When the run is to be taken up again at the latest, if no answer comes."""
        moments = [each for each in (self.due, self.deadline) if each is not None]
        return min(moments, default=None)

    def left(self, moment: float, now: float) -> float:
        """Return the seconds until a moment by a clock that says ``now``; one that was put back since the wait began does not make them more."""
        return moment - max(now, self.since)

    def as_dict(self) -> dict[str, Any]:
        """Return plain data, moments in ISO 8601, without what it does not have."""
        found: dict[str, Any] = {"path": self.path, "kind": self.kind}
        for name in ("since", "due", "deadline"):
            moment = getattr(self, name)
            if moment is not None:
                found[name] = iso(moment)
        if self.kind == "approval":
            found |= {"message": self.message, "form": dict(self.form or {})}
            found["approvers"] = list(self.approvers)
        return found


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody says to an approval: ``values`` are those of its form, ``at`` is in seconds since the epoch (now, unless told)."""

    approved: bool
    by: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    comment: str | None = None
    at: float | None = None


def check_answer(waiting: Waiting, answer: Answer) -> None:
    """Raise InvalidDocumentError for an answer that does not fit the form of an approval."""
    from blockyard_schemas.forms import misfit
    from blockyard_schemas.problems import InvalidDocumentError, Problem

    fault = misfit(waiting.form or {}, answer.values, refused=not answer.approved)
    if fault is not None:
        raise InvalidDocumentError([Problem("answer", "", fault)])


def iso(moment: float) -> str:
    """Return a moment in ISO 8601, in UTC."""
    return datetime.fromtimestamp(moment, UTC).isoformat()
