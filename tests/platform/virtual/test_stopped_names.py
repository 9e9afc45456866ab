"""Images and packages that were stopped: asked for when the stage is at them, since an expression or another package may name them."""

from typing import Any

import pytest
from virtual_stages import only

from blockyard_platform.engine.handle import RunHandle
from blockyard_platform.engine.house import House
from blockyard_platform.engine.observers import Observers
from blockyard_platform.tickets import NewRun
from blockyard_schemas.policy import Policy
from blockyard_schemas.statuses import Code

IMAGES = Policy.model_validate(
    {"stages": ["docker"], "images": [{"name": "alpine", "tags": ["*"]}], "name": "ant"}
)


class Stops:
    """Stops some names, and keeps what it was asked."""

    def __init__(self, *names: str) -> None:
        self.names = set(names)
        self.asked: list[tuple[str, tuple[str, ...]]] = []

    def __call__(self, kind: str, names: tuple[str, ...]) -> str | None:
        self.asked.append((kind, names))
        found = sorted(self.names & set(names))
        return f"the {kind} '{found[0]}' is stopped: it is not safe" if found else None


async def ran(policy: Policy, stops: Stops, stage: dict[str, Any], **params: str) -> Any:
    house = House(policy, stops=stops)
    document = {"name": "t", "params": dict.fromkeys(params, "str"), "stages": [stage]}
    try:
        return only(await RunHandle(house, NewRun(document, params, {}), Observers()).result())
    finally:
        await house.close()


async def test_an_image_that_an_expression_names_is_stopped() -> None:
    stops = Stops("docker.io/library/alpine:3.20")
    stage = {"id": "a", "image": "alpine", "tag": "${{ params.tag }}", "command": ["true"]}
    record = await ran(IMAGES, stops, stage, tag="3.20")
    assert (record.code, record.error["message"]) == (
        Code.FORBIDDEN_IMAGE,
        "the image 'docker.io/library/alpine:3.20' is stopped: it is not safe",
    )
    assert stops.asked == [("image", ("docker.io/library/alpine:3.20",))]


@pytest.mark.parametrize("stopped", ["greeting", "other"])
async def test_a_package_that_another_one_brings_along_is_stopped(
    stopped: str, policy: Policy
) -> None:
    stops = Stops(stopped)
    stage = {"id": "a", "run": "import greeting", "deps": ["shouting"]}
    record = await ran(policy, stops, stage)
    asked = {name for _, names in stops.asked for name in names}
    assert asked == {"greeting", "shouting"}
    assert record.code is (Code.FORBIDDEN_PACKAGE if stopped == "greeting" else Code.DONE)
