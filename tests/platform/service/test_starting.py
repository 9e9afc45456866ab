"""Starts of the service that go wrong, and what is left of them for the next start."""

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from blockyard_platform.cli.app import invoke
from blockyard_platform.service.operations.collecting import collect
from blockyard_platform.service.operations.setup import told
from blockyard_platform.service.serving import Telling, serve
from blockyard_platform.service.settings import Settings
from blockyard_platform.service.starting import started
from blockyard_schemas.problems import InvalidDocumentError

from ..store.conftest import emptied, place, postgres
from ..store.postgres import REQUIRED

__all__ = ["place", "postgres"]

PROGRAM = str(Path(sys.executable).with_name("blockyard"))
PATIENCE = 120


def refused(settings: Settings) -> str:
    """Return what is said when a service cannot be served; nothing else is told."""
    said: list[str] = []
    with pytest.raises(InvalidDocumentError) as caught:
        serve(settings, Telling(said.append, said.append))
    assert said == []
    return str(caught.value)


def test_the_first_token_is_told_by_the_first_start_that_works(place: str, tmp_path: Path) -> None:
    secrets = tmp_path / "secrets.toml"
    settings = Settings(data=tmp_path / "data", database=place, admin_secrets=secrets)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with pytest.raises(InvalidDocumentError, match="cannot be read"), started(settings):
        pass
    secrets.write_text('"admin/KEY" = "hush"\n')
    secrets.chmod(0o600)
    with started(settings) as found:
        assert re.fullmatch(r"by_[0-9a-f]{16}_[0-9a-f]{64}", found.token or "")
    with started(settings) as again:
        assert again.token is None


def test_a_file_is_served_by_one_process(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data")
    other = Settings(data=tmp_path / "other", database=str(tmp_path / "data" / "blockyard.db"))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with started(settings):
        for each in (settings, other):
            with pytest.raises(InvalidDocumentError, match="another process serves"), started(each):
                pass
    with started(other) as found:
        assert found.token is None
        modes = {it.name: it.stat().st_mode & 0o77 for it in (tmp_path / "data").glob("*.db*")}
    assert modes["blockyard.db"] == modes["blockyard.db-wal"] == modes["blockyard.db-lock"] == 0
    assert [it.path for it in collect(tmp_path / "data") if it.kind == "file"] == []


def test_who_makes_keys_beside_those_of_others_is_told(postgres: str, tmp_path: Path) -> None:
    with emptied(postgres) as url:
        found: list[bool] = []
        for name in ("first", "first", "second", "second"):
            settings = Settings(data=tmp_path / name, database=url)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
            with started(settings) as each:
                found.append(each.own_keys)
    assert found == [False, False, True, False]


def test_a_certificate_that_cannot_be_served_with_is_told_before_anything_is_begun(
    tmp_path: Path,
) -> None:
    text = tmp_path / "text"
    text.write_text("no certificate")
    for certificate, words in ((tmp_path / "none.pem", "No such file"), (text, "cannot be read")):
        settings = Settings(
            data=tmp_path / "data", port=0, tls_certificate=certificate, tls_key=text
        )
        message = refused(settings)
        assert words in message
        assert str(certificate) in message
    assert not (tmp_path / "data").exists()


def test_an_address_of_another_machine_is_told(tmp_path: Path) -> None:
    # RFC 5737: no machine has this one.
    settings = Settings(data=tmp_path / "data", host="192.0.2.1")
    with pytest.raises(InvalidDocumentError) as caught:
        serve(settings, Telling(print, print))
    (problem,) = caught.value.problems
    assert "cannot listen on 192.0.2.1" in problem.message
    assert problem.hint == "give a --host that is an address of this machine"


def test_a_collector_that_is_no_address_names_the_setting() -> None:
    with pytest.raises(InvalidDocumentError) as caught, told(Settings(traces_endpoint="collector")):
        pass
    (problem,) = caught.value.problems
    assert (problem.pointer, problem.rule) == ("/traces_endpoint", "setting")
    assert problem.hint is not None


def plain() -> dict[str, str]:
    """Return the variables without those that are settings."""
    return {key: it for key, it in os.environ.items() if not key.startswith("BLOCKYARD_")}


@pytest.mark.parametrize(
    "given",
    [
        ("--data", "shut"),
        ("--data", "shut/in"),
        ("--keys", "shut/keys"),
        ("--catalog", "shut/blocks"),
        ("--database", "shut/x.db"),
        ("--config", "shut/x.toml"),
        ("--tls-certificate", "shut/c", "--tls-key", "shut/k"),
    ],
)
def test_a_folder_that_is_shut_is_told(given: tuple[str, ...], tmp_path: Path) -> None:
    # Root may look everywhere, but for those of its processes that have given that up.
    able = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    if os.geteuid() == 0 and (
        shutil.which("setpriv") is None
        or subprocess.run([*able, "true"], check=False, capture_output=True).returncode != 0
    ):
        words = "setpriv (util-linux) is not installed, or may not do this here"
        if REQUIRED:
            pytest.fail(words)
        pytest.skip(words)
    (tmp_path / "shut").mkdir(mode=0)
    data = () if "--data" in given else ("--data", "data")
    commands: list[tuple[str, ...]] = [("serve", "--port", "0")]
    commands += [("tokens", "rescue")] if {"--data", "--database"} & set(given) else []
    for command in commands:
        done = subprocess.run(
            [*(able if os.geteuid() == 0 else []), PROGRAM, *command, *given, *data],
            env=plain(),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        assert (done.returncode, done.stdout) == (2, ""), done.stderr
        assert "shut" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_worker_without_keys_says_what_it_cannot_do(postgres: str, tmp_path: Path) -> None:
    command = [PROGRAM, "worker", "--data", str(tmp_path), "--database", postgres]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=plain())
    try:
        assert process.stdout is not None
        assert "takes up to" in process.stdout.readline()
        assert f"no key file {tmp_path / 'keys'}" in process.stdout.readline()
        process.terminate()
        assert process.wait(timeout=PATIENCE) == 0
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE)


@pytest.mark.parametrize("option", ["--port=5", "--host=0.0.0.0", "--no-worker"])
def test_a_worker_takes_no_setting_that_it_does_not_go_by(
    option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert invoke(["worker", option]) == 2
    assert "No such option" in capsys.readouterr().err


def test_a_worker_whose_port_for_figures_is_taken_says_so(postgres: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [PROGRAM, "worker", "--data", str(tmp_path), "--database", postgres],
            env=plain() | {"BLOCKYARD_SERVICE_METRICS_PORT": port},
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
    assert done.returncode == 2
    assert f"metrics cannot be served at 127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr
