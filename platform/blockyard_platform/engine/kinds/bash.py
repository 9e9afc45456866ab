"""The bash stage: a script run by real bash, in a jail with the machine's programs and without a network."""

from __future__ import annotations

import math
import signal
from typing import TYPE_CHECKING, Any

from blockyard_platform.engine.variables import variables_of
from blockyard_platform.errors import StageFailureError, wrong_form
from blockyard_platform.plain import is_mapping
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from blockyard_platform.engine.run import Run
    from blockyard_platform.engine.scope import Scope
    from blockyard_platform.plan import Bash
    from blockyard_platform.results import Outputs


_SPENT = (-signal.SIGXCPU, 128 + signal.SIGXCPU)
"""How bash ends when it, or the last program that it ran, was killed for its seconds."""


async def execute(run: Run, body: Bash, scope: Scope, path: str) -> Outputs:
    """Run the script with ``env`` as its variables; what it prints is logged as it comes.

    The stage fails with EXIT_NONZERO or KILLED_BY_SIGNAL, its outputs all the same return_code, stdout and stderr.
    """
    payload = {"script": body.script, "env": variables_of(await run.fill(body.inputs, scope))}
    answer, starved = await run.run_script(payload, path)
    outputs, seconds = _checked(answer)
    run.guests.spend(seconds)
    run.hold(outputs)
    code = outputs["return_code"]
    if code == 0:
        return outputs
    if starved:
        message = "the memory limit was reached; use less at a time"
        raise StageFailureError(Code.MEMORY_LIMIT, message, outputs=outputs)
    if code in _SPENT:
        seconds = run.policy.stage.cpu_seconds
        message = f"a process used more than {seconds:g} CPU seconds"
        raise StageFailureError(Code.CPU_LIMIT, message, outputs=outputs)
    if code < 0:
        message = f"bash was killed by {_signal(-code)}"
        raise StageFailureError(Code.KILLED_BY_SIGNAL, message, outputs=outputs)
    message = f"bash ended with {code}{_last_line(outputs['stderr'])}"
    raise StageFailureError(Code.EXIT_NONZERO, message, outputs=outputs)


def _checked(answer: Any) -> tuple[Outputs, float]:
    """Return the outputs of an answer, and the CPU seconds it tells."""
    if not is_mapping(answer):
        raise wrong_form()
    code, seconds = answer.get("return_code"), answer.get("cpu_seconds")
    streams = [answer.get("stdout"), answer.get("stderr")]
    if type(code) is not int or not all(isinstance(each, str) for each in streams):
        raise wrong_form()
    if type(seconds) is not float or not math.isfinite(seconds) or seconds < 0:
        raise wrong_form()
    return {"return_code": code, "stdout": streams[0], "stderr": streams[1]}, seconds


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _last_line(stderr: str) -> str:
    lines = stderr.strip().splitlines()
    return f": {lines[-1][:200]}" if lines else ""
