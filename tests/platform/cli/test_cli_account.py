"""Who asks which server: login, logout, flags, variables; and tokens that are kept to themselves."""

import json
import os
from pathlib import Path

import pytest

from blockyard_platform.cli.account import Account, find_account, keep_account, read_account
from blockyard_schemas.problems import InvalidDocumentError

from ..client.scripted import Scripted, answer, problem
from ..client.served import Served
from .conftest import Call

TOKEN = "by_0123456789abcdef_secretsecretsecret"  # noqa: S105


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config" / "blockyard" / "login.json"


def test_login_keeps_what_works_and_logout_takes_it_away(
    bare: Call, either: Served, tenant: str, file: Path
) -> None:
    done = bare("login", either.url, "--tenant", tenant, "--json", given=either.token + "\n")
    assert (done.code, done.json["role"], done.json["tenant"]) == (0, "admin", tenant)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert os.listdir(file.parent) == ["login.json"]
    assert bare("workflows", "--json").json["items"][0]["name"] == "hello"
    assert either.token not in done.out + done.err
    assert bare("logout").code == 0
    assert not file.exists()
    assert "Nothing was kept" in bare("logout").err
    assert bare("workflows").code == 2


def test_login_learns_the_tenant_of_a_tenant_s_token(
    bare: Call, either: Served, tenant: str, tmp_path: Path
) -> None:
    with either.client() as client:
        issued = client.create_token("viewer", tenant=tenant)
    (tmp_path / "token").write_text(issued.text + "\n")
    done = bare("login", either.url, "--token-file", tmp_path / "token", "--json")
    assert done.json["tenant"] == tenant
    assert bare("tenants", "show", "--json").json["name"] == tenant


def test_login_keeps_nothing_that_does_not_work(
    bare: Call, either: Served, tenant: str, file: Path
) -> None:
    done = bare("login", either.url, "--json", given=TOKEN)
    assert (done.code, done.json["problems"][0]["rule"]) == (5, "authentication")
    assert "log in again" in done.err
    assert bare("login", either.url, "--tenant", "nobody", given=either.token).code == 2
    assert bare("login", "http://blocks.example", given=TOKEN).code == 2
    assert bare("login", "http://127.0.0.1:1", given=TOKEN).code == 5
    assert bare("login", either.url, given="").code == 2
    assert not file.exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_file_that_others_may_read_is_refused(bare: Call, file: Path, mode: int) -> None:
    keep_account(Account("http://127.0.0.1:1", TOKEN))
    file.chmod(mode)
    done = bare("runs", "--json")
    assert (done.code, "chmod 600" in done.json["problems"][0]["hint"]) == (2, True)
    assert TOKEN not in done.out + done.err


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "1", '{"server": 1}', '{"other": 1}', '{"": ""}', "[" * 20_000]
)
def test_a_file_that_login_has_not_written_is_refused(file: Path, text: str) -> None:
    keep_account(Account())
    file.write_text(text)
    with pytest.raises(InvalidDocumentError, match="is not what login has written"):
        read_account()


def test_a_link_is_not_followed(file: Path, tmp_path: Path) -> None:
    keep_account(Account("http://127.0.0.1:1", TOKEN))
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InvalidDocumentError, match="cannot read"):
        read_account()
    keep_account(Account("http://127.0.0.1:2", TOKEN))
    assert not file.is_symlink()
    assert json.loads((tmp_path / "elsewhere").read_text())["server"] == "http://127.0.0.1:1"


