"""What stands around every stage, whatever its kind: condition, retry, timeout, record; and stages in a row."""

from __future__ import annotations

import asyncio
from time import perf_counter, time
from typing import TYPE_CHECKING

from blockyard_platform.durations import seconds_of
from blockyard_platform.engine.conditions import truth
from blockyard_platform.engine.deadlines import Within
from blockyard_platform.engine.endings import as_failure, cancelled, raised
from blockyard_platform.engine.replay import attempts_before, replayed
from blockyard_platform.engine.scope import Scope
from blockyard_platform.errors import ExpressionError, StageFailureError, StageSkipError
from blockyard_platform.plan import NESTED, WAITS, Call
from blockyard_platform.results import StageRecord
from blockyard_platform.retrying import allows, pause, read_retry
from blockyard_platform.templates import Template
from blockyard_schemas.statuses import Code, Status

if TYPE_CHECKING:
    from blockyard_platform.engine.endings import Ending
    from blockyard_platform.engine.run import Run
    from blockyard_platform.plan import Stage
    from blockyard_platform.results import Outputs
    from blockyard_platform.retrying import Retry

_BREATH = 64
"""Stages after which other work of the event loop (timers, other runs) gets a turn."""


class _Tries:
    """How often a stage was tried."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 1


async def run_stages(
    run: Run, stages: tuple[Stage, ...], scope: Scope, prefix: str
) -> StageRecord | None:
    """Run stages in order; return the record of the first that failed and was not to be passed over.

    After a failure only stages that say ``always`` are run; after a final one (a limit of the run) none.
    """
    failed: StageRecord | None = None
    for stage in stages:
        path = prefix + stage.id
        if run.past is not None:
            old = await _replay(run, stage, scope, path, failed)
            if old is not None:
                if old.status is Status.FAILED and failed is None:
                    failed = None if await _passes(run, stage, scope) else old
                continue
        if failed is not None and not await _runs_always(run, stage, scope):
            record = StageRecord(
                stage.id, path, stage.kind, Status.SKIP, Code.SKIPPED, {}, None, None, 0.0, 0
            )
        else:
            record = await _run_stage(run, stage, scope, path)
        await _note(run, stage, scope, record)
        if record.status is Status.FAILED and failed is None:
            failed = None if await _passes(run, stage, scope) else record
    return failed


async def _replay(
    run: Run, stage: Stage, scope: Scope, path: str, failed: StageRecord | None
) -> StageRecord | None:
    """Return the record that stands for a stage of a run that is resumed, and show it to later stages; ``None`` when it is to be run."""
    past = run.past
    if past is None or path not in past.records:
        return None
    if failed is not None and not await _runs_always(run, stage, scope):
        return None
    passes = past.again and await _passes(run, stage, scope)
    record = replayed(past, path, passes=passes)
    if record is not None:
        scope.stages[record.id] = record
        run.usage.hold(record.outputs)
    return record


async def _runs_always(run: Run, stage: Stage, scope: Scope) -> bool:
    return run.final is None and await _flag(run, stage.always, scope)


async def _passes(run: Run, stage: Stage, scope: Scope) -> bool:
    return run.final is None and await _flag(run, stage.continue_on_error, scope)


async def _flag(run: Run, template: Template, scope: Scope) -> bool:
    """Return a flag's value; one that cannot be resolved does not hold."""
    try:
        return truth(await run.fill(template, scope))
    except (ExpressionError, StageFailureError):
        return False


async def _note(run: Run, stage: Stage, scope: Scope, record: StageRecord) -> None:
    scope.stages[record.id] = record
    await run.record(record)
    if run.observers.steps:
        block = stage.body.uses if isinstance(stage.body, Call) else None
        await run.observers.stage_finished(run.view, record, block)


async def _run_stage(run: Run, stage: Stage, scope: Scope, path: str) -> StageRecord:
    if run.journal.behind:
        await run.catch_up()
    begun, clock = time(), perf_counter()
    tries = _Tries()
    try:
        ending = await _ended(run, stage, scope, path, tries)
    except asyncio.CancelledError:
        ending = cancelled(run)
        await _note(run, stage, scope, _record(stage, path, ending, begun, clock, tries.count))
        raise
    return _record(stage, path, ending, begun, clock, tries.count)


