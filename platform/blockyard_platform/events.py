"""What callbacks are told of a run under way: what happens in it, and whose run it is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from blockyard_platform.results import StageRecord
    from blockyard_schemas.statuses import Status


class RunView(NamedTuple):
    """What callbacks learn of the run that they are called for; ``params`` are shared, not to be changed."""

    run_id: str
    workflow: str
    status: Status
    params: Mapping[str, Any]


class Event(NamedTuple):
    """One thing that happened in a run.

    ``path`` is the node path of the stage, the name of the job, or empty for the run. What each ``kind`` has besides:

    - ``run-started``: data ``workflow``, ``resumed`` (whether it goes on with what earlier work has left)
    - ``job-started``
    - ``stage-started``
    - ``stage-retried``: data ``attempt`` (the one that failed), ``code``, ``message``, ``delay`` (seconds before the next)
    - ``approval-asked``: data is ``Waiting.as_dict()``
    - ``log``: text
    - ``stage-finished``: record, and of a call ``block`` as the document spells it
    - ``job-finished``: record of the stage that failed first, if one did; data ``status``
    - ``run-parked``: data ``waits``, each as ``Waiting.as_dict()``
    - ``run-finished``: data ``status``, ``outputs``, ``problems``

    ``at`` is when it happened, in seconds since the epoch.
    """

    kind: str
    path: str
    record: StageRecord | None = None
    text: str | None = None
    block: str | None = None
    data: Mapping[str, Any] | None = None
    at: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return the event as plain data, ``at`` in ISO 8601 in UTC, without what it does not carry."""
        moment = datetime.fromtimestamp(self.at, UTC).isoformat()
        found: dict[str, Any] = {"event": self.kind, "path": self.path, "at": moment}
        if self.record is not None:
            found["stage"] = self.record.as_dict()
        if self.text is not None:
            found["text"] = self.text
        if self.data is not None:
            found["data"] = dict(self.data)
        return found
