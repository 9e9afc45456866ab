"""What runs share: the policy, the catalog, and one sandbox that starts when it is first needed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from blockyard_blocks.catalog import Block, Catalog
    from blockyard_sandbox.limits import GuestLimits
    from blockyard_sandbox.sandbox import Sandbox
    from blockyard_schemas.policy import Policy

_MIB = 1024 * 1024


class House:
    """The parts that many runs of one tenant use."""

    def __init__(self, policy: Policy, catalog: Catalog, sandbox: Sandbox | None = None) -> None:
        """Start nothing; a sandbox that is given is used, and left open."""
        self.policy = policy
        self.catalog = catalog
        self._given = sandbox
        self._starting: asyncio.Task[Sandbox] | None = None
        self._blocks: dict[str, Block] = {}

    def warm(self) -> None:
        """Begin to start the sandbox, without waiting for it."""
        if self._given is None and self._starting is None:
            self._starting = asyncio.ensure_future(_start(self.policy, self.catalog))

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

    def block(self, uses: str) -> Block:
        """Return a block of an admitted plan, by the document's spelling."""
        block = self._blocks.get(uses)
        if block is None:
            block = self.catalog.find(uses)
            if block is None:
                raise LookupError(f"the catalog no longer has the block '{uses}'")
            self._blocks[uses] = block
        return block

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
        """Close the sandbox, when it was started here."""
        starting, self._starting = self._starting, None
        if starting is None:
            return
        try:
            sandbox = await starting
        except Exception:  # noqa: BLE001  (whoever waited for it has been told)
            return
        await sandbox.close()


async def _start(policy: Policy, catalog: Catalog) -> Sandbox:
    from blockyard_sandbox.sandbox import Sandbox
    from blockyard_sandbox.spec import JailSpec

    extensions = {"block": ("blockyard_blocks.serve:make", catalog.guest_config())}
    sandbox = Sandbox(JailSpec(extensions=extensions, level=policy.isolation))
    await sandbox.start()
    return sandbox
