"""What stages that run a script in a jail of programs have in common: hosts, answers, and what their ends mean."""

from __future__ import annotations

import math
import signal
from typing import TYPE_CHECKING, Any

from blockyard_platform.errors import StageFailureError, wrong_form
from blockyard_platform.packages import hosts_of
from blockyard_platform.plain import is_mapping
from blockyard_sandbox.spec import PROXY_PORT
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from blockyard_platform.engine.guests import Jail
    from blockyard_platform.engine.run import Run
    from blockyard_platform.results import Outputs
    from blockyard_sandbox.egress.hosts import HostRule

_SPENT = (-signal.SIGXCPU, 128 + signal.SIGXCPU)
"""How a shell ends when it, or the last program that it ran, was killed for its seconds."""

_KILLED = (-signal.SIGKILL, 128 + signal.SIGKILL)
"""The same, for one that has not heeded the first signal."""

_PROXY = f"http://127.0.0.1:{PROXY_PORT}"
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


async def reached(run: Run, hosts: Any, path: str) -> tuple[tuple[HostRule, ...], dict[str, str]]:
    """Return the hosts that a stage reaches and the variables that tell its programs how; what leaves the jail is an effect."""
    rules = hosts_of(hosts, run.policy)
    if not rules:
        return (), {}
    await run.start_effect(path)
    return rules, dict.fromkeys(_PROXIES, _PROXY)


async def run_script(
    run: Run, jail: Jail, payload: dict[str, Any], program: str, path: str
) -> Outputs:
    """Run a script and return its outputs: return_code, stdout, stderr, and ``result`` when it has one.

    Raises StageFailureError with the outputs all the same: EXIT_NONZERO, KILLED_BY_SIGNAL, or the limit that was hit.
    """
    answer, starved = await run.run_script(jail, payload, path)
    outputs, seconds = _checked(answer)
    run.guests.spend(seconds)
    run.usage.hold(outputs)
    if outputs["return_code"] == 0:
        return outputs
    failure = _failure(run, outputs, seconds, program, starved=starved)
    raise StageFailureError(*failure, outputs=outputs)


def _failure(
    run: Run, outputs: Outputs, seconds: float, program: str, *, starved: bool
) -> tuple[Code, str]:
    code, most = outputs["return_code"], run.policy.stage.cpu_seconds
    if starved:
        return Code.MEMORY_LIMIT, "the memory limit was reached; use less at a time"
    if code in _SPENT or (code in _KILLED and seconds > most + 1):
        return Code.CPU_LIMIT, f"a process used more than {most:g} CPU seconds"
    if code < 0:
        return Code.KILLED_BY_SIGNAL, f"{program} was killed by {_signal(-code)}"
    return Code.EXIT_NONZERO, f"{program} ended with {code}{_last_line(outputs['stderr'])}"


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
    outputs = {"return_code": code, "stdout": streams[0], "stderr": streams[1]}
    if "result" in answer:
        outputs["result"] = answer["result"]
    return outputs, seconds


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _last_line(stderr: str) -> str:
    lines = stderr.strip().splitlines()
    return f": {lines[-1][:200]}" if lines else ""
