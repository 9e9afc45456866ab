"""A stage of the embedding program's own: what it does is trusted, and in no document."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from blockyard_platform.engine.run import Run
    from blockyard_platform.engine.scope import Scope
    from blockyard_platform.plan import Own
    from blockyard_platform.results import Outputs


async def execute(run: Run, body: Own, scope: Scope, path: str) -> Outputs:
    """Do what the program says; its outputs are plain data."""
    return await body.perform(run, path)
