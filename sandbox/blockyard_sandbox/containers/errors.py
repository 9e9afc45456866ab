"""Why a container was not run, or not to its end."""

from __future__ import annotations

from blockyard_sandbox.errors import SandboxError
from blockyard_schemas.statuses import Code


class ContainerError(SandboxError):
    """A container cannot be run. A ``final`` error is one of the machine: trying again does not help."""

    def __init__(self, code: Code, message: str, *, final: bool = False) -> None:
        """Keep what the record of the stage will say."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.final = final


class EngineGoneError(ContainerError):
    """The engine does not answer; it may do so later."""

    def __init__(self, message: str) -> None:
        """Keep the message; the code is SANDBOX_UNAVAILABLE."""
        super().__init__(Code.SANDBOX_UNAVAILABLE, message)
