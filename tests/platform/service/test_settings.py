"""The settings: where each comes from, what is refused, and that no secret is shown."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import ValidationError

from blockyard_platform.cli.app import invoke
from blockyard_platform.service.configuring import load, masked, show
from blockyard_platform.service.settings import PREFIX, Settings
from blockyard_schemas.problems import InvalidDocumentError, Problem


@pytest.fixture(autouse=True)
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin in an empty folder, without variables."""
    monkeypatch.chdir(tmp_path)
    for name in [it for it in os.environ if it.startswith("BLOCKYARD_")]:
        monkeypatch.delenv(name)


def refused(flags: dict[str, Any], config: str | None = None) -> tuple[Problem, ...]:
    with pytest.raises(InvalidDocumentError) as caught:
        load(flags, config)
    return caught.value.problems


def test_the_defaults_are_safe() -> None:
    found = load({})
    settings = found.settings
    assert (settings.host, settings.port, settings.trusted_proxies) == ("127.0.0.1", 8080, ())
    assert settings.place == "blockyard-data/blockyard.db"
    assert settings.keys_file == Path("blockyard-data/keys")
    assert settings.slots >= 2
    assert found.file is None
    assert set(found.origins.values()) == {"default"}
    assert set(found.origins) == set(Settings.model_fields)
    assert not Path("blockyard-data").exists()


def test_flags_stand_over_variables_over_the_file_over_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "set.toml"
    file.write_text("port = 1\nslots = 1\nlog_level = 'debug'\nhost = 'a'\n")
    monkeypatch.setenv("BLOCKYARD_SERVICE_PORT", "2")
    monkeypatch.setenv("BLOCKYARD_SERVICE_SLOTS", "2")
    found = load({"port": "3", "host": None, "catalog": ()}, file)
    settings = found.settings
    assert (settings.port, settings.slots, settings.log_level, settings.host) == (
        3,
        2,
        "debug",
        "a",
    )
    told = {key: found.origins[key] for key in ("port", "slots", "log_level", "host", "worker")}
    assert told == {
        "port": "--port",
        "slots": "BLOCKYARD_SERVICE_SLOTS",
        "log_level": str(file),
        "host": str(file),
        "worker": "default",
    }


def test_the_file_in_the_data_folder_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("here").mkdir()
    Path("here/blockyard.toml").write_text("port = 99\n")
    assert load({}).settings.port == 8080
    assert load({"data": "here"}).settings.port == 99
    monkeypatch.setenv("BLOCKYARD_DATA", "here")
    found = load({})
    assert (found.settings.port, found.origins["data"]) == (99, "BLOCKYARD_DATA")
    monkeypatch.setenv("BLOCKYARD_SERVICE_DATA", "there")
    assert load({}).origins["data"] == "BLOCKYARD_SERVICE_DATA"
    assert load({}).settings.port == 8080
    monkeypatch.setenv("BLOCKYARD_SERVICE_CONFIG", "here/blockyard.toml")
    assert load({}).settings.port == 99
    Path("here/blockyard.toml").write_text("data = 'elsewhere'\n")
    assert load({}).settings.data == Path("there")
    monkeypatch.delenv("BLOCKYARD_SERVICE_CONFIG")
    assert "cannot name it" in refused({"data": "here"})[0].message


def test_paths_in_a_file_are_taken_from_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "etc"
    folder.mkdir()
    file = folder / "b.toml"
    file.write_text(
        "data = 'data'\ndatabase = 'x.db'\ncatalog = ['blocks', '/srv/blocks']\nadmin_secrets = 's.toml'\n"
    )
    settings = load({}, file).settings
    assert settings.data == folder / "data"
    assert settings.place == str(folder / "x.db")
    assert settings.catalog == (folder / "blocks", Path("/srv/blocks"))
    assert settings.admin_secrets == folder / "s.toml"
    file.write_text("database = 'postgresql://u@h/d'\n")
    assert load({}, file).settings.place == "postgresql://u@h/d"


