"""One person's file of secrets, and the command line that reads it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from blockyard_platform.secrets.errors import SecretError
from blockyard_platform.secrets.files import read_secrets

VALUE = "s3cret-Value/+x"
TEXTS = {
    "a.toml": f'TOKEN = "{VALUE}"\n"admin/DB" = "x"\n',
    "a.yaml": f"TOKEN: {VALUE}\nadmin/DB: x\n",
    "a.yml": f"TOKEN: {VALUE}\nadmin/DB: x\n",
    "a.json": json.dumps({"TOKEN": VALUE, "admin/DB": "x"}),
}


def written(folder: Path, name: str, text: str | bytes, mode: int = 0o600) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)
    return path


@pytest.mark.parametrize("name", TEXTS)
def test_a_file_is_read(tmp_path: Path, name: str) -> None:
    found = read_secrets(written(tmp_path, name, TEXTS[name]))
    assert found.reveal("TOKEN") == VALUE
    assert found.reveal("admin/DB") == "x"
    assert set(found.names()) == {"TOKEN", "admin/DB"}
    with pytest.raises(SecretError, match="there is no secret 'TOKE'") as caught:
        found.reveal("TOKE")
    assert caught.value.hint == "did you mean 'TOKEN'?"
    assert VALUE not in repr(found)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.txt", "A: b", "is no file of secrets by its name"),
        ("a.yaml", f"- {VALUE}", "holds no mapping"),
        ("a.yaml", f"TOKEN: [{VALUE}]", "the value of TOKEN is no text"),
        ("a.yaml", "TOKEN: 12", "the value of TOKEN is no text"),
        ("a.yaml", "TOKEN: ' '", "the value of TOKEN is no text"),
        ("a.yaml", f"a b: {VALUE}", "'a b' cannot be the name of a secret"),
        ("a.yaml", f"admin/a/b: {VALUE}", "cannot be the name of a secret"),
        ("a.yaml", f"A: 1\nTOKEN: '{VALUE}", "cannot be read as yaml"),
        ("a.yaml", f"A: x\nA: {VALUE}", "line 2: cannot be read as yaml"),
        ("a.yaml", f"A: &a {VALUE}\nB: *c", "cannot be read as yaml"),
        ("a.toml", f"TOKEN = {VALUE}", "cannot be read as toml"),
        ("a.toml", b"TOKEN = '\xff'", "cannot be read as toml"),
        ("a.json", f'{{"TOKEN": "{VALUE}"', "cannot be read as json"),
        ("a.json", "[" * 100_000, "cannot be read as json"),
        ("a.toml", "A = " + "[" * 100_000, "cannot be read as toml"),
        ("a.yaml", "A: " + "x" * (1 << 20), "is larger than 1048576 bytes"),
        ("a.json", json.dumps({f"A{i}": "x" for i in range(1_001)}), "up to 1000 names"),
    ],
)
def test_what_is_wrong_is_told_without_a_value(
    tmp_path: Path, name: str, text: str | bytes, told: str
) -> None:
    with pytest.raises(SecretError) as caught:
        read_secrets(written(tmp_path, name, text))
    assert told in str(caught.value)
    assert VALUE not in f"{caught.value} {caught.value.hint} {caught.value.__context__!r}"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666, 0o620, 0o610])
def test_a_file_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = written(tmp_path, "a.yaml", TEXTS["a.yaml"], mode)
    with pytest.raises(SecretError, match="others may use it") as caught:
        read_secrets(path)
    assert caught.value.hint is not None
    assert caught.value.hint.startswith(f"chmod 600 {path}")


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.yaml", 0o600)
    (tmp_path / "b.yaml").mkdir(0o700)
    for name in ("a.yaml", "b.yaml"):
        with pytest.raises(SecretError, match="is not a file"):
            read_secrets(tmp_path / name)
    with pytest.raises(SecretError, match="cannot be read: No such file"):
        read_secrets(tmp_path / "c.yaml")


BLOCKS = '''
from blockyard_blocks import block

@block(tags={"text"}, runs="host")
def say(context, *, token: str) -> str:
    """Say it.

    - token: what is said
    """
    context.log(token)
    return token
'''
DOCUMENT = """
name: t
stages:
  - {id: a, uses: mine.say, with: {token: {secret: TOKEN}}}
outputs: {said: "${{ stages.a.outputs.result }}"}
"""


def call(*words: str) -> subprocess.CompletedProcess[str]:
    command = str(Path(sys.executable).parent / "blockyard")
    return subprocess.run([command, *words], capture_output=True, text=True, check=False)


def test_the_command_line(tmp_path: Path) -> None:
    written(tmp_path, "mine.py", BLOCKS)
    document = str(written(tmp_path, "t.yaml", DOCUMENT))
    secrets = str(written(tmp_path, "secrets.toml", TEXTS["a.toml"]))
    common = [document, "--catalog", str(tmp_path)]
    refused = call("run", *common)
    assert refused.returncode == 2
    assert "secrets are not configured here" in refused.stderr
    for command in ("validate", "plan"):
        assert call(command, *common, "--secrets", secrets).returncode == 0
    journal = ["--journal", str(tmp_path / "runs.db")]
    done = call(
        "run", *common, "--secrets", secrets, "--run-id", "r", "--json", "--events", *journal
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["outputs"] == {"said": "***"}
    assert VALUE not in done.stdout + done.stderr
    assert '"text": "***"' in done.stderr
    again = call("resume", "r", *common[1:], "--secrets", secrets, "--from", "a", *journal)
    assert (again.returncode, again.stdout) == (0, "said: ***\n")
    Path(secrets).chmod(0o644)
    refused = call("run", *common, "--secrets", secrets)
    assert refused.returncode == 2
    assert "others may use it (mode 0644)" in refused.stderr
