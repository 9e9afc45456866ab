"""Secrets: what they hold goes in, and never comes out."""  # noqa: A005 - imports are absolute, so that nothing is hidden

from __future__ import annotations

from blockyard_platform.client.binding import operation, series
from blockyard_platform.client.calls import Call, delete, get, model, nothing, send
from blockyard_platform.client.effects import Stream
from blockyard_platform.client.flows import pages
from blockyard_platform.client.place import Placed
from blockyard_platform.service.api.models.base import Paged
from blockyard_platform.service.api.models.secrets import SecretOut


class SecretOperations(Placed):
    """What can be asked of secrets."""

    @operation
    def put_secret(self, name: str, value: str, *, tenant: str | None = None) -> Call[SecretOut]:
        """Store a secret, or what it holds from now on."""
        url = self.place.of(tenant, "secrets", ("secret", name))
        return send("PUT", url, model(SecretOut), {"value": value})

    @series
    def list_secrets(
        self, tenant: str | None = None, *, limit: int | None = None
    ) -> Stream[SecretOut]:
        """Yield a tenant's secrets by name, without what they hold."""
        url = self.place.of(tenant, "secrets")
        return pages(get(url, model(Paged[SecretOut]), {"limit": limit}), self.place.retry)

    @operation
    def delete_secret(self, name: str, *, tenant: str | None = None) -> Call[None]:
        """Take a secret away, with all that it held."""
        return delete(self.place.of(tenant, "secrets", ("secret", name)), nothing)
