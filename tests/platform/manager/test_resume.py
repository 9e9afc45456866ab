"""Resuming, each time in a second process: what the first has finished stands."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import steps_for_tests as steps

from blockyard_platform.manager import (
    InputChangedError,
    Manager,
    ManagerError,
    Task,
    TasksChangedError,
)
from blockyard_platform.store.store import Store
from blockyard_schemas.statuses import Status

HERE = Path(__file__).parent
SCRIPT = """
import json, os, sys
from pathlib import Path
sys.path.insert(0, {here!r})
import steps_for_tests as steps
from blockyard_platform.manager import Manager, Task, action

TRACE = Path({trace!r})

def note(word):
    with TRACE.open("a") as file:
        file.write(word + "\\n")

def first(initial_context):
    note("first")
    return [initial_context.storage, steps.EVERYTHING]

def second(previous_context):
    note("second")
    assert previous_context.storage[1] == steps.EVERYTHING
    return None

def third(previous_context):
    note("third")
    if len(sys.argv) > 1 and sys.argv[1] == "raise":
        raise OSError("down")
    if len(sys.argv) > 1 and sys.argv[1] == "die":
        os.kill(os.getpid(), 9)
    return ["third", previous_context.storage]

def fourth(previous_context):
    note("fourth")
    return previous_context.storage

if __name__ == "__main__":
    tasks = [Task(first, initial_context={initial!r}), second, third, fourth]
    manager = Manager(tasks, workflow_id="nightly", resume=True, journal={journal!r}, {more})
    print(json.dumps([manager.status.value, [t.status.value for t in manager.tasks],
        [t.restored for t in manager.tasks], manager.tasks[-1].current_context.storage,
        manager.tasks[0].current_context.storage[1] == steps.EVERYTHING]))
