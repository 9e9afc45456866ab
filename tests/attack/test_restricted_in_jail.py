"""The attacks in the restricted language once more, through the whole sandbox: a guest in its jail."""

import ast
import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from restricted_cases import restricted_cases

from blockyard_sandbox.answers import Answer
from blockyard_sandbox.guests import Guest
from blockyard_sandbox.limits import GuestLimits
from blockyard_sandbox.sandbox import Sandbox
from blockyard_sandbox.spec import JailSpec
from blockyard_schemas.statuses import Code

LIMITS = GuestLimits(cpu_seconds=20, wall_seconds=120, memory_bytes=192 << 20, run_cpu_seconds=600)
HURRIED = replace(LIMITS, cpu_seconds=0.5, wall_seconds=2.0)
"""Of what a clock is to end, or may; all else has time enough on a machine that is slow, or that stands still for a while."""
LIMITED = {Code.CPU_LIMIT, Code.TIMEOUT, Code.MEMORY_LIMIT, Code.OUTPUT_LIMIT, Code.RESULT_LIMIT}


@dataclass
class Jail:
    """A sandbox and the guest that serves until it dies."""

    loop: asyncio.Runner
    sandbox: Sandbox
    guest: Guest | None = None

    def python(self, code: str, limits: GuestLimits = LIMITS) -> Answer:
        """Run code in a guest, as a python stage does."""
        return self.loop.run(self._python(code, limits))

    async def _python(self, code: str, limits: GuestLimits) -> Answer:
        if self.guest is None or not self.guest.alive:
            if self.guest is not None:
                await self.guest.close()
            self.guest = await self.sandbox.guest(LIMITS)
        return await self.guest.call("python", {"code": code}, limits=limits)


@pytest.fixture(scope="module")
def jail() -> Iterator[Jail]:
    with asyncio.Runner() as loop:
        sandbox = Sandbox(JailSpec(level="full"))
        loop.run(sandbox.start())
        found = Jail(loop, sandbox)
        yield found
        if found.guest is not None:
            loop.run(found.guest.close())
        loop.run(sandbox.close())


@pytest.mark.parametrize(("outcome", "words", "code"), restricted_cases())
def test_attack(jail: Jail, outcome: str, words: str, code: str) -> None:
    answer = jail.python(code, HURRIED if outcome == "limit" else LIMITS)
    if outcome == "harmless":
        assert answer.error is None, answer
        assert answer.value == {"outputs": {"result": ast.literal_eval(words)}}
    elif outcome == "limit":
        names = set(words.split())
        allowed = LIMITED | {it for it in Code if it.name in names}
        allowed |= {Code.KILLED_BY_SIGNAL} if "CRASH" in names else set()
        assert answer.error is not None or "harmless" in names, answer
        assert answer.error is None or answer.error.code in allowed, answer
    else:
        assert answer.error is not None, answer
        assert words in answer.error.message
        assert (answer.error.code is Code.RESTRICTED_CODE) == (outcome != "error")
    assert jail.python("result = 6 * 7").value == {"outputs": {"result": 42}}
