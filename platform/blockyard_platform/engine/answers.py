"""What a guest is asked for while a template is filled: expressions, all in one call, and blocks that serve as filters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blockyard_platform.engine.scope import gather
from blockyard_platform.errors import wrong_form
from blockyard_platform.lookup import filtered, look_up
from blockyard_platform.plain import is_list, is_mapping
from blockyard_platform.syntax import GuestExpression, Path
from blockyard_platform.templates import check_weight

if TYPE_CHECKING:
    from blockyard_platform.engine.run import Run
    from blockyard_platform.engine.scope import Scope
    from blockyard_platform.syntax import FilterCall, Piped
    from blockyard_platform.templates import Asked


async def answers_of(run: Run, asked: tuple[Asked, ...], scope: Scope) -> list[Any]:
    """Return an answer for each, in order; raise ExpressionError or StageFailureError."""
    sources = tuple(each for each in asked if isinstance(each, GuestExpression))
    evaluated = iter(await _evaluate(run, sources, scope) if sources else ())
    return [
        next(evaluated) if isinstance(each, GuestExpression) else await _pipe(run, each, scope)
        for each in asked
    ]


async def _evaluate(run: Run, expressions: tuple[GuestExpression, ...], scope: Scope) -> list[Any]:
    names = gather(expressions, scope)
    check_weight(names)
    payload = {"sources": [expression.text for expression in expressions], "names": names}
    answers = await run.guests.ask("expressions", payload)
    if not is_list(answers) or len(answers) != len(expressions):
        raise wrong_form()
    return answers


async def _pipe(run: Run, piped: Piped, scope: Scope) -> Any:
    value = piped.value
    if isinstance(value, Path):
        found = look_up(value, scope)
    else:
        found = filtered(value.value, value.filters)
    for call in piped.calls:
        check_weight(found)
        found = await _block(run, call, found) if call.is_block else filtered(found, (call,))
    return found


async def _block(run: Run, call: FilterCall, value: Any) -> Any:
    """Call a block with the value as its first parameter, and the arguments of the filter as those that follow."""
    block = run.house.block(call.name)
    names = [parameter.name for parameter in block.signature.tenant]
    given = dict(zip(names, (value, *call.arguments), strict=False))
    answer = await run.guests.ask("block", {"name": block.reference, "with": given})
    if not is_mapping(answer) or "result" not in answer:
        raise wrong_form()
    return answer["result"]
