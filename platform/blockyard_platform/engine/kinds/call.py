"""The call stage: uses a block, in the guest or, when an admin says so, in the host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blockyard_platform.engine.host import call_on_host
from blockyard_platform.errors import wrong_form
from blockyard_platform.plain import is_mapping

if TYPE_CHECKING:
    from blockyard_blocks.catalog import Block
    from blockyard_platform.engine.run import Run
    from blockyard_platform.engine.scope import Scope
    from blockyard_platform.plan import Call
    from blockyard_platform.results import Outputs


async def execute(run: Run, body: Call, scope: Scope, path: str) -> Outputs:
    """Call the block with its parameters; its result is the output ``result``."""
    block = run.house.block(body.uses)
    arguments = await run.fill(body.inputs, scope)
    run.count_use(block.name, path)
    if block.runs == "host":
        outputs = {"result": await call_on_host(run, block, arguments, path, body.secrets)}
    elif block.takes_variables:
        outputs = await _with_variables(run, block, arguments, path)
    else:
        outputs = _checked(await _ask(run, block, {"with": arguments}, path))
    run.usage.hold(outputs)
    return outputs


async def _ask(run: Run, block: Block, payload: dict[str, Any], path: str) -> Any:
    payload["name"] = block.reference
    return await run.ask("block", payload, path)


async def _with_variables(run: Run, block: Block, arguments: dict[str, Any], path: str) -> Outputs:
    """Let one block at a time read and write the run's variables, so that none of two changes is lost."""
    async with run.variables_lock:
        payload = {"with": arguments, "variables": run.variables}
        answer = await _ask(run, block, payload, path)
        outputs = _checked(answer)
        if not is_mapping(answer.get("variables")):
            raise wrong_form()
        run.usage.hold(answer["variables"])
        run.variables = await run.hidden.data(answer["variables"])
        run.mark(path, variables=run.variables)
    return outputs


def _checked(answer: Any) -> Outputs:
    """Return the outputs of an answer; the guest that gave it is hostile once a tenant's code has run in it."""
    if not is_mapping(answer) or "result" not in answer:
        raise wrong_form()
    return {"result": answer["result"]}
