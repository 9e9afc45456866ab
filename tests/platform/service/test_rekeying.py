"""The key that seals secrets is changed: everything opens all along, and without the old key in the end."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from blockyard_platform.cli.app import invoke
from blockyard_platform.secrets.sealing import KeyRing
from blockyard_platform.service.registry import sealed, tenants
from blockyard_platform.service.registry.tables import SECRETS
from blockyard_platform.service.rekeying import add_key, reseal
from blockyard_platform.service.sealing import opener, sealer
from blockyard_platform.service.settings import Settings
from blockyard_platform.service.starting import started
from blockyard_schemas.problems import InvalidDocumentError

from ..store.conftest import place, postgres
from .registry.conftest import ADMIN, SERVICE

__all__ = ["place", "postgres"]

HELD = {("ant", "a"): "one", ("ant", "b"): "two", ("bee", "a"): "three"}


def settings_of(place: str, folder: Path) -> Settings:
    return Settings(data=folder / "data", database=place)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def fill(settings: Settings) -> None:
    with started(settings) as found, found.parts.database.writing() as work:
        for tenant in ("ant", "bee"):
            tenants.create(work, ADMIN, tenant)
        for (tenant, name), value in HELD.items():
            sealed.put(work, ADMIN, tenant, name, value, sealer(found.parts.keys))


def opened(settings: Settings) -> dict[tuple[str, str], str]:
    with started(settings) as found, found.parts.database.reading() as work:
        unseal = opener(found.parts.keys)
        return {it: sealed.reveal(work, SERVICE, *it, unseal) for it in HELD}


def test_a_key_is_changed_for_another(place: str, tmp_path: Path) -> None:
    settings = settings_of(place, tmp_path)
    fill(settings)
    (old,) = KeyRing.load(settings.keys_file).ids
    fresh = add_key(settings)
    assert KeyRing.load(settings.keys_file).ids == (old, fresh)
    assert opened(settings) == HELD
    done = reseal(settings)
    assert (done.newest, done.count, done.shut) == (fresh, 3, ())
    assert reseal(settings).count == 0
    lines = settings.keys_file.read_text().splitlines(keepends=True)
    settings.keys_file.write_text("".join(it for it in lines if not it.startswith(old)))
    assert KeyRing.load(settings.keys_file).ids == (fresh,)
    assert opened(settings) == HELD


def test_one_that_does_not_open_stays_and_is_named(place: str, tmp_path: Path) -> None:
    settings = settings_of(place, tmp_path)
    fill(settings)
    with started(settings) as found, found.parts.database.engine.begin() as connection:
        other = sa.update(SECRETS).where(SECRETS.c.tenant == "ant", SECRETS.c.name == "b")
        connection.execute(other.values(sealed="blockyard1.0000000000000000.AAAA."))
    add_key(settings)
    done = reseal(settings)
    assert done.count == 2
    (shut,) = done.shut
    assert shut.startswith("ant: what is kept of the secret 'b' was altered")


def test_the_commands_say_what_is_to_be_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = settings_of(str(tmp_path / "x.db"), tmp_path)
    fill(settings)
    where = ("--data", str(settings.data), "--database", settings.place)
    assert invoke(["secrets", "add-key", *where]) == 0
    out, err = capsys.readouterr()
    assert out.strip() == KeyRing.load(settings.keys_file).ids[-1]
    assert "blockyard secrets reseal" in err
    assert invoke(["secrets", "reseal", *where]) == 0
    assert capsys.readouterr().out == f"Sealed with the key {out.strip()}: 3\n"
    settings.keys_file.unlink()
    assert invoke(["secrets", "add-key", *where]) == 2
    assert invoke(["secrets", "reseal", *where]) == 2
    assert invoke(["secrets", "reseal", "--data", str(tmp_path / "nowhere")]) == 2
    assert not (tmp_path / "nowhere").exists()


def test_the_samples_of_the_documentation_work(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "secrets.md").read_text()
    text = page.partition("```sh rekeying\n")[2].partition("```")[0]
    settings = Settings(data=tmp_path / "blockyard-data")
    fill(settings)
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["sh", "-e"],
        input=text,
        text=True,
        check=True,
        cwd=tmp_path,
        env=environment,
        capture_output=True,
    )
    key, _, count = (
        done.stdout.splitlines()[-1].removeprefix("Sealed with the key ").partition(": ")
    )
    assert (key, count) == (KeyRing.load(settings.keys_file).ids[-1], "3")
    assert opened(settings) == HELD


def test_there_is_nothing_to_seal_where_nothing_is(tmp_path: Path) -> None:
    with pytest.raises(InvalidDocumentError, match="no service's database"):
        reseal(Settings(data=tmp_path))
