"""What a run has used of what it may: executed stages, uses of blocks, outputs that it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blockyard_platform.errors import StageFailureError
from blockyard_platform.weight import weigh
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from blockyard_platform.engine.journal import Past

MAX_HELD = 64 * 1024 * 1024
"""Bytes, roughly, of outputs that one run may hold."""


class Usage:
    """The counts of one run, and the bounds at which it ends."""

    def __init__(self, most_steps: int, past: Past | None) -> None:
        """Count on from what earlier work on the run has used."""
        self._most_steps = most_steps
        self._steps = 0
        self._uses: dict[str, int] = {}
        self._held = 0
        if past is not None:
            self._uses.update(past.uses)
            self._steps = sum(it.started is not None for it in past.records.values())

    def count_step(self) -> int:
        """Count one stage that is run, and return the count; raise a final StageFailureError beyond the policy's executed steps."""
        self._steps += 1
        if self._steps > self._most_steps:
            raise StageFailureError(
                Code.STEP_LIMIT_EXCEED,
                f"the run has executed {self._most_steps} stages, and the policy allows no more (executed_steps)",
                final=True,
            )
        return self._steps

    def count_use(self, block: str) -> int:
        """Count one use of a block, and return the count."""
        used = self._uses[block] = self._uses.get(block, 0) + 1
        return used

    def hold(self, outputs: dict[str, Any]) -> None:
        """Count outputs that the run keeps; raise a final StageFailureError when they are too much."""
        self._held += weigh(outputs, MAX_HELD)
        if self._held > MAX_HELD:
            raise StageFailureError(
                Code.RESULT_LIMIT,
                f"the outputs of this run's stages exceed {MAX_HELD // 1024 // 1024} MiB in all",
                final=True,
            )
