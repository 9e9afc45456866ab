"""The virtual-python stage: full Python in a jail, with packages that the policy allows, from an environment shared by all who ask the same."""

from __future__ import annotations

import hashlib
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

from blockyard_platform import packages
from blockyard_platform.engine.guests import Jail
from blockyard_platform.engine.kinds.scripts import reached, run_script
from blockyard_platform.engine.stops import check_stopped
from blockyard_platform.errors import StageFailureError
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from blockyard_platform.engine.run import Run
    from blockyard_platform.engine.scope import Scope
    from blockyard_platform.plan import Virtual
    from blockyard_platform.results import Outputs
    from blockyard_sandbox.environments.environments import BuildLimits, Lock, Session
    from blockyard_schemas.policy import Policy

_MIB = 1024 * 1024


async def execute(run: Run, body: Virtual, scope: Scope, path: str) -> Outputs:
    """Run the script with its vars as names; what it prints, and what uv says when it builds, is logged as it comes.

    The outputs are return_code, stdout, stderr, and ``result`` when the script leaves one; see ``run_script``.
    """
    from blockyard_sandbox.environments.errors import EnvironmentUnavailableError
    from blockyard_sandbox.errors import SandboxUnavailableError

    inputs: dict[str, Any] = await run.fill(body.inputs, scope)
    requirements = packages.requirements_of(list(body.requirements), run.policy)
    try:
        return await _run(run, body, requirements, inputs, path)
    except EnvironmentUnavailableError as error:
        raise StageFailureError(error.code, error.message) from error
    except SandboxUnavailableError as error:
        raise StageFailureError(Code.SANDBOX_UNAVAILABLE, str(error), final=True) from error


async def _run(
    run: Run, body: Virtual, requirements: tuple[str, ...], inputs: dict[str, Any], path: str
) -> Outputs:
    from blockyard_sandbox.environments.jails import variables
    from blockyard_sandbox.guest.script import ENVIRONMENT

    policy, environments = run.policy, run.house.environments()
    limits = build_limits(policy)
    wanted = packages.wanted_of(requirements, policy)
    python = packages.python_of(body.python, policy)
    interpreter = await environments.interpreter(python, fetch=policy.environment.fetch_python)
    packages.check_python(interpreter.version, policy)

    def tell(line: str) -> None:
        run.log(path, line)

    async with AsyncExitStack() as stack:
        session = environments.session(interpreter, wanted, limits, tell)
        building = await stack.enter_async_context(session)
        lock = await _lock(run, building, f"{interpreter.version} {requirements}")
        packages.check_lock(lock, requirements, policy)
        names = [release.name for release in lock.releases]
        await check_stopped(run, "package", names, Code.FORBIDDEN_PACKAGE)
        environment = await stack.enter_async_context(building.use(lock))
        rules, proxies = await reached(run, inputs.get("hosts"), path)
        jail = Jail(
            "script",
            f"{environment.stamp} {environment.name}",
            partial(environments.scripts, interpreter),
            {ENVIRONMENT: environment.name},
            rules,
        )
        payload = {
            "code": body.code,
            "vars": inputs.get("vars") or {},
            "env": proxies | variables(interpreter),
            "result_bytes": policy.stage.result_kib * 1024,
        }
        return await run_script(run, jail, payload, "the script", path)


async def _lock(run: Run, session: Session, facts: str) -> Lock:
    """Return the lock that the run has begun with, or resolve one and fix it for the rest of the run."""
    from blockyard_sandbox.environments.locks import read_lock

    key = f"packages {hashlib.sha256(facts.encode()).hexdigest()}"
    async with run.locking:
        pinned = run.pins.get(key)
        if pinned is not None:
            return read_lock(pinned)
        lock = await session.lock()
        await run.pin(key, lock.text)
        return lock


def build_limits(policy: Policy) -> BuildLimits:
    """Return what building an environment may take under a policy."""
    from blockyard_sandbox.environments.builder import BuildLimits

    rules = policy.environment
    return BuildLimits(rules.build_seconds, rules.size_mib * _MIB)
