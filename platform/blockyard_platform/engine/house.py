"""What runs share: the policy, the workflows, and premises with the catalog and a sandbox that starts when it is first needed."""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING

from blockyard_platform.engine.premises import Premises
from blockyard_platform.loading import DOCUMENT_BYTES, load_policy
from blockyard_platform.workflows import load_workflows
from blockyard_schemas.problems import InvalidDocumentError, Problem

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from blockyard_blocks.catalog import Block, Catalog
    from blockyard_platform.host_blocks.stores.keys import Opened
    from blockyard_platform.loading import PolicyLike
    from blockyard_platform.secrets.providers import Secrets
    from blockyard_platform.workflows import WorkflowsLike
    from blockyard_sandbox.containers.engine import ContainerEngine
    from blockyard_sandbox.environments.environments import Environments
    from blockyard_sandbox.limits import GuestLimits
    from blockyard_sandbox.sandbox import Sandbox
    from blockyard_sandbox.spec import Level
    from blockyard_schemas.policy import Policy

_MIB = 1024 * 1024


class House:
    """The parts that many runs of one tenant use: its policy, its workflows, and premises that may be shared with other tenants."""

    def __init__(
        self,
        policy: PolicyLike,
        catalog: Catalog | None = None,
        workflows: WorkflowsLike = None,
        premises: Premises | None = None,
        *,
        sandbox: Sandbox | None = None,
        state: Iterable[str] = (),
        data: str | os.PathLike[str] | None = None,
        secrets: Secrets | None = None,
        stops: Callable[[str, tuple[str, ...]], str | None] | None = None,
    ) -> None:
        """Read and start nothing yet. ``premises`` that are given are used, with their catalog, and left open.

        Without them the house has its own, of ``catalog``, ``sandbox``, ``state`` and ``data``: see Premises. ``secrets`` are those that
        host blocks may be given; ``stops`` says of a kind ("image", "package") and some names why one of them is stopped. Raises ValueError when both are given, and for ``state`` that the premises do not guard.
        """
        if premises is not None:
            if (catalog, sandbox, data) != (None, None, None):
                raise ValueError("premises have a catalog, a sandbox and folders of their own")
            if not premises.state.issuperset(state):
                raise ValueError("premises guard the files of a journal: Premises(state=...)")
        self._policy = policy
        self.workflows = load_workflows(workflows)
        self._shared = premises is not None
        self.premises = premises or Premises(
            catalog, ask_level=self._level, sandbox=sandbox, state=state, data=data
        )
        self._blocks: dict[str, Block] = {}
        self.secrets = secrets
        self.stops = stops

    @cached_property
    def policy(self) -> Policy:
        """The policy; raises InvalidDocumentError or OSError when it cannot be read, or asks for more than the premises give."""
        policy = load_policy(self._policy)
        if self._shared and policy.isolation == "full" and self.premises.level != "full":
            message = "the policy asks for the full jail, and these premises have the reduced one"
            raise InvalidDocumentError([Problem("policy", "/isolation", message)])
        return policy

    @property
    def catalog(self) -> Catalog:
        """The catalog."""
        return self.premises.catalog

    @property
    def data(self) -> Path:
        """The folder for what tenants keep; nothing is made yet."""
        return self.premises.data

    @property
    def keys(self) -> Opened | None:
        """Opens the tenant's keys where the premises have them elsewhere than in the folder for data."""
        keys = self.premises.keys
        return None if keys is None else partial(keys, self.policy.name)

    @property
    def document_bytes(self) -> int:
        """The bound on documents."""
        return DOCUMENT_BYTES if self._policy is None else self.policy.document_kib * 1024

    def _level(self) -> Level:
        """Return the least level of the jail; known without reading when there is no policy but the personal one."""
        return "full" if self._policy is None else self.policy.isolation

    def warm(self) -> None:
        """Begin to start the sandbox, without waiting for it."""
        self.premises.warm()

    @property
    def started(self) -> bool:
        """Whether a sandbox is there, or on its way."""
        return self.premises.started

    async def sandbox(self) -> Sandbox:
        """Return the sandbox, started; raise SandboxUnavailableError when it cannot be had."""
        return await self.premises.sandbox()

    async def programs(self) -> Sandbox:
        """Return the sandbox for stages that start programs, started; raise SandboxUnavailableError."""
        return await self.premises.programs()

    def engine(self) -> ContainerEngine:
        """Return the container engine; nothing is asked of it yet."""
        return self.premises.engine()

    def environments(self) -> Environments:
        """Return the environments of virtual-python stages; nothing is started yet."""
        return self.premises.environments(self.policy)

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
        """Close the premises, when they are the house's own."""
        if not self._shared:
            await self.premises.close()