def test_flags_come_before_variables_and_those_before_the_file(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_account(Account("https://kept", "k", "kept", "/ca", plaintext=True))
    assert find_account(Account()) == Account("https://kept", "k", "kept", "/ca", plaintext=True)
    monkeypatch.setenv("BLOCKYARD_TENANT", "varied")
    monkeypatch.setenv("BLOCKYARD_TOKEN", "v")
    assert find_account(Account()).tenant == "varied"
    (tmp_path / "token").write_text("f\n")
    found = find_account(Account("https://kept/", tenant="given"), str(tmp_path / "token"))
    assert (found.server, found.token, found.tenant, found.ca) == (
        "https://kept/",
        "f",
        "given",
        "/ca",
    )
    assert "f" not in repr(found).removeprefix("Account(").split(",")[0].replace("https", "")


def test_a_token_is_never_taken_to_another_server(
    bare: Call, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Scripted([answer("{}")]) as other:
        keep_account(Account("https://blocks.example", TOKEN, "ant"))
        done = bare("runs", "--server", other.url, "--json")
        assert (done.code, done.json["problems"][0]["rule"]) == (5, "token")
        monkeypatch.setenv("BLOCKYARD_SERVER", other.url)
        assert bare("runs").code == 5
        assert other.heads == []
    assert TOKEN not in done.out + done.err


@pytest.mark.parametrize(
    ("said", "code", "rule"),
    [
        (problem(401, "authentication"), 5, "authentication"),
        (problem(403, "forbidden"), 5, "forbidden"),
        (problem(403, "disabled"), 3, "disabled"),
        (problem(404, "not-found"), 2, "not-found"),
        (problem(409, "conflict"), 2, "conflict"),
        (problem(422, "invalid"), 2, "invalid"),
        (problem(422, "not-admitted"), 2, "not-admitted"),
        (problem(429, "quota"), 3, "quota"),
        (problem(429, "throttled"), 5, "throttled"),
        (problem(500, "internal"), 5, "internal"),
        (answer("no", "502 X"), 5, "about:blank"),
        (answer("no", "302 X", "Location: https://evil.example"), 5, "answer"),
        (answer("{"), 5, "answer"),
    ],
)
def test_each_refusal_has_its_code(bare: Call, said: bytes, code: int, rule: str) -> None:
    with Scripted([said]) as server:
        bare("logout")
        keep_account(Account(server.url, TOKEN, "ant"))
        done = bare("cancel", "r", "--json")
    assert (done.code, done.json["problems"][0]["rule"]) == (code, rule)
    assert f"[{rule}]" in done.err


def test_without_an_account_it_is_said_what_to_do(bare: Call) -> None:
    done = bare("submit", "--workflow", "x", "--json")
    assert (done.code, "blockyard login" in done.err) == (2, True)
    assert set(done.json) == {"problems"}
    done = bare("runs", "--json")
    assert (done.code, "--journal" in done.err) == (2, True)
    assert set(done.json) == {"problems"}
    done = bare("cancel", "r", "--server", "http://127.0.0.1:1")
    assert (done.code, "there is no token" in done.err) == (5, True)


def test_a_hostile_server_does_not_steer_a_terminal(bare: Call) -> None:
    said = problem(409, "conflict\\u001b[2J", "no\\u001b[2J\\u202e")
    with Scripted([said]) as server:
        keep_account(Account(server.url, TOKEN, "ant"))
        done = bare("cancel", "r")
    assert done.code == 2
    assert "no\\x1b[2J\\u202e [conflict\\x1b[2J]" in done.err
    assert "\x1b" not in done.err


def test_who_has_lost_the_admins_token_makes_another_beside_the_service(
    bare: Call, either: Served, file: Path, tmp_path: Path
) -> None:
    where = ("--data", str(either.folder), "--database", either.database)
    done = bare("tokens", "rescue", *where)
    text = done.out.strip()
    assert (done.code, text[:3]) == (0, "by_")
    assert text not in done.err
    told = bare("login", either.url, "--json", given=text + "\n").json
    assert (told["role"], told["tenant"]) == ("admin", None)
    assert file.exists()
    wrong = bare("tokens", "rescue", "--data", str(tmp_path / "nowhere"))
    assert (wrong.code, wrong.out) == (2, "")
    assert "there is no service's database at" in wrong.err
    assert not (tmp_path / "nowhere").exists()