def test_lists_in_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLOCKYARD_SERVICE_TRUSTED_PROXIES", "10.0.0.1, 10.1.0.0/16,")
    monkeypatch.setenv("BLOCKYARD_SERVICE_CATALOG", f"a{os.pathsep}b")
    monkeypatch.setenv("BLOCKYARD_SERVICE_WORKER", "false")
    monkeypatch.setenv("BLOCKYARD_SERVICE_DATABASE", "postgresql://u@h/d")
    monkeypatch.setenv("BLOCKYARD_SERVICE_HOST", "")
    settings = load({}).settings
    assert settings.trusted_proxies == ("10.0.0.1/32", "10.1.0.0/16")
    assert settings.catalog == (Path("a"), Path("b"))
    assert settings.worker is False
    assert settings.host == "127.0.0.1"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"port": "eighty"}, "port (--port): "),
        ({"port": 70_000}, "port (--port): "),
        ({"slots": 0}, "slots (--slots): "),
        ({"lease_seconds": "nan"}, "lease_seconds (--lease-seconds): "),
        ({"lease_seconds": 6}, "heartbeat_seconds is at most half of lease_seconds"),
        ({"tls_key": "k"}, "tls_certificate and tls_key are given together"),
        ({"trusted_proxies": "everybody"}, "'everybody' does not appear to be"),
        ({"trusted_proxies": "*"}, "'*' does not appear to be"),
        ({"public_url": "javascript:x"}, "write an address such as"),
        ({"public_url": "https://u:hunter2@h"}, "has no password"),
        ({"log_level": "loud"}, "log_level (--log-level): "),
        ({"body_bytes": 10**12}, "body_bytes (--body-bytes): "),
    ],
)
def test_a_value_that_cannot_be_is_refused(given: dict[str, Any], words: str) -> None:
    problems = refused(given)
    assert words in problems[0].message
    assert "hunter2" not in repr(problems)


def test_what_there_is_not_is_refused_with_the_nearest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "b.toml"
    file.write_text("prot = 1\n")
    only = refused({}, str(file))[0]
    assert (only.rule, only.hint) == ("unknown-key", "did you mean 'port'?")
    file.write_text("[server]\nport = 1\n")
    assert "'server'" in refused({}, str(file))[0].message
    file.write_text("port = \n")
    assert "line 1" in refused({}, str(file))[0].message
    file.write_bytes(b"host = '\xff'\n")
    assert "cannot be read" in refused({}, str(file))[0].message
    assert "there is no file" in refused({}, "nowhere.toml")[0].message
    monkeypatch.setenv("BLOCKYARD_SERVICE_PROT", "1")
    only = refused({})[0]
    assert (only.message, only.hint) == (
        "there is no variable BLOCKYARD_SERVICE_PROT",
        "did you mean 'BLOCKYARD_SERVICE_PORT'?",
    )


def test_settings_alone_read_no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}PORT", "1")
    assert Settings().port == 8080
    with pytest.raises(ValidationError):
        Settings(prot=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def test_a_password_beside_the_url_is_taken_as_it_is() -> None:
    odd = "p@ss:w/o?r#d%20 $x'"
    given = {"database": "postgresql://u@h:1/d?host=/run", "database_password": odd}
    loaded = load(given)
    url = sa.make_url(loaded.settings.place)
    assert (url.username, url.password, url.host, url.port, url.database) == (
        "u",
        odd,
        "h",
        1,
        "d",
    )
    assert url.query == {"host": "/run"}
    shown = {it.key: it.value for it in show(loaded)}
    assert shown["database"] == "postgresql://u:***@h:1/d?host=%2Frun"
    assert shown.items() >= {("database_password", "***")}


@pytest.mark.parametrize("place", ["", "x.db", "postgresql://h/d", "postgresql://u:p@h/d"])
def test_a_password_without_a_user_of_a_url_that_lacks_it_is_refused(place: str) -> None:
    (problem,) = refused({"database": place, "database_password": "hunter2"})
    assert "with a user and without a password" in problem.message
    assert "hunter2" not in str(problem)


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        ("a/b.db", "a/b.db"),
        ("postgresql://u:hunter2@h:5432/d", "postgresql://u:***@h:5432/d"),
        ("postgresql://u@h/d?password=hunter2&x=1", "postgresql://u@h/d?password=***&x=1"),
        ("postgresql://u@h/d?sslpassword=hunter2", "postgresql://u@h/d?sslpassword=***"),
        ("postgresql://u:hunter2@h:port/d", "postgresql://***"),
        ("sqlite:///x.db", "sqlite:///x.db"),
    ],
)
def test_a_databases_password_is_not_shown(place: str, shown: str) -> None:
    assert masked(place) == shown
    loaded = load({"database": place, "metrics_token": "hunter2"})
    assert loaded.settings.place == place
    assert "hunter2" not in repr(loaded)
    assert "hunter2" not in repr(show(loaded))


def test_the_command_shows_values_and_where_they_come_from(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BLOCKYARD_SERVICE_DATABASE", "postgresql://u:hunter2@h/d")
    assert invoke(["config", "--port", "81", "--no-worker", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["port"] == {"value": 81, "origin": "--port"}
    assert found["worker"] == {"value": False, "origin": "--worker"}
    assert found["database"] == {
        "value": "postgresql://u:***@h/d",
        "origin": "BLOCKYARD_SERVICE_DATABASE",
    }
    assert set(found) == set(Settings.model_fields)
    assert invoke(["config"]) == 0
    text = capsys.readouterr().out
    assert "postgresql://u:***@h/d" in text
    assert "hunter2" not in text
    assert invoke(["config", "--port", "x"]) == 2
    assert "port (--port)" in capsys.readouterr().err
