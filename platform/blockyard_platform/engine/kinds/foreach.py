"""The foreach stage: runs its stages for each item of a list or a mapping."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from blockyard_platform.engine.conditions import truth
from blockyard_platform.engine.nested import StopCrewError, crew, failure_of, stages_of
from blockyard_platform.engine.scope import Scope
from blockyard_platform.engine.whole import whole
from blockyard_platform.errors import StageFailureError
from blockyard_platform.filters import text_of
from blockyard_platform.plain import is_list, is_mapping
from blockyard_schemas.kinds import MAX_CONCURRENT
from blockyard_schemas.statuses import Code, Status

if TYPE_CHECKING:
    from blockyard_platform.engine.run import Run
    from blockyard_platform.plan import Foreach, Stage
    from blockyard_platform.results import Outputs, StageRecord

_LONGEST_KEY = 200


@dataclass(slots=True)
class _Loop:
    """One foreach in work: its items, their keys, and what has come of them."""

    items: list[Any]
    keys: list[str]
    stages: tuple[Stage, ...]
    path: str
    fail_fast: bool
    entries: dict[str, Any] = field(default_factory=dict[str, Any])
    results: list[Any] = field(default_factory=list[Any])
    failed: StageRecord | None = None


async def execute(run: Run, body: Foreach, scope: Scope, path: str) -> Outputs:
    """Run the stages once an item, in order or ``concurrent`` at a time.

    In the stages ``item`` is the item (of a mapping ``{key, value}``) and ``loop`` its index from 0. The result of an item is that of
    its last stage. A failed item ends the loop, unless ``fail-fast`` is false.
    """
    inputs = await run.fill(body.inputs, scope)
    items, keys = _items(inputs["items"], by_index=truth(inputs.get("use-index-as-key")))
    _check_bound(run, len(items))
    concurrent = whole("concurrent", inputs.get("concurrent", 1), 1, MAX_CONCURRENT)
    fail_fast = truth(inputs.get("fail-fast", True))
    loop = _Loop(items, keys, body.stages, path, fail_fast, results=[None] * len(items))
    await _all(run, loop, scope, min(concurrent, len(items)))
    entries = {key: loop.entries[key] for key in keys if key in loop.entries}
    outputs: Outputs = {"items": items, "foreach": entries, "results": loop.results}
    if loop.failed is not None:
        raise failure_of(run, loop.failed, outputs)
    return outputs


async def _all(run: Run, loop: _Loop, scope: Scope, concurrent: int) -> None:
    indexes = iter(range(len(loop.items)))

    async def work() -> None:
        for index in indexes:
            failed = await _one(run, loop, scope, index)
            if failed is not None and (loop.fail_fast or run.final is not None):
                raise StopCrewError

    if concurrent > 1:
        await crew(run, concurrent, work)
        return
    try:
        await work()
    except StopCrewError:
        return


async def _one(run: Run, loop: _Loop, scope: Scope, index: int) -> StageRecord | None:
    item = loop.items[index]
    inner = Scope(scope, {"item": item, "loop": index})
    status, failed = Status.CANCEL, None
    try:
        failed = await run.stages(loop.stages, inner, f"{loop.path}[{index}]/")
        status = Status.SUCCESS if failed is None else Status.FAILED
    finally:
        loop.entries[loop.keys[index]] = {
            "status": status.value,
            "item": item,
            "stages": stages_of(inner),
        }
    loop.failed = loop.failed or failed
    if failed is None:
        loop.results[index] = _result(inner)
    return failed


def _result(scope: Scope) -> Any:
    """Return what the last stage that succeeded left: its ``result``, or all its outputs."""
    for record in reversed(scope.stages.values()):
        if record.status is Status.SUCCESS:
            outputs = record.outputs
            return outputs.get("result", outputs)
    return None


def _items(value: Any, *, by_index: bool) -> tuple[list[Any], list[str]]:
    if is_mapping(value):
        items = [{"key": key, "value": each} for key, each in value.items()]
        return items, [str(i) for i in range(len(items))] if by_index else list(value)
    if not is_list(value):
        raise StageFailureError(
            Code.INVALID_TYPE,
            f"foreach takes a list or a mapping, not {text_of(value)[:60]!r}",
        )
    if by_index:
        return value, [str(index) for index in range(len(value))]
    keys = [_key(index, item) for index, item in enumerate(value)]
    _check_keys(keys)
    return value, keys


def _key(index: int, item: Any) -> str:
    """Return the key of an item in the outputs: its text, or its index when it is too large for a key."""
    if is_list(item) or is_mapping(item):
        return str(index)
    text = text_of(item)
    return text if len(text) <= _LONGEST_KEY else str(index)


def _check_keys(keys: list[str]) -> None:
    seen: set[str] = set()
    for key in keys:
        if key in seen:
            raise StageFailureError(
                Code.INVALID_ARGUMENT,
                f"foreach has two items with the key {key[:60]!r}; say use-index-as-key: true",
            )
        seen.add(key)


def _check_bound(run: Run, count: int) -> None:
    most = run.policy.foreach_items
    if count > most:
        raise StageFailureError(
            Code.STEP_LIMIT_EXCEED,
            f"foreach over {count} items, and the policy allows {most} (foreach_items)",
        )
