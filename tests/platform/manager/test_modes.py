"""The modes: what runs in which order and where, what failures and callbacks do."""

import asyncio
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import steps_for_tests as steps

from blockyard_platform.manager import Context, Manager, ManagerError, StepError, Task
from blockyard_schemas.problems import InvalidDocumentError
from blockyard_schemas.statuses import Status


@pytest.fixture(autouse=True)
def done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "done.txt"
    file.touch()
    monkeypatch.setenv("STEPS_DONE", str(file))
    return file


def values(manager: Manager) -> list[Any]:
    return [task.current_context.storage for task in manager.tasks]


def statuses(manager: Manager) -> list[str]:
    return [task.status.value for task in manager.tasks]


def test_a_sequence_hands_each_value_to_the_next() -> None:
    manager = Manager(
        [steps.one, steps.add_one, steps.coroutine, Task(steps.show, initial_context="a")]
    )
    assert manager.status is Status.SUCCESS
    assert values(manager) == [1, 2, ["awaited", 2], ["a", ["awaited", 2]]]
    assert [task.previous_context.storage for task in manager.tasks] == [None, 1, 2, ["awaited", 2]]
    assert all(
        task.started_at and task.finished_at and task.attempts == 1 for task in manager.tasks
    )


def test_a_value_is_handed_on_as_the_same_object() -> None:
    made = object()

    def make() -> object:
        return made

    def keep(previous_context: Context) -> Context:
        return previous_context

    manager = Manager([make, keep])
    assert manager.tasks[1].current_context.storage.storage is made


def test_steps_are_named_by_module_and_function() -> None:
    manager = Manager(["steps_for_tests:one", "steps_for_tests.add_one", "os:getpid"])
    assert values(manager) == [1, 2, os.getpid()]
    assert [task.name for task in manager.tasks] == ["one", "add_one", "getpid"]


def test_each_task_of_a_name_has_one_of_its_own() -> None:
    manager = Manager([steps.one, steps.one, Task(steps.one, name="one-2"), steps.one])
    assert [task.name for task in manager.tasks] == ["one", "one-2", "one-2-2", "one-3"]


def test_a_class_runs_its_marked_methods_in_order_each_with_its_own_retry() -> None:
    manager = Manager([Task(steps.Pipeline, initial_context=4), steps.show])
    assert statuses(manager) == ["SUCCESS", "SUCCESS"]
    task = manager.tasks[0]
    assert [it.storage for it in task.current_context.storage] == [[4, 5], 9]
    assert (task.attempts, [it.exception for it in task.errors]) == (3, ["OSError"])
    assert [it.storage for it in values(manager)[1][1]] == [[4, 5], 9]


def test_a_failure_stops_a_sequence() -> None:
    manager = Manager([steps.one, steps.fail, steps.one])
    assert (manager.status, statuses(manager)) == (Status.FAILED, ["SUCCESS", "FAILED", "WAIT"])
    (error,) = manager.tasks[1].errors
    assert (error.attempt, error.exception, error.message) == (1, "ValueError", "no such file")
    assert 'raise ValueError("no such file")' in error.traceback


def test_keep_going_goes_on_and_the_workflow_has_failed_all_the_same() -> None:
    told: list[str] = []

    def good(tasks: list[Task]) -> None:
        told.append("success")

    def bad(tasks: list[Task]) -> None:
        told.append(f"failure of {len(tasks)}")

    manager = Manager([steps.one, steps.fail, steps.show], good, bad, keep_going=True)
    assert (manager.status, statuses(manager)) == (Status.FAILED, ["SUCCESS", "FAILED", "SUCCESS"])
    assert values(manager)[2] == [None, None]
    assert told == ["failure of 3"]


@pytest.mark.parametrize("mode", ["sequential", "parallel"])
@pytest.mark.parametrize(
    ("step", "name", "message"),
    [
        (steps.assert_false, "AssertionError", "2 is not 3"),
        (steps.own_timeout, "TimeoutError", "the socket's own"),
    ],
)
def test_whatever_a_step_raises_is_its_failure(
    mode: Any, step: Any, name: str, message: str
) -> None:
    manager = Manager([step], mode=mode)
    assert manager.status is Status.FAILED
    assert (manager.tasks[0].errors[0].exception, manager.tasks[0].errors[0].message) == (
        name,
        message,
    )


