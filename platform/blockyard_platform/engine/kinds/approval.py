"""The approval: a wait that somebody ends, with an answer."""

from __future__ import annotations

import asyncio
import inspect
from time import time
from typing import TYPE_CHECKING, Any

from blockyard_platform.durations import seconds_of
from blockyard_platform.engine.deadlines import earliest
from blockyard_platform.errors import StageFailureError
from blockyard_platform.filters import text_of
from blockyard_platform.plain import is_list
from blockyard_platform.waits import Answer, Waiting, iso
from blockyard_schemas.forms import completed, misfit
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from blockyard_platform.engine.run import Run
    from blockyard_platform.engine.scope import Scope
    from blockyard_platform.plan import Approval
    from blockyard_platform.results import Outputs

_LONGEST = 4_000
"""Characters of a message that is shown."""
_MOST_APPROVERS = 20


async def execute(run: Run, body: Approval, scope: Scope, path: str) -> Outputs:
    """Wait for an answer; one that came while the run was parked is taken at once.

    The outputs are approved, by, at, answer and comment, also when the stage fails: with APPROVAL_REFUSED, or with TIMEOUT
    when nobody answers in time.
    """
    inputs: dict[str, Any] = await run.hidden.data(await run.fill(body.inputs, scope))
    new = run.begun_at(path) is None
    begun = await run.begin_wait(path)
    waiting = _waiting(body, inputs, path, begun)
    if new:
        await run.observers.approval_asked(run.view, waiting)
    answer = _given(run, waiting) or await _asked(run, waiting) or _silence(body, waiting)
    outputs: Outputs = {
        "approved": answer.approved,
        "by": answer.by,
        "at": iso(time() if answer.at is None else answer.at),
        "answer": completed(body.form, answer.values),
        "comment": answer.comment,
    }
    run.usage.hold(outputs)
    if answer.approved:
        return outputs
    why = "" if answer.comment is None else f": {answer.comment}"
    message = f"{answer.by or 'somebody'} refused{why}"
    raise StageFailureError(Code.APPROVAL_REFUSED, message, outputs=outputs)


def _waiting(body: Approval, inputs: dict[str, Any], path: str, begun: float) -> Waiting:
    return Waiting(
        path,
        "approval",
        begun,
        _due(inputs.get("timeout"), begun),
        earliest(),
        text_of(inputs.get("message", ""))[:_LONGEST],
        body.form,
        _approvers(inputs.get("from", [])),
    )


def _due(timeout: Any, begun: float) -> float | None:
    if timeout is None:
        return None
    try:
        return begun + seconds_of(timeout)
    except ValueError as error:
        raise StageFailureError(Code.INVALID_ARGUMENT, f"timeout: {error}") from None


def _approvers(value: Any) -> tuple[str, ...]:
    names: list[Any] = value if is_list(value) else [value]
    if len(names) > _MOST_APPROVERS or not all(isinstance(it, str) and it for it in names):
        message = f"from: up to {_MOST_APPROVERS} names of people or roles are wanted"
        raise StageFailureError(Code.INVALID_TYPE, message)
    return tuple(names)


def _given(run: Run, waiting: Waiting) -> Answer | None:
    """Return the answer that the run was taken up with, when it is one to what is asked."""
    answer = run.waits.given(waiting.path)
    if answer is None:
        return None
    fault = misfit(waiting.form or {}, answer.values, refused=not answer.approved)
    if fault is None:
        return answer
    run.log(waiting.path, f"an answer was put aside: {fault}")
    return None


async def _asked(run: Run, waiting: Waiting) -> Answer | None:
    """Return an answer; ``None`` when none comes in time."""
    left = None if waiting.due is None else waiting.left(waiting.due, time())
    if left is not None and left <= 0:
        return None
    timer = asyncio.timeout(left)
    try:
        async with timer:
            return await _at_once(run, waiting) or await run.waits.answer(waiting)
    except TimeoutError:
        if timer.expired():
            return None
        raise


async def _at_once(run: Run, waiting: Waiting) -> Answer | None:
    """Return the answer of whoever is asked in this process."""
    if run.desk.ask is None and run.desk.parking is None:
        message = "nobody can be asked here: approvals need the service, a terminal or on_approval"
        raise StageFailureError(Code.INVALID_ARGUMENT, message)
    if run.desk.ask is None:
        return None
    answer = run.desk.ask(run.view, waiting)
    if inspect.isawaitable(answer):
        answer = await answer
    if answer is None:
        return None
    if not isinstance(answer, Answer):
        raise StageFailureError(Code.INVALID_TYPE, "on_approval is to return an Answer, or None")
    fault = misfit(waiting.form or {}, answer.values, refused=not answer.approved)
    if fault is not None:
        raise StageFailureError(Code.INVALID_ARGUMENT, f"the answer does not fit: {fault}")
    return answer


def _silence(body: Approval, waiting: Waiting) -> Answer:
    """Return what it means that nobody has answered in time; raise StageFailureError (TIMEOUT) when it means failure."""
    seconds = (waiting.due or 0.0) - waiting.since
    words = f"nobody answered within {seconds:g} s"
    if body.on_timeout == "fail":
        raise StageFailureError(Code.TIMEOUT, words)
    approved = body.on_timeout == "approve"
    return Answer(approved, comment=words, at=waiting.due)
