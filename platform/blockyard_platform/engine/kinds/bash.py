"""The bash stage: a script run by real bash, in a jail with the machine's programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blockyard_platform.engine.guests import Jail
from blockyard_platform.engine.kinds.scripts import reached, run_script
from blockyard_platform.engine.variables import variables_of

if TYPE_CHECKING:
    from blockyard_platform.engine.run import Run
    from blockyard_platform.engine.scope import Scope
    from blockyard_platform.plan import Bash
    from blockyard_platform.results import Outputs


async def execute(run: Run, body: Bash, scope: Scope, path: str) -> Outputs:
    """Run the script with ``env`` as its variables; what it prints is logged as it comes.

    The outputs are return_code, stdout and stderr, also when the stage fails; see ``run_script``.
    """
    inputs: dict[str, Any] = await run.fill(body.inputs, scope)
    variables = variables_of(inputs.get("env"))
    rules, proxies = await reached(run, inputs.get("hosts"), path)
    jail = Jail("shell", "bash", run.house.programs, hosts=rules)
    payload = {"script": body.script, "env": proxies | variables}
    return await run_script(run, jail, payload, "bash", path)