@pytest.mark.parametrize(
    ("mode", "name"), [("sequential", "SystemExit"), ("parallel", "RuntimeError")]
)
def test_leaving_python_in_a_step_is_its_failure(mode: Any, name: str) -> None:
    manager = Manager([steps.leave], mode=mode)
    assert (manager.status, manager.tasks[0].errors[0].exception) == (Status.FAILED, name)


def test_retry_counts_all_attempts(done: Path) -> None:
    manager = Manager([steps.third_time])
    assert (values(manager), manager.tasks[0].attempts) == (["done"], 3)
    assert [it.attempt for it in manager.tasks[0].errors] == [1, 2]
    assert done.read_text().count("tried") == 3


def test_a_timeout_ends_the_work_and_is_tried_again(done: Path) -> None:
    manager = Manager([Task(steps.hangs_and_is_stopped, initial_context=3600.0)])
    (task,) = manager.tasks
    assert (task.status, task.attempts) == (Status.FAILED, 2)
    assert [it.exception for it in task.errors] == ["TIMEOUT", "TIMEOUT"]
    for word in done.read_text().split():  # none, if it was ended before it could write
        wait_for_the_end(int(word.removeprefix("process-")))


def wait_for_the_end(pid: int) -> None:
    """Wait until a process is no more."""
    until = time.monotonic() + 60
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < until, f"{pid} goes on"
        time.sleep(0.01)


def test_a_coroutine_that_takes_too_long_is_ended() -> None:
    manager = Manager([steps.waits, steps.one])
    assert statuses(manager) == ["FAILED", "WAIT"]
    assert manager.tasks[0].errors[0].message == "the step did not end within its timeout of 0.1 s"


def test_several_groups_stand_side_by_side() -> None:
    tasks = [
        Task(steps.one, group_name="a"),
        Task(steps.fail, group_name="b"),
        Task(steps.add_one, group_name="a"),
        Task(steps.one, group_name="b"),
    ]
    manager = Manager(tasks)
    assert manager.mode == "sequential_group"
    assert statuses(manager) == ["SUCCESS", "FAILED", "SUCCESS", "WAIT"]
    assert values(manager)[2] == 2


def test_a_thousand_parallel_tasks_take_as_many_processes_as_they_may() -> None:
    manager = Manager([steps.process] * 1_000, mode="parallel", max_workers=3)
    assert manager.status is Status.SUCCESS
    assert 1 <= len(set(values(manager))) <= 3
    assert os.getpid() not in values(manager)


def test_large_results_of_parallel_tasks_arrive() -> None:
    manager = Manager([steps.large] * 20, mode="parallel", max_workers=2)
    assert [len(value) for value in values(manager)] == [1_000_000] * 20


def test_a_process_that_dies_fails_its_own_task_alone() -> None:
    manager = Manager(
        [steps.die, steps.one, steps.cannot_be_handed_over, steps.coroutine], mode="parallel"
    )
    assert statuses(manager) == ["FAILED", "SUCCESS", "FAILED", "SUCCESS"]
    assert "ended with 9" in manager.tasks[0].errors[0].message
    assert "cannot be handed over" in manager.tasks[2].errors[0].message
    assert values(manager)[3] == ["awaited", None]


def test_a_workflow_in_the_background_leaves_the_caller_alone() -> None:
    may_end = threading.Event()
    manager = Manager([steps.thread, lambda: may_end.wait(60), steps.thread], mode="background")
    assert manager.status.value == "WAIT"
    assert not manager.wait(0.01)
    may_end.set()
    assert manager.wait()
    assert manager.status is Status.SUCCESS
    assert values(manager)[0].startswith("blockyard-")


