"""The sandbox: one zygote, and the guests that it forks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

from blockyard_sandbox.answers import Answer, GuestFailure
from blockyard_sandbox.errors import ZygoteDiedError
from blockyard_sandbox.guests import Guest
from blockyard_sandbox.limits import GuestLimits
from blockyard_sandbox.spec import GuestView
from blockyard_sandbox.zygote import Zygote

if TYPE_CHECKING:
    from types import TracebackType

    from blockyard_sandbox.spec import JailSpec

__all__ = ["Answer", "Guest", "GuestFailure", "Sandbox"]

_BARE = GuestView()
_ZYGOTES = 3
"""How many zygotes may die while they bear one guest, before it is given up."""


class Sandbox:
    """An asynchronous context manager that owns one zygote process.

    ``await sandbox.guest(limits)`` gives a fresh guest; close each. A zygote that has died is replaced at the next guest.
    """

    def __init__(self, spec: JailSpec) -> None:
        """Start nothing."""
        self.spec = spec
        self._zygote: Zygote | None = None
        self._starting: asyncio.Lock = asyncio.Lock()

    async def start(self) -> None:
        """Start the zygote. Raises SandboxUnavailableError when a layer of the spec's level cannot be had."""
        async with self._starting:
            if self._zygote is None or not self._zygote.alive:
                if self._zygote is not None:
                    await self._zygote.close()
                zygote = Zygote(self.spec)
                self._zygote = zygote
                await zygote.ready()

    async def guest(
        self, limits: GuestLimits | None = None, view: GuestView | None = None
    ) -> Guest:
        """Return a guest that is closed in and waits for its first call."""
        for left in reversed(range(_ZYGOTES)):
            try:
                if self._zygote is None or not self._zygote.alive:
                    await self.start()
                assert self._zygote is not None  # noqa: S101  (for type checkers: start() has set it)
                return await self._zygote.bear(limits or GuestLimits(), view or _BARE)
            except ZygoteDiedError:
                # Nothing was asked of the guest yet, so that another zygote can bear it, unless this is the end of all.
                if self._zygote is None or not left:
                    raise
        raise AssertionError("the last zygote has borne a guest, or raised")

    async def close(self) -> None:
        """End the zygote and every guest; leave no process, no control group and no descriptor."""
        zygote, self._zygote = self._zygote, None
        if zygote is not None:
            await zygote.close()

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        await self.close()

    @property
    def pid(self) -> int | None:
        """The process id of the zygote's launcher, or ``None`` when none runs."""
        return self._zygote.process.pid if self._zygote is not None else None
