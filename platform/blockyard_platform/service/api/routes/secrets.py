"""Secrets of tenants: written, listed by name, taken away, and never read."""  # noqa: A005 - imports are absolute, so that nothing is hidden

from __future__ import annotations

from blockyard_platform.service.api.depends import By, Here, Name, Paging, Tenant
from blockyard_platform.service.api.models.base import Paged, paged
from blockyard_platform.service.api.models.secrets import SecretIn, SecretOut
from blockyard_platform.service.api.routing import V1, Guarded
from blockyard_platform.service.registry import sealed
from blockyard_platform.service.registry.callers import Action
from blockyard_platform.service.sealing import sealer


def put_secret(parts: Here, caller: By, tenant: Tenant, name: Name, body: SecretIn) -> SecretOut:
    """Store a secret, or what it holds from now on."""
    value = body.value.get_secret_value()
    with parts.database.writing() as work:
        return SecretOut.of(sealed.put(work, caller, tenant, name, value, sealer(parts.keys)))


def list_secrets(parts: Here, caller: By, tenant: Tenant, ask: Paging) -> Paged[SecretOut]:
    """List a tenant's secrets by name, without what they hold."""
    with parts.database.reading() as work:
        return paged(sealed.page(work, caller, tenant, ask), SecretOut.of)


def delete_secret(parts: Here, caller: By, tenant: Tenant, name: Name) -> None:
    """Take a secret away, with all that it held."""
    with parts.database.writing() as work:
        sealed.delete(work, caller, tenant, name)


_ALL = f"{V1}/tenants/{{tenant}}/secrets"
_ONE = f"{_ALL}/{{name}}"


def routes() -> tuple[Guarded, ...]:
    """Return the routes of this subject."""
    return (
        Guarded("GET", _ALL, list_secrets, Action.SECRETS_READ, gives=Paged[SecretOut]),
        Guarded("PUT", _ONE, put_secret, Action.SECRETS_WRITE, gives=SecretOut),
        Guarded("DELETE", _ONE, delete_secret, Action.SECRETS_WRITE, status=204),
    )
