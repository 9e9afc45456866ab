"""What the registry refuses, and why. Every one is a StoreError with a rule of its own."""

from __future__ import annotations

from blockyard_platform.store.errors import StoreError


class NotFoundError(StoreError):
    """There is no such thing, or none that the caller may know of: the words are the same."""

    def __init__(self, kind: str, name: object) -> None:
        """Name what was asked for, and nothing else."""
        super().__init__(f"there is no {kind} {str(name)[:100]!r}", None, "not-found")


class ForbiddenError(StoreError):
    """The caller's role or scopes do not allow the action, whatever it is done to."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        """Say what is not allowed."""
        super().__init__(message, hint, "forbidden")


class DisabledError(StoreError):
    """The tenant is switched off: its things can be read, and nothing else."""

    def __init__(self, tenant: str, reason: str) -> None:
        """Say why."""
        super().__init__(f"the tenant '{tenant}' is disabled: {reason}", None, "disabled")


class ConflictError(StoreError):
    """There is one already, or it is another than the caller takes it for."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        """Say what stands in the way."""
        super().__init__(message, hint, "conflict")


class QuotaError(StoreError):
    """The tenant has used up what it has for the day, or in all."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        """Say what is used up."""
        super().__init__(message, hint, "quota")


class InvalidError(StoreError):
    """A name, a text, a number or a cursor that cannot be taken."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        """Say what is wrong with it."""
        super().__init__(message, hint, "invalid")


class AuthenticationError(StoreError):
    """A token that is unknown, wrong, expired or revoked: which of these is not told."""

    def __init__(self) -> None:
        """Say no more than that."""
        super().__init__("the token is not valid", "ask an admin for another", "authentication")
