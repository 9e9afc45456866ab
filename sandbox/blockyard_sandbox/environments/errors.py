"""Why an environment cannot be had."""

from __future__ import annotations

from blockyard_sandbox.errors import SandboxError
from blockyard_schemas.statuses import Code


class EnvironmentUnavailableError(SandboxError):
    """An environment cannot be resolved or built; ``code`` and ``message`` are what the record of the stage will say."""

    def __init__(self, code: Code, message: str) -> None:
        """Keep both."""
        super().__init__(message)
        self.code = code
        self.message = message
