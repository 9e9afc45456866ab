"""What can be wrong with operations.

OperationsError
├── MissingExtraError   a setting asks for a package that is not installed
├── BackupError         a backup cannot be made
└── RestoreError        an archive cannot be restored: it is no backup, damaged, hostile, or too new
"""

from __future__ import annotations

from blockyard_platform.errors import PlatformError


class OperationsError(PlatformError):
    """The base of this room's errors; ``hint`` says what to do."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        """Keep the hint."""
        super().__init__(message)
        self.hint = hint


class MissingExtraError(OperationsError):
    """A setting asks for a package that is not installed."""


class BackupError(OperationsError):
    """A backup cannot be made."""


class RestoreError(OperationsError):
    """An archive cannot be restored: it is no backup, damaged, hostile, or of a newer version."""
