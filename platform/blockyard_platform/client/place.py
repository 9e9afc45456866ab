"""Whom a client asks for, and how patiently: what every operation knows of its client."""

from __future__ import annotations

from dataclasses import dataclass

from blockyard_platform.client.address import segment
from blockyard_platform.client.errors import UsageError
from blockyard_platform.client.retries import PATIENT, USUAL, Retry

V1 = "/api/v1"


@dataclass(frozen=True, slots=True)
class Place:
    """``tenant`` is whose things are meant where a call names no other; ``patient`` is for streams and waits."""

    tenant: str | None = None
    retry: Retry = USUAL
    patient: Retry = PATIENT

    def of(self, tenant: str | None, *parts: str | int | tuple[str, str | int]) -> str:
        """Return the path of something of a tenant: words of the API, and names as pairs of what they name and the name."""
        whose = tenant if tenant is not None else self.tenant
        if whose is None:
            raise UsageError("it is not said whose", "give tenant=, here or to the client")
        return path("tenants", ("tenant", whose), *parts)


def path(*parts: str | int | tuple[str, str | int]) -> str:
    """Return a path of this version of the API; names are quoted. Raises UsageError."""
    return "/".join((V1, *(segment(*it) if isinstance(it, tuple) else str(it) for it in parts)))


class Placed:
    """Something that has a place: the base of all operations."""

    place: Place
