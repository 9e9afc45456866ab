"""The secrets of tenants as runs ask for them: out of the registry, and an admin's own out of a file."""

from pathlib import Path

import pytest

from blockyard_platform.secrets.errors import SealedError, SecretError
from blockyard_platform.secrets.providers import GivenSecrets, names_of
from blockyard_platform.secrets.sealing import KeyRing
from blockyard_platform.service.registry import sealed
from blockyard_platform.service.registry.database import Database
from blockyard_platform.service.sealing import sealer
from blockyard_platform.service.settings import Settings
from blockyard_platform.service.vault import Vault, vault_of
from blockyard_schemas.problems import InvalidDocumentError

from .registry.conftest import by, clock, database, filled_file, filled_server, place, postgres

__all__ = ["clock", "database", "filled_file", "filled_server", "place", "postgres"]


@pytest.fixture
def vault(database: Database, tmp_path: Path) -> Vault:
    keys = KeyRing.create(tmp_path / "keys")
    with database.writing() as work:
        for tenant in ("ant", "bee"):
            own = by("admin", tenant)
            sealed.put(work, own, tenant, "TOKEN", f"old of {tenant}", sealer(keys))
            sealed.put(work, own, tenant, "TOKEN", f"value of {tenant}", sealer(keys))
            sealed.put(work, own, tenant, "no.name", "x", lambda value, _: value)
    return Vault(database, keys, GivenSecrets({"admin/API": "of the admin"}))


def test_each_tenant_has_its_own(vault: Vault) -> None:
    assert vault.of("ant").reveal("TOKEN") == "value of ant"
    assert vault.of("bee").reveal("TOKEN") == "value of bee"
    assert set(vault.of("ant").names()) == {"TOKEN", "no.name"}
    assert vault.of("ant").reveal("admin/API") == "of the admin"
    assert names_of(vault.of("ant")) == frozenset({"TOKEN", "no.name"})


@pytest.mark.parametrize("name", ["NONE", "admin/TOKEN", "no.name", "", "a b", "../x", "TOKEN\n"])
def test_what_is_not_there(vault: Vault, name: str) -> None:
    with pytest.raises(SecretError, match="there is no secret"):
        vault.of("ant").reveal(name)
    with pytest.raises(SecretError, match="there is no secret"):
        Vault(vault.database, vault.keys).of("ant").reveal("admin/API")


def test_one_that_was_deleted_or_sealed_with_another_key(vault: Vault, tmp_path: Path) -> None:
    other = Vault(vault.database, KeyRing.create(tmp_path / "other"))
    with pytest.raises(SealedError, match="was sealed with the key"):
        other.of("ant").reveal("TOKEN")
    with vault.database.writing() as work:
        sealed.delete(work, by("admin", "ant"), "ant", "TOKEN")
    with pytest.raises(SecretError, match="there is no secret 'TOKEN'"):
        vault.of("ant").reveal("TOKEN")
    assert set(vault.of("ant").names()) == {"no.name"}


def test_many_names(vault: Vault) -> None:
    with vault.database.writing() as work:
        for number in range(501):
            sealed.put(work, by("admin", "bee"), "bee", f"S{number}", "x", lambda value, _: value)
    assert len(vault.of("bee").names()) == 503


def test_the_vault_of_settings(database: Database, tmp_path: Path) -> None:
    assert vault_of(Settings(data=tmp_path), database) is None
    KeyRing.create(tmp_path / "keys")
    found = vault_of(Settings(data=tmp_path), database)
    assert found is not None
    assert found.admin is None
    file = tmp_path / "admin.toml"
    file.write_text('"admin/API" = "x"\n')
    file.chmod(0o600)
    found = vault_of(Settings(data=tmp_path, admin_secrets=file), database)
    assert found is not None
    assert found.of("ant").reveal("admin/API") == "x"
    file.chmod(0o644)
    with pytest.raises(InvalidDocumentError, match="others may use it"):
        vault_of(Settings(data=tmp_path, admin_secrets=file), database)
    (tmp_path / "keys").chmod(0o644)
    with pytest.raises(InvalidDocumentError, match="others may use it"):
        vault_of(Settings(data=tmp_path), database)