async def _ended(run: Run, stage: Stage, scope: Scope, path: str, tries: _Tries) -> Ending:
    """Return how a stage has ended, with nothing in it of the secrets that the run has revealed."""
    ending: Ending
    try:
        outputs = await _execute(run, stage, scope, path, tries)
        ending = (Status.SUCCESS, Code.DONE, outputs, None)
    except Exception as problem:  # noqa: BLE001  (whatever a stage raises becomes its record)
        ending = raised(run, problem)
    if run.hidden.masker is None:
        return ending
    status, code, outputs, error = ending
    outputs, error = await run.hidden.data([outputs, error])
    return status, code, outputs, error


async def _execute(run: Run, stage: Stage, scope: Scope, path: str, tries: _Tries) -> Outputs:
    if run.observers.starts:
        await run.observers.stage_started(run.view, path)
    if run.usage.count_step() % _BREATH == 0:
        await asyncio.sleep(0)
    if stage.bare and run.past is None:
        return await run.kinds[type(stage.body)](run, stage.body, scope, path)
    if stage.condition is not None and not truth(await run.fill(stage.condition, scope)):
        tries.count = 0
        raise StageSkipError(Code.IF_CONDITION_FAILED)
    retry = stage.retry
    if isinstance(retry, Template):
        retry = read_retry(await run.fill(retry, scope))
    if run.past is not None:
        if path in run.past.begun:
            run.mark(path, durable=True)  # whatever its record says, it ends what was begun
        tries.count += attempts_before(run.past, stage, retry, path)
    if retry is None:
        return await _timed(run, stage, scope, path)
    return await _retried(run, stage, retry, scope, path, tries)


async def _retried(
    run: Run, stage: Stage, retry: Retry, scope: Scope, path: str, tries: _Tries
) -> Outputs:
    nested = isinstance(stage.body, (*NESTED, *WAITS))
    while True:
        inner = Scope(scope, {"retry": tries.count - 1})
        where = path if tries.count == 1 or not nested else f"{path}~{tries.count}"
        try:
            return await _timed(run, stage, inner, where)
        except (StageFailureError, ExpressionError) as problem:
            failure = as_failure(problem)
            if failure.final or not allows(retry, tries.count, failure.code):
                raise
        tries.count += 1
        if nested and run.reached(f"{path}~{tries.count}"):
            continue  # by earlier work on this run, which has waited before it
        run.log(path, f"attempt {tries.count - 1} failed ({failure.code.name}): {failure.message}")
        delay = pause(retry, tries.count - 1)
        if run.observers.starts:
            shown = StageFailureError(failure.code, run.hidden.text(failure.message))
            await run.observers.stage_retried(run.view, path, tries.count - 1, shown, delay)
        await asyncio.sleep(delay)


async def _timed(run: Run, stage: Stage, scope: Scope, path: str) -> Outputs:
    execute = run.kinds[type(stage.body)]
    if stage.timeout is None:
        return await execute(run, stage.body, scope, path)
    seconds = await seconds_from(run, stage.timeout, scope)
    try:
        async with Within(run, path, seconds):
            return await execute(run, stage.body, scope, path)
    except TimeoutError:
        message = f"the stage did not end within its timeout of {seconds:g} s"
        raise StageFailureError(Code.TIMEOUT, message) from None


async def seconds_from(run: Run, timeout: float | Template, scope: Scope) -> float:
    """Return the seconds of a timeout; raise StageFailureError (INVALID_ARGUMENT) for what is no duration."""
    if not isinstance(timeout, Template):
        return timeout
    try:
        return seconds_of(await run.fill(timeout, scope))
    except ValueError as error:
        raise StageFailureError(Code.INVALID_ARGUMENT, f"timeout: {error}") from None


def _record(
    stage: Stage, path: str, ending: Ending, begun: float, clock: float, attempts: int
) -> StageRecord:
    status, code, outputs, error = ending
    return StageRecord(
        stage.id,
        path,
        stage.kind,
        status,
        code,
        outputs,
        error,
        begun,
        perf_counter() - clock,
        attempts,
    )
