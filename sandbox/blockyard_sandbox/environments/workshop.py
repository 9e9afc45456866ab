"""uv at work: it resolves to a lock and installs from one, both by the same guest when one follows the other."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from blockyard_sandbox.environments.builder import CACHE, check_size
from blockyard_sandbox.environments.errors import EnvironmentUnavailableError
from blockyard_sandbox.environments.jails import UV, inside
from blockyard_sandbox.environments.locks import read_lock
from blockyard_sandbox.environments.sealing import remove
from blockyard_sandbox.environments.store import Built
from blockyard_sandbox.guest.script import ENVIRONMENT
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from collections.abc import Callable

    from blockyard_sandbox.environments.builder import Builder, BuildLimits
    from blockyard_sandbox.environments.locks import Lock, Wanted
    from blockyard_sandbox.environments.store import EnvironmentStore
    from blockyard_sandbox.guests import Guest

    Tell = Callable[[str], None]

_INPUT, _CONSTRAINTS, _LOCK = (
    "/scratch/wanted.in",
    "/scratch/constraints.txt",
    "/scratch/lock.txt",
)
_DRAWN = dict.fromkeys(map(ord, "\u00d7\u2570\u2500\u25b6\u2502\u251c"))
"""What uv draws around its messages."""


_ENDS = 25
"""Lines at the beginning and at the end that are passed on when uv says much: it warns of each file of a package by itself."""


class Workshop:
    """One guest of a builder with a folder of its own, made when it is first needed; ``tell`` gets what uv says."""

    def __init__(
        self, builder: Builder, store: EnvironmentStore, limits: BuildLimits, tell: Tell
    ) -> None:
        """Start nothing."""
        self._builder = builder
        self._store = store
        self._limits = limits
        self._tell = tell
        self._notes: list[str] = []
        self._busy = asyncio.Lock()
        self._folder = AsyncExitStack()
        self._work = AsyncExitStack()
        self._guest: Guest | None = None
        self._name = ""

    async def resolve(self, wanted: Wanted) -> Lock:
        """Return the lock of what is wanted. Raises EnvironmentUnavailableError with uv's own words, SandboxUnavailableError."""
        words = [UV, "pip", "compile", "--python", inside(self._builder.interpreter)]
        words += ["--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url"]
        words += [*self._sources(wanted), _INPUT]
        files = {_INPUT: "\n".join(wanted.requirements)}
        if wanted.constraints:
            words += ["--constraint", _CONSTRAINTS]
            files[_CONSTRAINTS] = "\n".join(wanted.constraints)
        async with self._busy:
            answer = await self._uv(words, files, self._tell)
        return read_lock(answer["stdout"])

    async def install(self, lock: Lock, wanted: Wanted) -> Built:
        """Make the environment of a lock; the guest ends with it. Raises as :meth:`resolve` does."""
        async with self._busy:
            return await self._install(lock, wanted)

    async def _install(self, lock: Lock, wanted: Wanted) -> Built:
        told: list[str] = []

        def both(line: str) -> None:
            told.append(line)
            self._tell(line)

        interpreter = self._builder.interpreter
        words = [UV, "venv", "--allow-existing", "--python", inside(interpreter), ENVIRONMENT]
        await self._uv(words, {}, lambda _: None)
        if lock.releases:
            words = [UV, "pip", "sync", "--python", f"{ENVIRONMENT}/bin/python"]
            words += ["--require-hashes", *self._sources(wanted), _LOCK]
            await self._uv(words, {_LOCK: lock.text}, both)
            payload: dict[str, Any] = {
                "python": f"{ENVIRONMENT}/bin/python",
                "magic": interpreter.magic,
                "folder": f"{ENVIRONMENT}/lib",
                "env": self._builder.variables,
            }
            await self._call("bytecode", payload)
        await self._work.aclose()
        self._guest = None
        folder = self._store.building / self._name
        await check_size(folder, self._limits.size_bytes)
        await asyncio.to_thread(remove, folder / CACHE)
        return Built(folder, "\n".join(told))

    async def close(self) -> None:
        """End the guest when its work is done, and remove its folder unless that has been taken over."""
        async with self._busy:
            await self._work.aclose()
            await self._folder.aclose()

    async def _open(self) -> Guest:
        if self._guest is None:
            await self._folder.aclose()
            self._name = await self._folder.enter_async_context(self._store.workspace())
            guest = self._builder.guest(self._name, self._limits, self._notes)
            self._guest = await self._work.enter_async_context(guest)
        return self._guest

    def _sources(self, wanted: Wanted) -> list[str]:
        words = self._builder.index.options
        if wanted.wheels_only:
            words += ["--only-binary", ":all:"]
        if wanted.minimum_age:
            newest = datetime.now(UTC) - timedelta(days=wanted.minimum_age)
            words += ["--exclude-newer", newest.strftime("%Y-%m-%dT%H:%M:%SZ")]
        return words

    async def _uv(self, words: list[str], files: dict[str, str], tell: Tell) -> dict[str, Any]:
        ended = await self._call(
            "tool", {"words": words, "env": self._builder.variables, "files": files}
        )
        for line in _shortened(ended["stderr"].splitlines()):
            tell(line)
        if ended["return_code"] != 0:
            raise self._failure(ended["stderr"])
        return ended

    async def _call(self, op: str, payload: dict[str, Any]) -> dict[str, Any]:
        guest = await self._open()
        answer = await guest.call(op, payload)
        if answer.error is not None:
            raise EnvironmentUnavailableError(
                answer.error.code, f"the environment could not be built: {answer.error.message}"
            )
        value: dict[str, Any] = answer.value
        return value

    def _failure(self, said: str) -> EnvironmentUnavailableError:
        """Return what uv said as a failure; when the index gave no answer, why: it may do so later."""
        if self._notes:
            code, reason = Code.SANDBOX_UNAVAILABLE, "; ".join(self._notes[-3:])
        else:
            code, reason = Code.INVALID_ARGUMENT, " ".join(said.translate(_DRAWN).split())
            start = max(reason.find("error: "), reason.find("No solution found"), 0)
            reason = reason[start:].removeprefix("error: ")
        return EnvironmentUnavailableError(code, f"the packages cannot be had: {reason[:1500]}")


def _shortened(lines: list[str]) -> list[str]:
    left_out = len(lines) - 2 * _ENDS
    if left_out <= 0:
        return lines
    return [*lines[:_ENDS], f"({left_out} lines are left out)", *lines[-_ENDS:]]
