"""The container stage through documents: a real engine, images of our own, everything closed in."""

from collections.abc import Callable
from typing import Any

import pytest
from engines import BUSYBOX, Engine

from blockyard_platform import Runner, RunResult
from blockyard_schemas.policy import Policy, personal_policy
from blockyard_schemas.policy_containers import ImageRule

pytestmark = pytest.mark.usefixtures("engine")
Allow = Callable[..., Policy]


def allowing(**more: Any) -> Policy:
    """Return the personal policy with the test images, and with changes."""
    policy = personal_policy()
    images = (ImageRule(name="local/*", tags=("*",)),)
    limits = policy.container.model_copy(update=more.pop("container", {}))
    stage = policy.stage.model_copy(update=more.pop("stage", {}))
    return policy.model_copy(update={"images": images, "container": limits, "stage": stage, **more})


async def ran(policy: Policy, *command: str, **more: Any) -> RunResult:
    stage = {"id": "a", "image": BUSYBOX, "command": list(command), **more}
    async with Runner(policy=policy) as runner:
        return await runner.run({"name": "t", "stages": [stage]})


def stage(result: RunResult) -> Any:
    assert result.problems == ()
    return result.as_dict()["jobs"]["main"]["stages"]["a"]


async def test_a_container_says_what_it_did(engine: Engine) -> None:
    result = await ran(allowing(), "sh", "-c", "echo out; echo err >&2; printf ' end'")
    outputs = stage(result)["outputs"]
    image = engine.client.inspect_image(BUSYBOX)["Id"]
    assert outputs == {"return_code": 0, "stdout": "out\n end", "stderr": "err\n", "digest": image}
    assert sorted(line.text for line in result.logs) == [" end", "err", "out"]
    assert engine.containers() == []
