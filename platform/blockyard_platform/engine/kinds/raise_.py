"""The raise stage: stops with a message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blockyard_platform.errors import StageFailureError
from blockyard_platform.filters import text_of
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from blockyard_platform.engine.run import Run
    from blockyard_platform.engine.scope import Scope
    from blockyard_platform.plan import Raise
    from blockyard_platform.results import Outputs


async def execute(run: Run, body: Raise, scope: Scope, path: str) -> Outputs:
    """Fail with the document's message and the code RAISED."""
    raise StageFailureError(Code.RAISED, text_of(await run.fill(body.inputs, scope)))
