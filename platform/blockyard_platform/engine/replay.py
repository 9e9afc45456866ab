"""Replaying: what a run that is resumed takes from its records instead of doing it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blockyard_platform import plan
from blockyard_platform.errors import StageFailureError
from blockyard_platform.retrying import allows
from blockyard_schemas.statuses import Code, Status

if TYPE_CHECKING:
    from blockyard_platform.engine.journal import Past
    from blockyard_platform.results import StageRecord
    from blockyard_platform.retrying import Retry


def replayed(past: Past, path: str, *, passes: bool) -> StageRecord | None:
    """Return the record that stands for a stage; ``None`` when the stage is to be run.

    What was cancelled, or skipped because of an earlier failure, never stands. Neither does a failure of a run that had ended, unless
    the document ``passes`` over it.
    """
    record = past.records.get(path)
    if record is None or record.status is Status.CANCEL:
        return None
    if record.status is Status.SKIP and record.code is Code.SKIPPED and record.started is None:
        return None
    if record.status is Status.FAILED and past.again and not passes:
        return None
    return record


def attempts_before(past: Past, stage: plan.Stage, retry: Retry | None, path: str) -> int:
    """Return how many attempts at a stage with an effect were begun and never ended: the worker died meanwhile.

    Of a wait, how many ended before the one that is under way. Raises StageFailureError (INTERRUPTED) unless the stage's retry allows another attempt: the effect may have happened.
    """
    if isinstance(stage.body, plan.WAITS):
        ended = 0
        while f"{path}~{ended + 2}" in past.begun:
            ended += 1
        return ended
    begun = past.begun.get(path)
    if begun is None:
        return 0
    if retry is None or not allows(retry, begun.times, Code.INTERRUPTED):
        raise StageFailureError(
            Code.INTERRUPTED,
            "the worker ended while this stage was at work; whether its effect happened is not known."
            " A stage that may be repeated says so with retry",
        )
    return begun.times