"""


class Other:
    """A script in a folder of its own, run as another process."""

    def __init__(self, folder: Path) -> None:
        self.journal = folder / "runs.db"
        self.trace = folder / "trace.txt"
        self.trace.touch()
        self._script = folder / "script.py"

    def run(self, *words: str, initial: Any = "a", more: str = "") -> tuple[int, Any]:
        text = SCRIPT.format(
            here=str(HERE),
            trace=str(self.trace),
            journal=str(self.journal),
            initial=initial,
            more=more,
        )
        self._script.write_text(text)
        done = subprocess.run(
            [sys.executable, str(self._script), *words], capture_output=True, text=True, check=False
        )
        if done.returncode:
            return done.returncode, done.stderr
        return 0, json.loads(done.stdout)

    def done(self) -> list[str]:
        return self.trace.read_text().split()


@pytest.fixture
def other(tmp_path: Path) -> Other:
    return Other(tmp_path)


ALL = [False, False, False, False]
GOOD = ["SUCCESS"] * 4


def test_a_second_process_goes_on_after_a_failure(other: Other) -> None:
    code, found = other.run("raise")
    assert (code, found[:2]) == (0, ["FAILED", ["SUCCESS", "SUCCESS", "FAILED", "WAIT"]])
    code, found = other.run()
    assert found == ["SUCCESS", GOOD, [True, True, False, False], ["third", None], True]
    assert other.done() == ["first", "second", "third", "third", "fourth"]


def test_a_second_process_goes_on_after_a_crash(other: Other) -> None:
    code, _ = other.run("die")
    assert code == -9
    _, found = other.run()
    assert found == ["SUCCESS", GOOD, [True, True, False, False], ["third", None], True]
    assert other.done() == ["first", "second", "third", "third", "fourth"]


def test_what_has_ended_well_is_told_again_and_not_done_again(other: Other) -> None:
    other.run()
    for _ in range(3):
        _, found = other.run()
        assert found == ["SUCCESS", GOOD, [True] * 4, ["third", None], True]
    assert len(other.done()) == 4


def test_another_input_is_reused_reset_or_refused(other: Other) -> None:
    other.run("raise")
    code, told = other.run(initial="b", more="on_input_change='raise'")
    assert code == 1
    assert "InputChangedError: the workflow nightly was begun with another input" in told
    assert other.done() == ["first", "second", "third"]
    _, found = other.run(initial="b", more="on_input_change='reuse'")
    assert found[2] == [True, True, False, False]
    _, found = other.run(initial="b", more="on_input_change='reset'")
    assert found[2] == ALL
    assert other.done()[-4:] == ["first", "second", "third", "fourth"]


def test_a_fingerprint_takes_the_place_of_the_input(other: Other) -> None:
    other.run("raise", more="fingerprint='v1'")
    _, found = other.run(initial="b", more="fingerprint='v1', on_input_change='raise'")
    assert found[2] == [True, True, False, False]
    code, _ = other.run(initial="b", more="fingerprint='v2', on_input_change='raise'")
    assert code == 1


def test_the_input_is_noted_also_when_the_first_run_does_not_resume(tmp_path: Path) -> None:
    journal = tmp_path / "runs.db"
    Manager([Task(steps.show, initial_context=1)], workflow_id="w", journal=journal)
    with pytest.raises(InputChangedError):
        Manager(
            [Task(steps.show, initial_context=2)],
            workflow_id="w",
            journal=journal,
            resume=True,
            on_input_change="raise",
        )


def test_without_resume_all_is_done_again(tmp_path: Path) -> None:
    journal = tmp_path / "runs.db"
    for _ in range(2):
        manager = Manager([steps.one, steps.add_one], workflow_id="w", journal=journal)
        assert [task.restored for task in manager.tasks] == [False, False]
        assert manager.tasks[1].current_context.storage == 2


def test_keep_going_resumes_what_failed_alone(tmp_path: Path) -> None:
    journal = tmp_path / "runs.db"
    given: dict[str, Any] = {"keep_going": True, "workflow_id": "w", "journal": journal}
    broken = Task(steps.fail, name="step")
    manager = Manager([steps.one, broken, steps.one], **given)
    assert [task.status.value for task in manager.tasks] == ["SUCCESS", "FAILED", "SUCCESS"]
    mended = Task(steps.one, name="step")
    manager = Manager([steps.one, mended, steps.one], resume=True, **given)
    assert manager.status is Status.SUCCESS
    assert [task.restored for task in manager.tasks] == [True, False, True]


@pytest.mark.parametrize("mode", ["parallel", "sequential_group", "background"])
def test_every_mode_resumes(mode: Any, tmp_path: Path) -> None:
    given: dict[str, Any] = {"mode": mode, "workflow_id": "w", "journal": tmp_path / "runs.db"}

    def tasks(step: Any) -> list[Task]:
        return [
            Task(steps.everything, group_name="a"),
            Task(step, group_name="b", name="step"),
        ]

    manager = Manager(tasks(steps.fail), **given)
    manager.wait()
    assert manager.status is Status.FAILED
    manager = Manager(tasks(steps.one), resume=True, **given)
    manager.wait()
    assert manager.status is Status.SUCCESS
    assert [task.restored for task in manager.tasks] == [True, False]
    assert manager.tasks[0].current_context.storage == steps.EVERYTHING


def test_a_class_resumes_at_its_method(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = tmp_path / "done.txt"
    done.touch()
    monkeypatch.setenv("STEPS_DONE", str(done))
    given: dict[str, Any] = {"workflow_id": "w", "journal": tmp_path / "runs.db"}
    tasks = [Task(steps.Pipeline, initial_context=4), Task(steps.fail)]
    assert Manager(tasks, **given).status is Status.FAILED
    tasks = [Task(steps.Pipeline, initial_context=4), Task(steps.show, name="fail")]
    manager = Manager(tasks, resume=True, **given)
    assert [task.restored for task in manager.tasks] == [True, False]
    assert [it.storage for it in manager.tasks[0].current_context.storage] == [[4, 5], 9]
    assert [it.storage for it in manager.tasks[1].current_context.storage[1]] == [[4, 5], 9]
    assert done.read_text().count("combine") == 2


def test_other_tasks_are_not_mixed_with_the_checkpoints_of_these(tmp_path: Path) -> None:
    journal = tmp_path / "runs.db"
    Manager([steps.one], workflow_id="w", journal=journal)
    with pytest.raises(TasksChangedError, match="was begun with other tasks"):
        Manager([steps.one, steps.one], workflow_id="w", journal=journal, resume=True)
    manager = Manager([steps.one, steps.one], workflow_id="w", journal=journal)
    assert manager.status is Status.SUCCESS


def test_a_value_that_would_not_come_back_fails_its_task(tmp_path: Path) -> None:
    manager = Manager([lambda: object()], journal=tmp_path / "runs.db")
    assert manager.status is Status.FAILED
    assert "builtins.object cannot be kept" in manager.tasks[0].errors[0].message
    with pytest.raises(ManagerError, match="initial context of the task 'one'"):
        Manager([Task(steps.one, initial_context=object())], journal=tmp_path / "runs.db")


def test_a_store_may_be_shared(tmp_path: Path) -> None:
    store = Store(tmp_path / "runs.db")
    for name in ("a", "b"):
        assert Manager([steps.one], workflow_id=name, journal=store).status is Status.SUCCESS
    assert {run[0] for run in store.runs()} == {"a", "b"}
    store.close()
