"""Container stages of a tenant, in the fewest words: what attacks on them are written with."""

from typing import Any

from engines import BUSYBOX

from blockyard_platform import Runner, RunResult, validate
from blockyard_schemas.policy import Policy, personal_policy
from blockyard_schemas.policy_containers import ImageRule, VolumeRule

SECRET = "CANARY-of-the-host"  # noqa: S105
RULES = (ImageRule(name="local/*", tags=("1", "odd")),)


def policy_of(*volumes: VolumeRule, **more: Any) -> Policy:
    policy = personal_policy()
    patient = policy.stage.model_copy(update={"wall_seconds": 180.0})
    update = {"images": RULES, "volumes": volumes, "stage": patient, **more}
    return policy.model_copy(update=update)


def refused(stage: dict[str, Any], policy: Policy | None = None) -> list[tuple[str, str]]:
    """Return rule and pointer of each problem of a stage; nothing is run."""
    outcome = validate({"name": "t", "stages": [stage]}, policy=policy or policy_of())
    return [(it.rule, it.pointer) for it in outcome.problems]


async def ran(policy: Policy, script: str = "true", **more: Any) -> RunResult:
    journal = more.pop("journal", None)
    given = more.pop("given", {})
    params: dict[str, Any] = {name: {} for name in given}
    stage = {"id": "a", "image": BUSYBOX, "command": ["sh", "-c", script], **more}
    async with Runner(policy=policy, journal=journal) as runner:
        return await runner.run({"name": "t", "params": params, "stages": [stage]}, params=given)


def stage_of(result: RunResult) -> Any:
    assert result.problems == ()
    return result.as_dict()["jobs"]["main"]["stages"]["a"]


def printed(result: RunResult) -> str:
    return str(stage_of(result)["outputs"]["stdout"])
