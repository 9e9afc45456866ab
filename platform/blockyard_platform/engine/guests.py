"""The guests of one run: started when needed, reused while they are sound, never more than the policy allows."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from blockyard_platform.errors import StageFailureError
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from collections.abc import Callable

    from blockyard_platform.engine.house import House
    from blockyard_sandbox.limits import GuestLimits
    from blockyard_sandbox.sandbox import Answer, Guest


class Guests:
    """A pool of guests, and what is left of the run's CPU seconds."""

    def __init__(self, house: House) -> None:
        """Start nothing."""
        self._house = house
        self._limits: GuestLimits | None = None
        self._places = asyncio.Semaphore(house.policy.run.guests)
        self._idle: list[Guest] = []
        self._dead: list[Guest] = []
        self._seconds_left = house.policy.run.cpu_seconds

    async def ask(
        self, op: str, payload: dict[str, Any], on_log: Callable[[str], None] | None = None
    ) -> Any:
        """Return a guest's answer.

        Raises StageFailureError when the guest says so, or died; a final one when the run's CPU seconds are spent
        or the sandbox cannot be had. A cancelled call ends its guest.
        """
        async with self._places:
            guest = self._sound() or await self._spawn()
            try:
                answer = await guest.call(op, payload, limits=self._call_limits(), on_log=on_log)
            finally:
                (self._idle if guest.alive else self._dead).append(guest)
        self._seconds_left -= answer.cpu_seconds
        if answer.error is not None:
            raise self._failure(answer)
        return answer.value

    async def close(self) -> None:
        """End all guests."""
        ending = self._idle + self._dead
        self._idle, self._dead = [], []
        for guest in ending:
            await guest.close()

    def _sound(self) -> Guest | None:
        """Return an idle guest; one that has died meanwhile is put aside."""
        while self._idle:
            guest = self._idle.pop()
            if guest.alive:
                return guest
            self._dead.append(guest)
        return None

    async def _spawn(self) -> Guest:
        from blockyard_sandbox.errors import SandboxUnavailableError

        while self._dead:
            await self._dead.pop().close()
        self._check_budget()
        if self._limits is None:
            self._limits = self._house.limits()
        try:
            sandbox = await self._house.sandbox()
            return await sandbox.guest(self._limits)
        except SandboxUnavailableError as error:
            raise StageFailureError(Code.SANDBOX_UNAVAILABLE, str(error), final=True) from error

    def _call_limits(self) -> GuestLimits | None:
        """Return tighter limits for a call when less is left for the run than a stage may take."""
        if self._limits is None or self._seconds_left >= self._limits.cpu_seconds:
            return None
        self._check_budget()
        return replace(self._limits, cpu_seconds=self._seconds_left)

    def _check_budget(self) -> None:
        if self._seconds_left <= 0:
            raise _spent(self._house)

    def _failure(self, answer: Answer) -> StageFailureError:
        error = answer.error
        assert error is not None  # noqa: S101  (for type checkers: the caller has looked)
        if error.code is Code.CPU_LIMIT and self._seconds_left <= 0:
            return _spent(self._house)
        return StageFailureError(error.code, error.message, line=error.line, text=error.text)


def _spent(house: House) -> StageFailureError:
    most = house.policy.run.cpu_seconds
    return StageFailureError(
        Code.CPU_LIMIT,
        f"the run has spent its {most:g} CPU seconds (policy run.cpu_seconds)",
        final=True,
    )
