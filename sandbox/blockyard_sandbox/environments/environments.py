"""The environments that a platform offers: locks resolved once, environments built once, and the sandboxes in which scripts run."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from blockyard_sandbox.environments.builder import Builder, BuildLimits, Served
from blockyard_sandbox.environments.errors import EnvironmentUnavailableError
from blockyard_sandbox.environments.interpreters import Interpreter, Interpreters
from blockyard_sandbox.environments.jails import script_spec
from blockyard_sandbox.environments.locks import Lock, Wanted, read_lock
from blockyard_sandbox.environments.store import EnvironmentStore
from blockyard_sandbox.index.gateway import IndexGateway
from blockyard_sandbox.sandbox import Sandbox
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from pathlib import Path

    from blockyard_sandbox.environments.builder import Tell
    from blockyard_sandbox.index.settings import IndexSettings
    from blockyard_sandbox.spec import Level

__all__ = ["BuildLimits", "Environments", "Interpreter", "Lock", "Wanted"]

T = TypeVar("T")

_AT_ONCE = 2
"""Environments that are resolved or built at the same time."""

MOST_BYTES = 10 * 1024 * 1024 * 1024
"""What unused environments may take on disk, unless an admin says otherwise."""


class Environment(NamedTuple):
    """An environment by its name, and the number of its folder: one that was removed and built again has another."""

    name: str
    stamp: int


class Environments:
    """Environments in one folder of this machine, for any number of runs."""

    def __init__(
        self,
        folder: Path,
        level: Level,
        settings: Callable[[], IndexSettings],
        most_bytes: int = MOST_BYTES,
    ) -> None:
        """Start nothing; ``settings`` tells of the index when it is first needed."""
        from uv import find_uv_bin

        self._uv = find_uv_bin()
        self._folder = folder
        self._level: Level = level
        self._settings = settings
        self._store = EnvironmentStore(folder, most_bytes)
        self._interpreters = Interpreters(self._uv, folder / "pythons")
        self._gateway: IndexGateway | None = None
        self._builders: dict[str, Builder] = {}
        self._scripts: dict[str, Sandbox] = {}
        self._resolving: dict[str, asyncio.Task[Lock]] = {}
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._known: IndexSettings | None = None
        self._preparing = asyncio.Lock()

    async def interpreter(self, request: str | None, *, fetch: bool) -> Interpreter:
        """Return the interpreter that a request such as 3.12 asks for. Raises EnvironmentUnavailableError."""
        return await self._interpreters.find(request, fetch=fetch)

    async def lock(
        self, wanted: Wanted, interpreter: Interpreter, limits: BuildLimits, tell: Tell
    ) -> Lock:
        """Return a lock of what is wanted, resolved when the last one is too old. Raises as :meth:`Builder.resolve` does."""
        settings = await self._ready()
        if not wanted.requirements:
            return read_lock("")
        key = wanted.key(interpreter.identity, [it.url for it in settings.indexes])
        kept = self._folder / "wanted" / f"{key}.txt"
        if _is_fresh(kept, wanted.hours):
            return read_lock(kept.read_text())

        async def resolve() -> Lock:
            for line in settings.ignored:
                tell(f"not used: {line}")
            async with self._places:
                lock = await self._builder(interpreter).resolve(wanted, limits, tell)
            part = kept.with_name(f"{key}.{id(lock):x}.part")
            part.write_text(lock.text)
            part.replace(kept)
            return lock

        return await _once(self._resolving, key, resolve)

    @asynccontextmanager
    async def use(
        self,
        lock: Lock,
        wanted: Wanted,
        interpreter: Interpreter,
        limits: BuildLimits,
        tell: Tell,
    ) -> AsyncGenerator[Environment]:
        """Have the environment of a lock, for the time of the context. Raises as :meth:`Builder.install` does."""
        await self._ready()
        identity = interpreter.identity
        name = lock.name(identity, wheels_only=wanted.wheels_only)

        async def make(folder: str) -> str:
            async with self._places:
                return await self._builder(interpreter).install(folder, lock, wanted, limits, tell)

        async with self._store.use(name, make):
            facts = os.stat(self._store.environments / name)
            yield Environment(name, facts.st_ino)

    def log(self, name: str) -> str:
        """Return what uv said when the environment of a name was built."""
        return self._store.log(name)

    async def scripts(self, interpreter: Interpreter) -> Sandbox:
        """Return the sandbox in which scripts of an interpreter run, with any of the environments. Raises SandboxUnavailableError."""
        await self._ready()
        sandbox = self._scripts.get(interpreter.path)
        if sandbox is None:
            spec = script_spec(self._level, interpreter, self._store.environments)
            sandbox = self._scripts[interpreter.path] = Sandbox(spec)
        await sandbox.start()
        return sandbox

    async def close(self) -> None:
        """End what runs, and the sandboxes."""
        for task in list(self._resolving.values()):
            task.cancel()
        await asyncio.gather(*self._resolving.values(), return_exceptions=True)
        await self._store.close()
        for builder in self._builders.values():
            await builder.close()
        for sandbox in self._scripts.values():
            await sandbox.close()
        if self._gateway is not None:
            await self._gateway.close()
        self._builders, self._scripts, self._gateway, self._known = {}, {}, None, None

    async def _ready(self) -> IndexSettings:
        """Make the folders and read the settings, once. Raises EnvironmentUnavailableError when a folder cannot be made."""
        async with self._preparing:
            if self._known is None:
                try:
                    (self._folder / "wanted").mkdir(mode=0o700, parents=True, exist_ok=True)
                    await asyncio.to_thread(self._store.prepare)
                except OSError as error:
                    raise EnvironmentUnavailableError(
                        Code.SANDBOX_UNAVAILABLE, f"the folder for environments: {error}"
                    ) from None
                self._known = await asyncio.to_thread(self._settings)
                self._gateway = IndexGateway(self._known, self._folder / "index")
            return self._known

    def _builder(self, interpreter: Interpreter) -> Builder:
        builder = self._builders.get(interpreter.path)
        if builder is None:
            # _ready() has set both.
            assert self._gateway is not None  # noqa: S101
            assert self._known is not None  # noqa: S101
            index = Served(self._gateway, len(self._known.indexes))
            builder = Builder(self._uv, self._level, interpreter, self._store.building, index)
            self._builders[interpreter.path] = builder
        return builder


async def _once(going: dict[str, asyncio.Task[T]], key: str, work: Callable[[], Awaitable[T]]) -> T:
    """Do a work once for all who ask for it at the same time; it goes on when one of them leaves."""
    task = going.get(key)
    if task is None:
        task = going[key] = asyncio.ensure_future(work())
        task.add_done_callback(partial(_forget, going, key))
    return await asyncio.shield(task)


def _forget(going: dict[str, asyncio.Task[T]], key: str, task: asyncio.Task[T]) -> None:
    del going[key]
    if not task.cancelled():
        task.exception()  # it is told to whoever waits, if anybody still does


def _is_fresh(kept: Path, hours: float) -> bool:
    try:
        return time.time() - kept.stat().st_mtime < hours * 3600
    except FileNotFoundError:
        return False
