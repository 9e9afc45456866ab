"""The command line as a process: signals, a terminal, a reader that leaves, a start that loads little."""

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from ..client.scripted import Scripted, answer
from ..client.served import COMMAND, SLOW, Served, furnished

NAMES = ("SERVER", "TOKEN", "TENANT")


@pytest.fixture(scope="module")
def variables(service: Served) -> dict[str, str]:
    furnished(service, "process")
    given = zip(NAMES, (service.url, service.token, "process"), strict=True)
    return dict(os.environ) | {f"BLOCKYARD_{name}": it for name, it in given}


def begin(variables: dict[str, str], *words: str, tty: int | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [COMMAND, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE if tty is None else tty,
        stderr=subprocess.PIPE if tty is None else tty,
        text=True,
        env=variables | {"COLUMNS": "200", "TERM": "dumb"},
    )


def line(stream: IO[str] | None) -> str:
    assert stream is not None
    return stream.readline()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_leaves_the_run_and_gives_130(
    variables: dict[str, str], tmp_path: Path, service: Served, number: signal.Signals
) -> None:
    (tmp_path / "slow.yaml").write_text(SLOW)
    words = ("submit", str(tmp_path / "slow.yaml"), "--wait", "--json")
    process = begin(variables, *words)
    assert line(process.stderr) == "a | begun\n"
    assert line(process.stderr).startswith("a: SUCCESS")
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert json.loads(out)["problems"][0]["rule"] == "interrupted"
    with service.client("process") as client:
        run = next(client.list_runs("process"))
        assert f"blockyard cancel {run.id}" in err
        assert run.state.value == "running"
        client.cancel_run(run.id)


def test_logs_are_followed_as_they_come(variables: dict[str, str], service: Served) -> None:
    with service.client("process") as client:
        run = client.submit(
            "name: x\nstages:\n  - {id: a, run: 'print(1)'}\n  - {id: b, sleep: 600}"
        )
        process = begin(variables, "logs", run.id, "-f")
        assert line(process.stdout) == "a | 1\n"
        assert process.poll() is None
        run.cancel()
    assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == 0


def test_a_reader_that_leaves_is_no_error(variables: dict[str, str]) -> None:
    with begin(variables, "runs", "--json") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0


def test_a_terminal_shows_a_table_that_nobody_steers(variables: dict[str, str]) -> None:
    row = {"name": "ant", "display": "\x1b[31m [b]red\n", "disabled": None, "policy_pin": None}
    row |= {"author": "a", "created": "2026-01-01T00:00:00Z"}
    main, other = pty.openpty()
    with Scripted([answer(json.dumps({"items": [row], "next": None}))]) as server:
        given = variables | {"BLOCKYARD_SERVER": server.url}
        with begin(given, "tenants", tty=other) as process:
            os.close(other)
            text = b"".join(iter(lambda: _piece(main), b"")).decode()
    os.close(main)
    assert process.returncode == 0
    assert "name" in text.splitlines()[1]
    assert "\\x1b[31m [b]red\\n" in text
    assert "\x1b[31m" not in text


def _piece(descriptor: int) -> bytes:
    """Return what comes from a terminal; nothing when the other end is closed."""
    try:
        return os.read(descriptor, 4096)
    except OSError:
        return b""


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("app", ("httpx", "pydantic", "yaml", "rich", "asyncio")),
        ("runs", ("httpx", "pydantic", "yaml", "rich", "asyncio", "sqlalchemy")),
        ("resume", ("httpx", "pydantic", "rich", "fastapi", "sqlalchemy")),
        ("submit", ("httpx", "pydantic", "rich", "fastapi", "sqlalchemy")),
        ("policy", ("httpx", "pydantic", "rich", "fastapi", "sqlalchemy")),
    ],
)
def test_a_start_loads_little(module: str, absent: tuple[str, ...]) -> None:
    code = f"import sys, blockyard_platform.cli.{module}; print(*sys.modules)"
    modules = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert set(absent).isdisjoint(modules)
