"""The samples of docs/client.md, run against a service; and an approval from end to end."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from blockyard_platform.client import Client, ConflictError, NotFoundError
from blockyard_schemas.statuses import Status

from .served import COMMAND, Served, furnished

ROOT = Path(__file__).parents[3]
FENCE = re.compile(r"^```(\w+) server\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SAMPLES = FENCE.findall((ROOT / "docs" / "client.md").read_text())
ASKING = """
name: asking
stages:
  - id: gate
    wait:
      approval:
        message: Go on?
        form: {properties: {amount: {type: integer}}, required: [amount]}
  - {id: after, run: "print(1)"}
"""


@pytest.fixture(scope="module")
def variables(service: Served) -> dict[str, str]:
    furnished(service, "ant")
    path = f"{Path(COMMAND).parent}:{os.environ['PATH']}"
    given = {"BLOCKYARD_SERVER": service.url, "BLOCKYARD_TOKEN": service.token}
    return dict(os.environ) | given | {"PATH": path}


@pytest.mark.parametrize("number", range(len(SAMPLES)))
def test_a_sample_works(number: int, variables: dict[str, str], tmp_path: Path) -> None:
    language, text = SAMPLES[number]
    words = [sys.executable, "-c", text] if language == "python" else ["sh", "-eux", "-c", text]
    environment = variables | {"XDG_CONFIG_HOME": str(tmp_path)}
    done = subprocess.run(
        words, cwd=ROOT, capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    said = re.findall(r"print\(.*\)  # ([A-Z_]+[ 0-9]*)$", text, re.MULTILINE)
    assert set(said) <= set(done.stdout.splitlines())
    assert len(said) == (3 if number == 0 else 0)


def test_there_are_samples_of_both_kinds() -> None:
    assert [language for language, _ in SAMPLES] == ["python", "python", "sh"]


def test_an_approval_is_answered_once(client: Client) -> None:
    run = client.submit(ASKING)
    asked = next(it for it in run.events() if it.kind == "approval-asked")
    assert asked.path == "gate"
    _answer(client, run.id)
    with pytest.raises((ConflictError, NotFoundError)):
        client.answer_run(run.id, "gate", values={"amount": 3})
    assert run.result(timeout=120).status is Status.SUCCESS


def _answer(client: Client, run: str) -> None:
    """Answer as soon as the approval is noted, which comes after it was told."""
    until = time.monotonic() + 120
    while True:
        try:
            client.answer_run(run, "gate", values={"amount": 3}, comment="fine")
        except NotFoundError:
            assert time.monotonic() < until, "nothing was asked"
            time.sleep(0.02)
        else:
            return
