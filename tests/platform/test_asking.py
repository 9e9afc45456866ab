"""Approvals at a terminal: what is typed is the answer; without a terminal nothing is begun."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

COMMAND = str(Path(sys.executable).parent / "blockyard")
FORM: dict[str, Any] = {
    "description": "Look\x1b[31m twice.",
    "properties": {
        "amount": {"type": "integer", "minimum": 1, "title": "How much"},
        "kind": {"type": "string", "enum": ["a", "b"], "default": "b"},
        "why": {"type": "string"},
    },
    "required": ["amount"],
}


def document(**approval: Any) -> dict[str, Any]:
    stages = [
        {"id": "say", "echo": "before"},
        {"id": "ask", "wait": {"approval": {"message": "Pay ann?", "form": FORM} | approval}},
    ]
    outputs = {"answer": "${{ stages.ask.outputs.answer }}"}
    return {"name": "t", "stages": stages, "outputs": outputs}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "t.json"
    path.write_text(json.dumps(document()))
    return path


def run(file: Path, typed: str | None, *more: str) -> tuple[int, dict[str, Any], str]:
    """Run the document with what is typed at a terminal, or with nobody there; return exit code, result and what was shown."""
    terminal, theirs = pty.openpty()
    if typed is not None:
        os.write(terminal, typed.encode())
    done = subprocess.run(
        [COMMAND, "run", str(file), "--json", *more],
        stdin=subprocess.DEVNULL if typed is None else theirs,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    os.close(terminal)
    os.close(theirs)
    return done.returncode, json.loads(done.stdout), done.stderr


def test_a_person_fills_the_form_in(file: Path) -> None:
    code, result, shown = run(file, "many\n0\n7\nc\na\n\nperhaps\ny\n")
    stage = result["jobs"]["main"]["stages"]["ask"]
    assert (code, stage["status"], stage["outputs"]["approved"]) == (0, "SUCCESS", True)
    assert result["outputs"] == {"answer": {"amount": 7, "kind": "a"}}
    assert stage["outputs"]["by"]
    for words in (
        "ask: Pay ann?",
        "Look\\x1b[31m twice.",
        "How much",
        "'many' is not a whole number",
        "must be at least 1, not 0",
        "kind (a, b) [b]",
        "must be one of a, b, not text 'c'",
        "Approve? [y/n]",
    ):
        assert words in shown


def test_a_person_refuses(file: Path) -> None:
    code, result, _ = run(file, "1\n\n\nn\n")
    stage = result["jobs"]["main"]["stages"]["ask"]
    assert (code, stage["code"], stage["outputs"]["approved"]) == (1, 137, False)


def test_a_person_leaves(file: Path) -> None:
    code, result, _ = run(file, "\x04")
    stage = result["jobs"]["main"]["stages"]["ask"]
    assert (code, stage["code"]) == (1, 137)
    assert stage["outputs"]["comment"] == "no answer was given"


def test_time_passes_while_a_person_is_asked(tmp_path: Path) -> None:
    file = tmp_path / "t.json"
    file.write_text(json.dumps(document(timeout="300ms")))
    code, result, _ = run(file, "")
    assert (code, result["jobs"]["main"]["stages"]["ask"]["code"]) == (1, 121)


def test_without_a_terminal_nothing_is_begun(file: Path) -> None:
    code, result, shown = run(file, None)
    assert (code, result["run_id"], result["jobs"]) == (2, None, {})
    assert [it["rule"] for it in result["problems"]] == ["unsupported"]
    assert "run it on a terminal" in shown


def test_a_dry_run_needs_nobody(file: Path) -> None:
    code, result, _ = run(file, None, "--dry-run")
    assert (code, result["outputs"]) == (0, {"answer": {"kind": "b"}})
