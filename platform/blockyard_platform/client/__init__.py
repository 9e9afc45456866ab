"""A typed client of the service's API: ``Client`` waits for answers, ``AsyncClient`` is awaited.

What a name needs is imported when it is first used.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from blockyard_platform.client.clients import AsyncClient, Client
    from blockyard_platform.client.errors import (
        BadAnswerError,
        ClientError,
        ConflictError,
        DisabledError,
        ForbiddenError,
        InvalidError,
        LimitedError,
        NotAdmittedError,
        NotEndedError,
        NotFoundError,
        ProblemError,
        QuotaError,
        RunFailedError,
        ServerError,
        ThrottledError,
        UnauthorizedError,
        UnavailableError,
        UnreachableError,
        UsageError,
    )
    from blockyard_platform.client.handles import AsyncRun, Run
    from blockyard_platform.client.retries import ONCE, Retry

__all__ = [
    "ONCE",
    "AsyncClient",
    "AsyncRun",
    "BadAnswerError",
    "Client",
    "ClientError",
    "ConflictError",
    "DisabledError",
    "ForbiddenError",
    "InvalidError",
    "LimitedError",
    "NotAdmittedError",
    "NotEndedError",
    "NotFoundError",
    "ProblemError",
    "QuotaError",
    "Retry",
    "Run",
    "RunFailedError",
    "ServerError",
    "ThrottledError",
    "UnauthorizedError",
    "UnavailableError",
    "UnreachableError",
    "UsageError",
]

_HOMES = {
    "ONCE": "retries",
    "AsyncClient": "clients",
    "AsyncRun": "handles",
    "Client": "clients",
    "Retry": "retries",
    "Run": "handles",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its module when it is first asked for (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module 'blockyard_platform.client' has no attribute {name!r}")
    import importlib

    home = _HOMES.get(name, "errors")
    value = getattr(importlib.import_module(f"blockyard_platform.client.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names."""
    return sorted(__all__)
