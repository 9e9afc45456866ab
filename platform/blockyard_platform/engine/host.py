"""Blocks that run in the host: trusted code of an admin, with a Context, within the policy's wall seconds."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from blockyard_platform.engine.host_lines import HostLines
from blockyard_platform.errors import StageFailureError
from blockyard_platform.plain import copied
from blockyard_platform.secrets.references import fill
from blockyard_sandbox.threads import in_loop, in_thread
from blockyard_schemas.problems import InvalidDocumentError
from blockyard_schemas.reader import from_data
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from blockyard_blocks.catalog import Block
    from blockyard_platform.engine.run import Run
    from blockyard_platform.secrets.references import Place

_THREAD = "blockyard-host-block"


async def call_on_host(
    run: Run,
    block: Block,
    arguments: dict[str, Any],
    path: str,
    secrets: tuple[Place, ...] = (),
) -> Any:
    """Call a host block, with ``secrets`` in their places, and return its result; whoever records that masks what was revealed.

    A coroutine function runs in the event loop and is cancelled with its stage. A plain function runs in a thread of its own;
    since no thread can be ended from outside, one that outlives its stage is left to itself, and its result is thrown away.
    Raises StageFailureError with the code that the block's exception stands for.
    """
    from blockyard_blocks.context import Context

    given = await _with_secrets(run, arguments, secrets)
    await run.start_effect(path)
    lines = HostLines(partial(run.log, path), run.hidden)
    context = Context(
        run_id=run.view.run_id,
        workflow=run.view.workflow,
        stage=path,
        tenant=run.policy.name,
        policy=run.policy,
        log=_logger(block, lines),
        data=run.house.data,
        secret=run.hidden.reveal,
        keys=run.house.keys,
    )
    seconds = run.policy.stage.wall_seconds
    try:
        async with asyncio.timeout(seconds):
            return await _call(run, block, context, given)
    except TimeoutError:
        message = f"the block '{block.name}' did not end within {seconds:g} s"
        raise StageFailureError(Code.TIMEOUT, message) from None
    finally:
        lines.end()


async def _with_secrets(
    run: Run, arguments: dict[str, Any], places: tuple[Place, ...]
) -> dict[str, Any]:
    """Return a copy of the arguments with secrets in it; their names are in the journal by then."""
    given: dict[str, Any] = copied(arguments)
    if places:
        values = await in_thread(
            lambda: [(place, run.hidden.reveal(place.name)) for place in places], _THREAD
        )
        fill(given, values)
        await run.pin_secrets()
    return given


def _logger(block: Block, lines: HostLines) -> Callable[[str], None]:
    """Return what takes a block's lines; from a thread they go by way of the event loop, in order."""
    if block.is_async:
        return lines
    loop = asyncio.get_running_loop()
    return lambda text: in_loop(loop, lines, text)


async def _call(run: Run, block: Block, context: Any, arguments: dict[str, Any]) -> Any:
    try:
        if block.is_async:
            result = await _without_exit(block.call(arguments, context=context))
        else:
            result = await in_thread(partial(block.call, arguments, context=context), _THREAD)
        return _plain(block.name, result)
    except StageFailureError:
        raise
    except Exception as error:  # noqa: BLE001  (the stage fails with its words)
        failure = failure_of_block(block.name, error)
        # What an exception holds besides its words is not masked: then it goes no further.
        raise failure from (error if run.hidden.masker is None else None)


def _plain(name: str, result: Any) -> Any:
    """Return a copy of a result that is plain data, as a guest's would be."""
    try:
        return from_data(result).data
    except InvalidDocumentError as error:
        message = f"{name} gave a result that is not plain data: {error}"
        raise StageFailureError(Code.INVALID_TYPE, message) from None


async def _without_exit(outcome: Awaitable[Any]) -> Any:
    try:
        return await outcome
    except SystemExit as error:
        raise RuntimeError("it raised SystemExit") from error


def failure_of_block(name: str, error: Exception) -> StageFailureError:
    """Return the failure that an exception of a block stands for, as pyconduit does: by its class."""
    from blockyard_blocks.errors import BlockError

    if isinstance(error, BlockError):
        return StageFailureError(error.code, error.message)
    if isinstance(error, AssertionError):
        code = Code.ASSERTION_ERROR
    elif isinstance(error, TypeError):
        code = Code.INVALID_TYPE
    elif isinstance(error, ValueError | ArithmeticError):
        code = Code.INVALID_ARGUMENT
    else:
        code = Code.UNHANDLED_EXCEPTION
    return StageFailureError(code, f"{name}: {str(error) or type(error).__name__}")
