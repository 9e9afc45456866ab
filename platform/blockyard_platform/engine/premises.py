"""Premises: what any number of houses share: the catalog, the sandboxes, the container engine, the environments."""

from __future__ import annotations

import asyncio
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from blockyard_platform.loading import load_catalog

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager

    from blockyard_blocks.catalog import Catalog
    from blockyard_platform.host_blocks.stores.keys import Shelf
    from blockyard_sandbox.containers.engine import ContainerEngine
    from blockyard_sandbox.environments.environments import Environments
    from blockyard_sandbox.sandbox import Sandbox
    from blockyard_sandbox.spec import JailSpec, Level
    from blockyard_schemas.policy import Policy


class Premises:
    """What houses of one catalog and one level of the jail have in common, each part made when it is first needed.

    A guest is forked for one run, under the limits of that run's policy; so tenants share the process that guests are forked from, and nothing
    more. All of it belongs to one event loop. Close it at the end.
    """

    def __init__(
        self,
        catalog: Catalog | None = None,
        level: Level = "full",
        *,
        ask_level: Callable[[], Level] | None = None,
        sandbox: Sandbox | None = None,
        state: Iterable[str] = (),
        data: str | os.PathLike[str] | None = None,
        keys: Callable[[str, bool], AbstractContextManager[Shelf]] | None = None,
    ) -> None:
        """Start nothing. Without ``catalog`` the built-in blocks; ``ask_level`` tells the level when the jail is needed.

        A ``sandbox`` that is given serves the guests, and is left open. ``state`` are files of the platform's own, which no container may see;
        ``data`` is the folder for what tenants keep, without it that of ``data_folder``; ``keys`` opens the keys of a tenant that are elsewhere.
        """
        self._catalog = catalog
        self._level: Level = level
        self._ask = ask_level
        self._given = sandbox
        self.state = frozenset(state)
        self._data = data
        self.keys = keys
        self._guests: asyncio.Task[Sandbox] | None = None
        self._programs: asyncio.Task[Sandbox] | None = None
        self._engine: ContainerEngine | None = None
        self._environments: dict[str, Environments] = {}

    @cached_property
    def catalog(self) -> Catalog:
        """The catalog."""
        return load_catalog(self._catalog)

    @cached_property
    def level(self) -> Level:
        """The least level of the jail."""
        return self._level if self._ask is None else self._ask()

    @cached_property
    def data(self) -> Path:
        """The folder for what tenants keep; nothing is made yet."""
        from blockyard_platform.data import data_folder

        return data_folder() if self._data is None else Path(self._data).absolute()

    @property
    def started(self) -> bool:
        """Whether a sandbox for guests is there, or on its way."""
        return self._given is not None or self._guests is not None

    def warm(self) -> None:
        """Begin to start the sandbox for guests, without waiting for it; once more when it could not be had."""
        if self._given is None and _is_due(self._guests):
            self._guests = asyncio.ensure_future(_start_guests(self.level, self.catalog))

    async def sandbox(self) -> Sandbox:
        """Return the sandbox for guests, started; raise SandboxUnavailableError when it cannot be had."""
        if self._given is not None:
            return self._given
        self.warm()
        assert self._guests is not None  # noqa: S101  (for type checkers: warm() has set it)
        return await asyncio.shield(self._guests)

    async def programs(self) -> Sandbox:
        """Return the sandbox for stages that start programs, started; raise SandboxUnavailableError."""
        if self._programs is None or _is_due(self._programs):
            self._programs = asyncio.ensure_future(_start_programs(self.level))
        return await asyncio.shield(self._programs)

    def engine(self) -> ContainerEngine:
        """Return the container engine; nothing is asked of it yet."""
        if self._engine is None:
            from blockyard_sandbox.containers.engine import ContainerEngine

            own = (*sorted(self.state), str(self.data), str(Path(__file__).parents[2]))
            self._engine = ContainerEngine(own=own)
        return self._engine

    def environments(self, policy: Policy) -> Environments:
        """Return the environments of virtual-python stages, one for each index that policies name; nothing is started yet."""
        rule = policy.environment.index
        index = "" if rule is None else rule.model_dump_json()
        if index not in self._environments:
            from blockyard_platform.caching import cache_folder, index_settings
            from blockyard_sandbox.environments.environments import Environments

            settings = partial(index_settings, policy)
            self._environments[index] = Environments(cache_folder(), self.level, settings)
        return self._environments[index]

    async def close(self) -> None:
        """Close what was started here."""
        starting = [task for task in (self._guests, self._programs) if task is not None]
        self._guests = self._programs = None
        for task in starting:
            try:
                sandbox = await task
            except Exception:  # noqa: BLE001, S112  (whoever waited for it has been told)
                continue
            await sandbox.close()
        environments, self._environments = self._environments, {}
        for each in environments.values():
            await each.close()


def _is_due(starting: asyncio.Task[Sandbox] | None) -> bool:
    """Whether a sandbox is to be started: none was, or it could not be had at that time."""
    if starting is None:
        return True
    return starting.done() and (starting.cancelled() or starting.exception() is not None)


async def _start_guests(level: Level, catalog: Catalog) -> Sandbox:
    from blockyard_sandbox.spec import JailSpec

    extensions = {"block": ("blockyard_blocks.serve:make", catalog.guest_config())}
    return await _started(JailSpec(extensions=extensions, level=level))


async def _start_programs(level: Level) -> Sandbox:
    from blockyard_sandbox.programs import program_spec

    return await _started(program_spec(level))


async def _started(spec: JailSpec) -> Sandbox:
    from blockyard_sandbox.sandbox import Sandbox

    sandbox = Sandbox(spec)
    try:
        await sandbox.start()
    except BaseException:
        await sandbox.close()
        raise
    return sandbox
