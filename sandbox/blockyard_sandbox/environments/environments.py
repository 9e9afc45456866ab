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
from blockyard_sandbox.environments.workshop import Workshop
from blockyard_sandbox.index.gateway import IndexGateway
from blockyard_sandbox.sandbox import Sandbox
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from pathlib import Path

    from blockyard_sandbox.environments.store import Built
    from blockyard_sandbox.environments.workshop import Tell
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
        self._closing: set[asyncio.Future[None]] = set()
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._known: IndexSettings | None = None
        self._preparing = asyncio.Lock()

    async def interpreter(self, request: str | None, *, fetch: bool) -> Interpreter:
        """Return the interpreter that a request such as 3.12 asks for. Raises EnvironmentUnavailableError."""
        return await self._interpreters.find(request, fetch=fetch)

    @asynccontextmanager
    async def session(
        self, interpreter: Interpreter, wanted: Wanted, limits: BuildLimits, tell: Tell
    ) -> AsyncGenerator[Session]:
        """Give what resolves and builds for one stage. Raises EnvironmentUnavailableError when no folder can be made."""
        settings = await self._ready()
        workshop = Workshop(self._builder(interpreter), self._store, limits, tell)
        try:
            yield Session(self, settings, interpreter, wanted, workshop, tell)
        finally:
            # Others may wait for what is being resolved or built here: it goes on when this stage is gone.
            closing = asyncio.ensure_future(workshop.close())
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def resolved(
        self, key: str, hours: float, resolve: Callable[[], Awaitable[Lock]]
    ) -> Lock:
        """Return the lock that is kept under a key, or a new one when it is too old; who asks for the same waits."""
        kept = self._folder / "wanted" / f"{key}.txt"
        if _is_fresh(kept, hours):
            return read_lock(kept.read_text())

        async def work() -> Lock:
            async with self._places:
                lock = await resolve()
            part = kept.with_name(f"{key}.{id(lock):x}.part")
            part.write_text(lock.text)
            part.replace(kept)
            return lock

        return await _once(self._resolving, key, work)

    @asynccontextmanager
    async def used(
        self, name: str, install: Callable[[], Awaitable[Built]]
    ) -> AsyncGenerator[Environment]:
        """Have the environment of a name, built when there is none, for the time of the context."""

        async def make() -> Built:
            async with self._places:
                return await install()

        async with self._store.use(name, make):
            facts = os.stat(self._store.environments / name)
            yield Environment(name, facts.st_ino)

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
        await asyncio.gather(*self._closing, return_exceptions=True)
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
            seeds = self._folder / "seeds"
            builder = Builder(self._uv, self._level, interpreter, self._store, index, seeds)
            self._builders[interpreter.path] = builder
        return builder


class Session:
    """Locks and environments for one stage."""

    def __init__(
        self,
        environments: Environments,
        settings: IndexSettings,
        interpreter: Interpreter,
        wanted: Wanted,
        workshop: Workshop,
        tell: Tell,
    ) -> None:
        """Start nothing."""
        self._environments = environments
        self._settings = settings
        self._identity = interpreter.identity
        self._wanted = wanted
        self._workshop = workshop
        self._tell = tell

    async def lock(self) -> Lock:
        """Return a lock of what is wanted, resolved when the last one is too old. Raises as :meth:`Workshop.resolve` does."""
        wanted = self._wanted
        if not wanted.requirements:
            return read_lock("")

        async def resolve() -> Lock:
            for line in self._settings.ignored:
                self._tell(f"of this machine's settings, this is not used: {line}")
            return await self._workshop.resolve(wanted)

        key = wanted.key(self._identity, [it.url for it in self._settings.indexes])
        return await self._environments.resolved(key, wanted.hours, resolve)

    @asynccontextmanager
    async def use(self, lock: Lock) -> AsyncGenerator[Environment]:
        """Have the environment of a lock, for the time of the context. Raises as :meth:`Workshop.install` does."""
        name = lock.name(self._identity, wheels_only=self._wanted.wheels_only)
        install = partial(self._workshop.install, lock, self._wanted)
        async with self._environments.used(name, install) as environment:
            yield environment


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