def test_a_workflow_in_the_background_can_be_cancelled() -> None:
    begun = threading.Event()

    async def long() -> None:
        begun.set()
        await asyncio.sleep(3600)

    manager = Manager([long, steps.one], mode="background")
    assert begun.wait(60)
    manager.cancel()
    assert manager.wait(60)
    assert (manager.status, statuses(manager)) == (Status.CANCEL, ["CANCEL", "WAIT"])


def test_a_workflow_can_be_cancelled_before_it_has_begun() -> None:
    async def long() -> None:
        await asyncio.sleep(3600)

    manager = Manager([long, steps.one], mode="background")
    manager.cancel()
    assert manager.wait(60)
    assert manager.status is Status.CANCEL


def test_a_workflow_that_ends_just_then_can_be_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    manager = Manager([steps.one])
    loop = vars(manager)["_loop"]
    monkeypatch.setattr(loop, "is_closed", lambda: False)  # as it was a moment ago
    manager.cancel()
    assert manager.status is Status.SUCCESS


def test_what_ends_a_workflow_while_it_is_waited_for_is_raised() -> None:
    manager = Manager([steps.one], mode="background")
    manager.wait()

    class Ending:
        """A thread that has not ended when its time is over, and has when it is asked."""

        def join(self, timeout: float | None) -> None:
            """Wait in vain."""

        def is_alive(self) -> bool:
            vars(manager)["_error"] = OSError("no room")
            return False

    vars(manager)["thread"] = Ending()
    with pytest.raises(OSError, match="no room"):
        manager.wait(0)


async def test_a_manager_may_be_made_inside_of_a_running_loop() -> None:
    manager = Manager([steps.one, steps.coroutine])
    assert values(manager) == [1, ["awaited", 1]]


def test_callbacks_cannot_break_a_run(caplog: pytest.LogCaptureFixture) -> None:
    told: list[Any] = []

    def of_task(task: Task) -> None:
        told.append((task.name, task.status.value))
        raise RuntimeError("mine")

    async def of_other(task: Task) -> None:
        told.append((task.name, task.current_context.storage))

    def at_the_end(tasks: list[Task]) -> None:
        told.append(len(tasks))
        raise RuntimeError("mine, too")

    tasks = [Task(steps.one, of_task), Task(steps.one, of_other)]
    manager = Manager(tasks, on_success=at_the_end)
    assert manager.status is Status.SUCCESS
    assert told == [("one", "SUCCESS"), ("one-2", 1), 2]
    assert sum("callback" in record.message for record in caplog.records) == 2


def test_nothing_to_do_is_done() -> None:
    assert Manager([]).status is Status.SUCCESS
    assert Manager([], mode="parallel").status is Status.SUCCESS


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("nothing", "write module:function"),
        ("steps_for_tests:nothing", "has no 'nothing'"),
        ("no_such_module:x", "cannot be imported"),
        (3, "cannot be called"),
        (steps.Unmarked, "no method of the class Unmarked is marked with @action"),
        (steps.wants_more, "takes 'task': a step is offered initial_context and previous_context"),
    ],
)
def test_a_step_that_cannot_be_called_is_refused_at_once(step: Any, words: str) -> None:
    with pytest.raises(StepError, match=words.replace("(", r"\(")):
        Manager([step])


def test_a_function_that_no_other_process_can_find_is_refused_at_once() -> None:
    with pytest.raises(StepError, match="define it at the top of a module"):
        Manager([lambda: 1], mode="parallel")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"mode": "fast"}, "there is no mode 'fast'"),
        ({"resume": True}, "give journal="),
        ({"on_input_change": "ask"}, "on_input_change is one of"),
    ],
)
def test_what_does_not_go_together_is_refused(more: dict[str, Any], words: str) -> None:
    with pytest.raises(ManagerError, match=words):
        Manager([steps.one], **more)


def test_an_id_has_the_form_of_ids() -> None:
    with pytest.raises(InvalidDocumentError, match="cannot be the id of a run"):
        Manager([steps.one], workflow_id="../x")


def test_a_context_may_be_given_as_it_is() -> None:
    assert Task(steps.one, initial_context=Context(3)).initial_context.storage == 3
