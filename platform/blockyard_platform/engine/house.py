"""What runs share: the policy, the catalog, and one sandbox that starts when it is first needed."""

from __future__ import annotations

import asyncio
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from blockyard_platform.loading import DOCUMENT_BYTES, load_catalog, load_policy
from blockyard_platform.workflows import load_workflows

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from blockyard_blocks.catalog import Block, Catalog
    from blockyard_platform.loading import PolicyLike
    from blockyard_platform.workflows import WorkflowsLike
    from blockyard_sandbox.containers.engine import ContainerEngine
    from blockyard_sandbox.environments.environments import Environments
    from blockyard_sandbox.limits import GuestLimits
    from blockyard_sandbox.sandbox import Sandbox
    from blockyard_schemas.policy import Policy

_MIB = 1024 * 1024


class House:
    """The parts that many runs of one tenant use."""

    def __init__(
        self,
        policy: PolicyLike,
        catalog: Catalog | None,
        sandbox: Sandbox | None = None,
        workflows: WorkflowsLike = None,
        state: Iterable[str] = (),
        data: str | os.PathLike[str] | None = None,
    ) -> None:
        """Read and start nothing yet; a sandbox that is given is used, and left open. ``state`` are files of the platform's own.

        ``data`` is the folder for what tenants keep; without it, that of ``data_folder``.
        """
        self._policy = policy
        self._catalog = catalog
        self._given = sandbox
        self.workflows = load_workflows(workflows)
        self._starting: asyncio.Task[Sandbox] | None = None
        self._programs: asyncio.Task[Sandbox] | None = None
        self._blocks: dict[str, Block] = {}
        self._engine: ContainerEngine | None = None
        self._environments: Environments | None = None
        self._state = tuple(state)
        self._data = data

    @cached_property
    def policy(self) -> Policy:
        """The policy; raises InvalidDocumentError or OSError when it cannot be read."""
        return load_policy(self._policy)

    @cached_property
    def catalog(self) -> Catalog:
        """The catalog."""
        return load_catalog(self._catalog)

    @cached_property
    def data(self) -> Path:
        """The folder for what tenants keep; nothing is made yet."""
        from blockyard_platform.data import data_folder

        return data_folder() if self._data is None else Path(self._data).absolute()

    @property
    def document_bytes(self) -> int:
        """The bound on documents."""
        return DOCUMENT_BYTES if self._policy is None else self.policy.document_kib * 1024

    @property
    def level(self) -> Literal["full", "reduced"]:
        """The least level of the jail; known without reading when there is no policy but the personal one."""
        return "full" if self._policy is None else self.policy.isolation

    def warm(self) -> None:
        """Begin to start the sandbox, without waiting for it."""
        if self._given is None and self._starting is None:
            self._starting = asyncio.ensure_future(_start(self.level, self.catalog))

    @property
    def started(self) -> bool:
        """Whether a sandbox is there, or on its way."""
        return self._given is not None or self._starting is not None

    async def sandbox(self) -> Sandbox:
        """Return the sandbox, started; raise SandboxUnavailableError when it cannot be had."""
        if self._given is not None:
            return self._given
        self.warm()
        assert self._starting is not None  # noqa: S101  (for type checkers: warm() has set it)
        return await asyncio.shield(self._starting)

    async def programs(self) -> Sandbox:
        """Return the sandbox for stages that start programs, started; raise SandboxUnavailableError."""
        if self._programs is None:
            self._programs = asyncio.ensure_future(_start_programs(self.level))
        return await asyncio.shield(self._programs)

    def engine(self) -> ContainerEngine:
        """Return the container engine; nothing is asked of it yet."""
        if self._engine is None:
            from blockyard_sandbox.containers.engine import ContainerEngine

            self._engine = ContainerEngine(
                own=(*self._state, str(self.data), str(Path(__file__).parents[2]))
            )
        return self._engine

    def environments(self) -> Environments:
        """Return the environments of virtual-python stages; nothing is started yet."""
        if self._environments is None:
            from blockyard_platform.caching import cache_folder, index_settings
            from blockyard_sandbox.environments.environments import Environments

            settings = partial(index_settings, self.policy)
            self._environments = Environments(cache_folder(), self.level, settings)
        return self._environments

    def block(self, uses: str) -> Block:
        """Return a block of an admitted plan, by the document's spelling."""
        block = self._blocks.get(uses)
        if block is None:
            block = self.catalog.find(uses)
            if block is None:
                raise LookupError(f"the catalog no longer has the block '{uses}'")
            self._blocks[uses] = block
        return block

    def program_limits(self) -> GuestLimits:
        """Return the limits of a guest that starts programs: it and its shell are two processes more."""
        from dataclasses import replace

        scratch = self.policy.stage.scratch_mib * _MIB
        limits = self.limits()
        return replace(
            limits,
            processes=limits.processes + 2,
            scratch_bytes=scratch,
            file_bytes=scratch,
            run_cpu_seconds=limits.cpu_seconds,
        )

    def limits(self) -> GuestLimits:
        """Return the limits of a guest under the policy."""
        from blockyard_sandbox.limits import GuestLimits

        stage = self.policy.stage
        return GuestLimits(
            cpu_seconds=stage.cpu_seconds,
            wall_seconds=stage.wall_seconds,
            memory_bytes=stage.memory_mib * _MIB,
            processes=stage.processes,
            open_files=stage.open_files,
            file_bytes=stage.file_mib * _MIB,
            output_bytes=stage.output_kib * 1024,
            result_bytes=stage.result_kib * 1024,
            run_cpu_seconds=self.policy.run.cpu_seconds,
        )

    async def close(self) -> None:
        """Close the sandboxes that were started here."""
        starting = [task for task in (self._starting, self._programs) if task is not None]
        self._starting = self._programs = None
        for task in starting:
            try:
                sandbox = await task
            except Exception:  # noqa: BLE001, S112  (whoever waited for it has been told)
                continue
            await sandbox.close()
        if self._environments is not None:
            await self._environments.close()
            self._environments = None


async def _start_programs(level: Literal["full", "reduced"]) -> Sandbox:
    from blockyard_sandbox.programs import program_spec
    from blockyard_sandbox.sandbox import Sandbox

    sandbox = Sandbox(program_spec(level))
    await sandbox.start()
    return sandbox


async def _start(level: Literal["full", "reduced"], catalog: Catalog) -> Sandbox:
    from blockyard_sandbox.sandbox import Sandbox
    from blockyard_sandbox.spec import JailSpec

    extensions = {"block": ("blockyard_blocks.serve:make", catalog.guest_config())}
    sandbox = Sandbox(JailSpec(extensions=extensions, level=level))
    await sandbox.start()
    return sandbox
