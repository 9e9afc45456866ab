"""The python stage: restricted Python, run in the guest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blockyard_platform.errors import wrong_form
from blockyard_platform.plain import is_mapping

if TYPE_CHECKING:
    from blockyard_platform.engine.run import Run
    from blockyard_platform.engine.scope import Scope
    from blockyard_platform.plan import Python
    from blockyard_platform.results import Outputs


async def execute(run: Run, body: Python, scope: Scope, path: str) -> Outputs:
    """Run the code with its vars; return what it leaves, as the guest says."""
    payload = {"code": body.code, "vars": await run.fill(body.inputs, scope)}
    answer = await run.ask("python", payload, path)
    outputs: Any = answer.get("outputs") if is_mapping(answer) else None
    if not is_mapping(outputs):
        raise wrong_form()
    run.usage.hold(outputs)
    return outputs
