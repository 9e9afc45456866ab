"""The secrets of all tenants, as runs and their admission ask for them: out of the registry, opened with the service's keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from blockyard_platform.secrets.errors import SecretError
from blockyard_platform.secrets.names import ADMIN, NAME
from blockyard_platform.secrets.providers import unknown
from blockyard_platform.secrets.sealing import KeyRing
from blockyard_platform.service.files import is_seen
from blockyard_platform.service.registry import sealed
from blockyard_platform.service.registry.callers import Caller
from blockyard_platform.service.registry.errors import NotFoundError
from blockyard_platform.service.sealing import opener
from blockyard_schemas.problems import InvalidDocumentError, Problem

if TYPE_CHECKING:
    from collections.abc import Collection

    from blockyard_platform.secrets.providers import Secrets
    from blockyard_platform.service.registry.database import Database
    from blockyard_platform.service.settings import Settings


@dataclass(frozen=True, slots=True)
class Vault:
    """All secrets of a database. ``admin`` has the admin's own, which the policies of all tenants may refer to."""

    database: Database
    keys: KeyRing
    admin: Secrets | None = None

    def of(self, tenant: str) -> TenantSecrets:
        """Return the secrets of one tenant; nothing is read yet."""
        return TenantSecrets(self, tenant)


@dataclass(frozen=True, slots=True)
class TenantSecrets:
    """The secrets of one tenant: each is read and opened when it is asked for, and kept nowhere. Safe in threads."""

    vault: Vault
    tenant: str

    def reveal(self, name: str) -> str:
        """Return what a secret holds. Raises SecretError."""
        if name.startswith(ADMIN):
            if self.vault.admin is None:
                raise unknown(name)
            return self.vault.admin.reveal(name)
        if not NAME.fullmatch(name):
            raise unknown(name)
        found: str | None = None
        service = Caller.service(self.tenant)
        with self.vault.database.reading() as work:
            try:
                found = sealed.reveal(work, service, self.tenant, name, opener(self.vault.keys))
            except NotFoundError:
                found = None
        if found is None:
            raise unknown(name)
        return found

    def names(self) -> Collection[str]:
        """Return the names of the tenant's own secrets."""
        with self.vault.database.reading() as work:
            return sealed.names(work, Caller.service(self.tenant), self.tenant)


def vault_of(settings: Settings, database: Database, keys: KeyRing | None = None) -> Vault | None:
    """Return the vault; ``None`` where there are neither keys nor a file of them. Raises InvalidDocumentError."""
    from blockyard_platform.secrets.files import read_secrets

    try:
        if keys is None:
            if not is_seen(settings.keys_file):
                return None
            keys = KeyRing.load(settings.keys_file)
        file = settings.admin_secrets
        return Vault(database, keys, None if file is None else read_secrets(file))
    except SecretError as error:
        problem = Problem("start", "", str(error), error.hint)
    raise InvalidDocumentError([problem])
