"""``blockyard tasks``: callables by their names, and the exit code."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = str(Path(sys.executable).parent / "blockyard")
STEPS = """
def one(): return [1, 2]
def total(previous_context): return sum(previous_context.storage)
def told(initial_context): return initial_context.storage
def fail(): raise KeyError("x")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(STEPS)
    return tmp_path


def call(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *words], capture_output=True, text=True, check=False, cwd=folder
    )


def test_tasks_run_in_order_and_are_told(folder: Path) -> None:
    done = call(folder, "tasks", "mine:one", "mine.total", "--json", "--workflow-id", "w")
    found = json.loads(done.stdout)
    assert (done.returncode, found["workflow_id"], found["status"]) == (0, "w", "SUCCESS")
    assert [(row["name"], row["value"]) for row in found["tasks"]] == [
        ("one", [1, 2]),
        ("total", 3),
    ]
    assert "total: SUCCESS in" in done.stderr


def test_a_failure_is_the_exit_code(folder: Path) -> None:
    done = call(folder, "tasks", "mine:one", "mine:fail", "mine:one")
    assert done.returncode == 1
    assert "fail: KeyError: 'x'" in done.stderr
    assert "one-2: not run" in done.stderr


def test_a_second_call_resumes(folder: Path) -> None:
    words = ("--journal", "runs.db", "--workflow-id", "w")
    assert call(folder, "tasks", "mine:one", "mine:fail", *words).returncode == 1
    (folder / "mine.py").write_text(STEPS.replace('raise KeyError("x")', "return 5"))
    done = call(folder, "tasks", "mine:one", "mine:fail", *words, "--resume", "--json")
    rows = json.loads(done.stdout)["tasks"]
    assert [(row["restored"], row["value"]) for row in rows] == [(True, [1, 2]), (False, 5)]
    told = call(folder, "resume", "w", "--journal", "runs.db")
    assert (told.returncode, "one of Python tasks" in told.stderr) == (2, True)


@pytest.mark.parametrize(("text", "value"), [("[1, 2]", [1, 2]), ("a word", "a word")])
def test_the_initial_context_is_json_or_text(folder: Path, text: str, value: object) -> None:
    done = call(folder, "tasks", "mine:told", "--initial", text, "--json")
    assert json.loads(done.stdout)["tasks"][0]["value"] == value


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["mine:nothing"], "the module mine has no 'nothing'"),
        (["theirs:one"], "cannot be imported"),
        (["mine:one", "--resume"], "give journal="),
        (["mine:one", "--workflow-id", "a/b"], "cannot be the id of a run"),
        (["mine:one", "--journal", "no/such/folder/x.db"], "no/such/folder"),
        ([], "Missing argument 'STEP...'"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(folder: Path, words: list[str], message: str) -> None:
    done = call(folder, "tasks", *words, "--json")
    assert done.returncode == 2
    assert message in done.stderr
    assert json.loads(done.stdout)["status"] == "FAILED"
