"""``run --journal``, ``resume`` and ``runs``: exit codes, and what is said of a wrong call."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

COMMAND = str(Path(sys.executable).parent / "blockyard")
DOCUMENT = """
name: steps
params: {ready: {type: boolean, default: false}}
stages:
  - {id: first, run: result = 20 + 1}
  - {id: gate, if: "${{ not params.ready }}", raise: not ready}
  - {id: second, run: result = n * 2, vars: {n: "${{ stages.first.outputs.result }}"}}
outputs: {answer: "${{ stages.second.outputs.result }}"}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "steps.yaml").write_text(DOCUMENT)
    return tmp_path


def call(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *words], capture_output=True, text=True, check=False, cwd=folder
    )


KEEP = ("--journal", "runs.db")


def begin(folder: Path) -> None:
    assert call(folder, "run", "steps.yaml", *KEEP, "--run-id", "r").returncode == 1


def test_a_failed_run_goes_on_in_another_process(folder: Path) -> None:
    begin(folder)
    done = call(folder, "resume", "r", *KEEP, "--param", "ready=true", "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["status"], found["outputs"]) == (0, "SUCCESS", {"answer": 42})
    assert "first" not in done.stderr
    listed = json.loads(call(folder, "runs", *KEEP, "--json").stdout)
    assert [(row["id"], row["workflow"], row["status"]) for row in listed] == [
        ("r", "steps", "SUCCESS")
    ]
    assert call(folder, "runs", *KEEP).stdout.startswith("r  SUCCESS")


def test_a_run_begins_again_from_a_stage(folder: Path) -> None:
    begin(folder)
    words = ("resume", "r", *KEEP, "--param", "ready=true")
    assert call(folder, *words).returncode == 0
    done = call(folder, *words, "--from", "second")
    assert (done.returncode, "second: SUCCESS" in done.stderr, "first" in done.stderr) == (
        0,
        True,
        False,
    )


def test_a_run_that_is_killed_is_taken_up(folder: Path) -> None:
    text = "{name: slow, stages: [{id: a, echo: x}, {id: b, sleep: 600}]}"
    (folder / "slow.yaml").write_text(text)
    command = [COMMAND, "run", "slow.yaml", *KEEP, "--run-id", "r"]
    running = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)
    assert running.stderr is not None
    while "a: SUCCESS" not in running.stderr.readline():
        assert running.poll() is None
    running.kill()
    running.wait()
    running.stderr.close()
    assert call(folder, "runs", *KEEP).stdout.startswith("r  WAIT")
    again = subprocess.Popen(
        [COMMAND, "resume", "r", *KEEP, "--json", "--events"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert again.stderr is not None
    told = [json.loads(again.stderr.readline()) for _ in range(3)]
    assert [(it["event"], it["path"]) for it in told] == [
        ("run-started", ""),
        ("job-started", "main"),
        ("stage-started", "b"),
    ]
    os.kill(again.pid, signal.SIGINT)
    out, _ = again.communicate(timeout=120)
    assert (again.returncode, json.loads(out)["status"]) == (130, "CANCEL")


@pytest.mark.parametrize(
    ("words", "code", "rule", "message"),
    [
        (["resume", "x", *KEEP], 2, "run-id", "the journal has no run x"),
        (["resume", "r"], 2, "usage", "Give --journal FILE"),
        (["resume", "r", *KEEP, "--from", "nothing"], 2, "unknown-stage", "has not run a stage 'nothing'"),
        (["resume", "r", *KEEP, "--param", "nope=1"], 2, "param", "nope"),
        (["resume", "r", *KEEP, "--param", "ready=maybe"], 2, "param", "ready"),
        (["resume", "r", *KEEP, "--on-input-change", "ask"], 2, "usage", "'ask' is not one of"),
        (["resume", "r", *KEEP, "--param", "ready=true", "--on-input-change", "raise"], 2, "input-changed", "not those that it began with"),
        (["resume", "r", "--journal", "no/x.db"], 2, "store", "no/x.db"),
        (["resume", "r", "--journal", "steps.yaml"], 2, "store", "not a database"),
        (["resume", "r", "--journal", "mysql://x/y"], 2, "store", "there is no journal in mysql"),
        (["run", "steps.yaml", *KEEP, "--run-id", "r"], 2, "run-id", "there is a run r already"),
        (["run", "steps.yaml", *KEEP, "--run-id", "a b"], 2, "run-id", "cannot be the id of a run"),
        (["run", "steps.yaml", "--journal", "."], 2, "store", "cannot use the journal"),
    ],
)  # fmt: skip
def test_a_wrong_call_says_what_is_wrong(
    folder: Path, words: list[str], code: int, rule: str, message: str
) -> None:
    begin(folder)
    done = call(folder, *words, "--json")
    found: Any = json.loads(done.stdout)
    assert done.returncode == code
    assert [problem["rule"] for problem in found["problems"]] == [rule]
    assert message in found["problems"][0]["message"]
    assert "Traceback" not in done.stderr


def test_a_journal_that_is_damaged_is_an_error(folder: Path) -> None:
    begin(folder)
    connection = sqlite3.connect(folder / "runs.db")
    connection.execute("UPDATE runs SET document = '{broken'")
    connection.commit()
    connection.close()
    done = call(folder, "resume", "r", *KEEP, "--json")
    assert (done.returncode, json.loads(done.stdout)["problems"][0]["rule"]) == (2, "store")
    assert "Traceback" not in done.stderr


def test_a_journal_of_a_newer_version_is_left_alone(folder: Path) -> None:
    begin(folder)
    connection = sqlite3.connect(folder / "runs.db")
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    done = call(folder, "runs", *KEEP)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "a newer version" in done.stderr


def test_the_journal_may_be_named_by_the_environment(folder: Path) -> None:
    begin(folder)
    done = subprocess.run(
        [COMMAND, "runs"],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=os.environ | {"BLOCKYARD_JOURNAL": "runs.db"},
    )
    assert done.stdout.startswith("r  FAILED")
