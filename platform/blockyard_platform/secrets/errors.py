"""What can be wrong with secrets. No message and no cause holds a value or a key.

SecretError
├── PrivateFileError       a file that only its owner should read cannot be used
├── KeyFileError           the key file cannot be made or used
├── SecretValueError       a tenant, a name or a value cannot be taken
├── SealedError            a sealed value does not open; ``reason`` says why
└── SecretReferenceError   data that may refer to secrets is nested too deep; ``place`` says where
"""

from __future__ import annotations

from enum import StrEnum

from blockyard_platform.errors import PlatformError


class SecretError(PlatformError):
    """The base of the errors about secrets; ``hint`` says what to do."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        """Keep the hint."""
        super().__init__(message)
        self.hint = hint


class PrivateFileError(SecretError):
    """A file that only its owner should read cannot be used; ``missing`` when it is not there."""

    def __init__(self, message: str, hint: str | None = None, *, missing: bool = False) -> None:
        """Keep whether it is not there."""
        super().__init__(message, hint)
        self.missing = missing


class KeyFileError(SecretError):
    """The key file cannot be made or used; the message names the file and what is wrong with it."""


class SecretValueError(SecretError):
    """A tenant, a name or a value that cannot be taken as such."""


class Reason(StrEnum):
    """Why a sealed value does not open."""

    FORM = "form"
    """It was never a sealed value, or is one of a newer version."""
    CUT = "cut"
    """Its end is missing."""
    KEY = "key"
    """It was sealed with a key that the key file does not have."""
    CHANGED = "changed"
    """It was altered, or sealed for another tenant or name: authenticated encryption cannot tell these apart."""


class SealedError(SecretError):
    """A sealed value does not open."""

    def __init__(self, reason: Reason, message: str, hint: str | None = None) -> None:
        """Keep the reason."""
        super().__init__(message, hint)
        self.reason = reason


class SecretReferenceError(SecretError):
    """Data that may refer to secrets is nested too deep; ``place`` is a JSON pointer (RFC 6901)."""

    def __init__(self, place: str, message: str, hint: str | None = None) -> None:
        """Keep the place."""
        super().__init__(f"{place or '/'}: {message}", hint)
        self.place = place
