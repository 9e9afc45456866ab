"""Built-in blocks in a real guest: every example, the codes of what goes wrong, and the words."""

import os
from collections.abc import AsyncIterator
from typing import Any

import pytest

from blockyard_blocks import Catalog
from blockyard_sandbox.errors import SandboxUnavailableError
from blockyard_sandbox.limits import GuestLimits
from blockyard_sandbox.sandbox import Guest, Sandbox
from blockyard_sandbox.spec import JailSpec
from blockyard_schemas.statuses import Code

MIB = 1024 * 1024
LIMITS = GuestLimits(
    cpu_seconds=30,
    wall_seconds=60,
    memory_bytes=256 * MIB,
    processes=1,
    open_files=32,
    file_bytes=MIB,
    output_bytes=MIB,
    result_bytes=4 * MIB,
    run_cpu_seconds=60,
)


@pytest.fixture
async def guest() -> AsyncIterator[Guest]:
    config = Catalog.builtin().guest_config()
    spec = JailSpec(extensions={"block": ("blockyard_blocks.serve:make", config)}, level="reduced")
    sandbox = Sandbox(spec)
    try:
        await sandbox.start()
    except SandboxUnavailableError as error:
        await sandbox.close()
        if os.environ.get("BLOCKYARD_REQUIRE") == "all":
            raise
        pytest.skip(f"no jail can be had here: {error}")
    found = await sandbox.guest(LIMITS)
    try:
        yield found
    finally:
        await found.close()
        await sandbox.close()


async def test_every_example_runs_in_the_jail(guest: Guest) -> None:
    wrong: list[str] = []
    for found in Catalog.builtin():
        for example in found.examples:
            payload: dict[str, Any] = {"name": found.reference, "with": dict(example.arguments)}
            if example.variables is not None:
                payload["variables"] = dict(example.variables)
            answer = await guest.call("block", payload)
            good = answer.error is None and (
                example.varies or answer.value["result"] == example.result
            )
            if not good:
                wrong.append(f"{found.name}: {answer}")
    assert wrong == []


@pytest.mark.parametrize(
    ("name", "arguments", "code", "message"),
    [
        ("text.join", {"items": [1]}, 107, "text.join: items[0]: expected text, got the number 1"),
        ("math.sqrt", {"value": -1}, 103, "math.sqrt: -1 is negative and has no square root"),
        ("logic.assert", {"value": 0, "message": "no"}, 106, "logic.assert: no"),
        ("logic.stop", {"message": "enough"}, 111, "enough"),
        ("text.upper", {"text": "\ud800"}, 107, "the input is not plain data"),
        ("no.block", {}, 102, "the guest has no block 'no.block'"),
    ],
)
async def test_what_goes_wrong_has_its_code_and_words(
    guest: Guest, name: str, arguments: dict[str, Any], code: int, message: str
) -> None:
    answer = await guest.call("block", {"name": name, "with": arguments})
    assert answer.error is not None
    assert answer.error.code == Code(code)
    assert answer.error.message.startswith(message)
    again = await guest.call("block", {"name": "text.upper", "with": {"text": "a"}})
    assert again.value == {"result": "A"}
