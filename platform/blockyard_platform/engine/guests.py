"""The guests of one run: started when needed, reused while they are sound, never more than the policy allows."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from blockyard_platform.errors import StageFailureError
from blockyard_platform.plain import is_mapping
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping

    from blockyard_platform.engine.house import House
    from blockyard_sandbox.egress.hosts import HostRule
    from blockyard_sandbox.limits import GuestLimits
    from blockyard_sandbox.sandbox import Answer, Guest, Sandbox
    from blockyard_sandbox.spec import GuestView


_MOST_SCRIPTS = 100
"""Scripts that one guest runs: the seconds that it needs itself count against the limit of its processes."""


@dataclass(frozen=True, slots=True)
class Jail:
    """Where a script runs: the operation of its guest, the sandbox, what the guest sees, and the hosts that it reaches.

    Guests of the same ``key`` are alike.
    """

    op: str
    key: str
    sandbox: Callable[[], Awaitable[Sandbox]]
    shown: Mapping[str, str] = field(default_factory=dict[str, str])
    hosts: tuple[HostRule, ...] = ()


@dataclass(slots=True)
class _Shell:
    """A guest that runs scripts."""

    guest: Guest
    scripts: int = 0

    def may_go_on(self, answer: Answer | None) -> bool:
        """Whether the guest is as it was, after this answer."""
        if answer is None or not self.guest.alive or self.scripts >= _MOST_SCRIPTS:
            return False
        return is_mapping(answer.value) and answer.value.get("clean") is True


class Guests:
    """A pool of guests, and what is left of the run's CPU seconds."""

    def __init__(self, house: House) -> None:
        """Start nothing."""
        self._house = house
        self._limits: GuestLimits | None = None
        self._places = asyncio.Semaphore(house.policy.run.guests)
        self._idle: list[Guest] = []
        self._dead: list[Guest] = []
        self._shells: dict[str, list[_Shell]] = {}
        self._seconds_left = house.policy.run.cpu_seconds

    async def ask(
        self, op: str, payload: dict[str, Any], on_log: Callable[[str], None] | None = None
    ) -> Any:
        """Return a guest's answer.

        Raises StageFailureError when the guest says so, or died; a final one when the run's CPU seconds are spent
        or the sandbox cannot be had. A cancelled call ends its guest.
        """
        async with self._places:
            guest = self._sound() or await self._new()
            try:
                answer = await guest.call(op, payload, limits=self._call_limits(), on_log=on_log)
            except asyncio.CancelledError:
                self._seconds_left -= guest.lost_seconds
                raise
            finally:
                (self._idle if guest.alive else self._dead).append(guest)
        self._seconds_left -= answer.cpu_seconds
        if answer.error is not None:
            raise self._failure(answer)
        return answer.value

    async def run_script(
        self, jail: Jail, payload: dict[str, Any], on_log: Callable[[str], None]
    ) -> tuple[Any, bool]:
        """Return what the operation of a jail answers, and whether memory ran out.

        A guest without a network is used for another script of this run when the last has left nothing behind.
        Raises StageFailureError as :meth:`ask` does.
        """
        async with self._places:
            self._check_budget()
            idle = self._shells.setdefault(jail.key, [])
            shell = idle.pop() if idle and not jail.hosts else await self._new_shell(jail)
            answer, starved = None, False
            try:
                async with self._proxy(shell.guest, jail, on_log):
                    answer = await shell.guest.call(jail.op, payload, on_log=on_log)
                starved = shell.guest.out_of_memory
            except asyncio.CancelledError:
                self._seconds_left -= shell.guest.lost_seconds
                raise
            finally:
                shell.scripts += 1
                if starved or jail.hosts or not shell.may_go_on(answer):
                    await shell.guest.close()
                else:
                    idle.append(shell)
        self._seconds_left -= answer.cpu_seconds
        if answer.error is not None:
            raise self._failure(answer)
        return answer.value, starved

    def place(self) -> asyncio.Semaphore:
        """Return what one of the run's places is held by: a container takes one as a guest does."""
        return self._places

    @asynccontextmanager
    async def _proxy(
        self, guest: Guest, jail: Jail, on_log: Callable[[str], None]
    ) -> AsyncGenerator[None]:
        """Serve the hosts of a jail to its guest, for the time of the context."""
        if guest.listening is None:
            yield
            return
        from blockyard_sandbox.egress.proxy import EgressProxy

        proxy = EgressProxy(jail.hosts, lambda note: on_log(f"{note}\n"))
        await proxy.start(guest.listening)
        try:
            yield
        finally:
            await proxy.close()

    async def _new_shell(self, jail: Jail) -> _Shell:
        from blockyard_sandbox.spec import GuestView

        while self._dead:
            await self._dead.pop().close()
        view = GuestView(jail.shown, network=bool(jail.hosts))
        return _Shell(await self._spawn(jail.sandbox(), self._house.program_limits(), view))

    @property
    def spent(self) -> float:
        """CPU seconds that the run has used so far."""
        return self._house.policy.run.cpu_seconds - self._seconds_left

    def spend(self, seconds: float) -> None:
        """Count CPU seconds of processes that a guest has started."""
        self._seconds_left -= seconds

    async def close(self) -> None:
        """End all guests."""
        shells = [shell.guest for idle in self._shells.values() for shell in idle]
        ending = [*self._idle, *self._dead, *shells]
        self._idle, self._dead, self._shells = [], [], {}
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

    async def _new(self) -> Guest:
        while self._dead:
            await self._dead.pop().close()
        if self._limits is None:
            self._limits = self._house.limits()
        return await self._spawn(self._house.sandbox(), self._limits)

    async def _spawn(
        self, sandbox: Awaitable[Sandbox], limits: GuestLimits, view: GuestView | None = None
    ) -> Guest:
        from blockyard_sandbox.errors import SandboxUnavailableError

        self._check_budget()
        try:
            return await (await sandbox).guest(limits, view)
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
