"""What can go wrong in the platform, apart from a document's own problems.

PlatformError
├── ExpressionError     an expression is not well formed, or cannot be resolved
├── FilterError         a filter was given what it cannot take
├── StageFailureError   a stage failed: its code, and what its record says
└── StageSkipError      a stage has nothing to do
"""

from __future__ import annotations

from typing import Any

from blockyard_schemas.statuses import Code


class PlatformError(Exception):
    """The base of this room's errors."""


class ExpressionError(PlatformError):
    """An expression that is not well formed, or that cannot be resolved; ``hint`` says what to do."""

    def __init__(self, message: str, hint: str | None = None, rule: str = "expression") -> None:
        """Keep the hint, and the rule of a problem made of this error."""
        super().__init__(message)
        self.hint = hint
        self.rule = rule


class FilterError(PlatformError):
    """A filter was given what it cannot take; the message says what it takes."""


class JournalError(PlatformError):
    """A journal cannot be written: nothing more may be done in its run."""


class StageFailureError(PlatformError):
    """A stage failed.

    ``outputs`` is what it leaves all the same (the items of a foreach that ended before one failed). A ``final`` failure
    is one of the whole run, a limit or the sandbox: no retry, no catch and no later stage stands against it.
    """

    def __init__(
        self,
        code: Code,
        message: str,
        *,
        line: int | None = None,
        text: str | None = None,
        outputs: dict[str, Any] | None = None,
        final: bool = False,
    ) -> None:
        """Keep what the record of the stage will say."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.line = line
        self.text = text
        self.outputs = outputs or {}
        self.final = final

    def as_error(self) -> dict[str, Any]:
        """Return the ``error`` of a stage's record."""
        return {
            "name": self.code.name,
            "message": self.message,
            "line": self.line,
            "text": self.text,
        }


def wrong_form() -> StageFailureError:
    """Return the failure for an answer of a guest that is not what was asked for.

    A guest is hostile once a tenant's code has run in it, whatever it sends.
    """
    return StageFailureError(Code.UNHANDLED_EXCEPTION, "the guest gave an answer of the wrong form")


class StageSkipError(PlatformError):
    """A stage has nothing to do; its record is SKIP with this code, and the flow goes on."""

    def __init__(self, code: Code, outputs: dict[str, Any] | None = None) -> None:
        """Keep the code and the outputs."""
        super().__init__(code.name)
        self.code = code
        self.outputs = outputs or {}
