"""The manager: runs tasks in one of four modes, on the engine that runs documents."""

from __future__ import annotations

import asyncio
import logging
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from blockyard_platform.errors import StageFailureError
from blockyard_platform.loops import complete
from blockyard_platform.manager.actions import Context
from blockyard_platform.manager.checkpoints import Checkpoints, kept
from blockyard_platform.manager.planning import mode_of, places_of, plan_of, rows_of
from blockyard_platform.manager.tasks import Task
from blockyard_platform.manager.workers import Workers, failure_of_step
from blockyard_platform.results import RunResult
from blockyard_sandbox.threads import in_loop
from blockyard_schemas.statuses import Code, Status

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable

    from blockyard_platform.engine.run import Run
    from blockyard_platform.events import RunView
    from blockyard_platform.manager.planning import Mode, Place
    from blockyard_platform.results import StageRecord
    from blockyard_platform.store.store import Store
    from blockyard_platform.tickets import OnInputChange

_log = logging.getLogger("blockyard.manager")
_STEPS = 10_000_000
_SECONDS = 2_678_400.0
_CANCELLED = (Code.KILLED_MANUALLY, "the workflow was cancelled")


class Manager:
    """Runs ``tasks`` as soon as it is made; in the mode ``background`` beside the caller, see :meth:`wait`.

    ``mode`` is ``sequential`` (one after the other; tasks of several groups: one group beside the other), ``sequential_group``,
    ``background`` or ``parallel``. In ``parallel`` and between groups, functions are called in ``max_workers`` processes at most, as
    many as there are processors unless told; so is a function with a timeout, so that it can be ended. Coroutine functions are
    awaited here. With ``keep_going`` the tasks after one that failed are done, too.

    ``on_success(tasks=...)`` or ``on_failure(tasks=...)`` is called at the end; a callback that raises is logged and changes nothing.

    With a ``journal`` (a file, or a database's URL) each step's value is kept under ``workflow_id``; with ``resume`` what another
    process has done under that id stands, and is not done again. When the tasks' initial contexts, or the ``fingerprint`` that is given
    in their place, are not those of the first time, ``on_input_change`` says what then: ``reuse``, ``reset`` or ``raise``.

    Raises ManagerError, or one of its kind, before anything is called; a task that fails raises nothing: look at ``status``.
    """

    def __init__(
        self,
        tasks: Iterable[Task | Callable[..., Any] | str],
        on_success: Callable[..., Any] | None = None,
        on_failure: Callable[..., Any] | None = None,
        mode: Mode = "sequential",
        keep_going: bool = False,
        workflow_id: str | None = None,
        resume: bool = False,
        *,
        on_input_change: OnInputChange = "reuse",
        fingerprint: str | None = None,
        journal: Store | str | os.PathLike[str] | None = None,
        max_workers: int | None = None,
        name: str = "tasks",
    ) -> None:
        """Check everything, then run."""
        self.tasks = [each if isinstance(each, Task) else Task(each) for each in tasks]
        self.on_success = on_success
        self.on_failure = on_failure
        self.workflow_id = str(workflow_id or uuid4())
        self.mode = mode_of(mode, self.tasks)
        self.started = datetime.now(UTC)
        self.status = Status.WAIT
        self.thread: threading.Thread | None = None
        rows = places_of(self.mode, rows_of(self.mode, self.tasks))
        self._checkpoints = Checkpoints(
            journal, self.workflow_id, resume=resume, on_input_change=on_input_change
        )
        self._input = (name, fingerprint)
        self._values: dict[str, Any] = {}
        self._workers = Workers(max_workers)
        self._plan = plan_of(name, rows, self._perform, keep_going=keep_going, most=max_workers)
        self._places = {place.path: place for row in rows.values() for place in row}
        self._prefixes = {place.task.name: place.prefix for place in self._places.values()}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._run: Run | None = None
        self._error: BaseException | None = None
        self._cancelled = False
        self._taken: set[str] = set()
        self._begin()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end, at most so many seconds; return whether it has come. Raises what has ended the thread itself."""
        if self.thread is None:
            return True
        self.thread.join(timeout)
        ended = not self.thread.is_alive()
        if ended and self._error is not None:  # which it sets before it ends
            raise self._error
        return ended

    def cancel(self) -> None:
        """Stop what is done, from any thread; tasks that had not ended have the status CANCEL, or WAIT."""
        self._cancelled = True
        loop, run = self._loop, self._run
        if loop is not None and run is not None:
            in_loop(loop, run.stop, *_CANCELLED)

    def _begin(self) -> None:
        self._checkpoints.open(self._plan, self.tasks, *self._input)
        if self.mode == "background":
            self.thread = threading.Thread(target=self._work, name=f"blockyard-{self.workflow_id}")
            self.thread.start()
            return
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            self._work()
        else:  # a loop cannot be run inside another: the caller's waits, as it would for any function
            beside = threading.Thread(target=self._work)
            beside.start()
            beside.join()
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        try:
            result = complete(self._execute())
        except BaseException as error:  # noqa: BLE001  (raised in the caller's thread)
            self._error = error
            _log.debug("The workflow was left", exc_info=error)
            return
        finally:
            self._workers.close()
            self._checkpoints.close()
        self._finish(result)

    async def _execute(self) -> RunResult:
        from blockyard_platform.engine.house import House
        from blockyard_platform.engine.interpreter import execute
        from blockyard_platform.engine.jobs import run_jobs
        from blockyard_platform.engine.kinds import KINDS
        from blockyard_platform.engine.observers import Observers
        from blockyard_platform.engine.run import Engine, Run
        from blockyard_platform.engine.stages import run_stages
        from blockyard_schemas.policy import Policy, RunLimits

        policy = Policy(executed_steps=_STEPS, run=RunLimits(wall_seconds=_SECONDS))
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  (for type checkers: this is a coroutine)
        self._loop = asyncio.get_running_loop()
        self._run = Run(
            self.workflow_id,
            self._plan,
            {},
            House(policy),
            self._checkpoints.journal,
            Observers(self._ended),
            Engine(run_stages, run_jobs, KINDS),
            task,
            self._checkpoints.past,
        )
        if self._cancelled:
            self._run.stop(*_CANCELLED)
        return await execute(self._run)

    async def _perform(self, run: Run, place: Place) -> dict[str, Any]:
        task = place.task
        previous = self._previous(place)
        if place.first:
            task.previous_context = previous
        try:
            value = await self._workers.call(
                place.step, task.initial_context, previous, apart=place.apart
            )
            outputs = kept(value) if self._checkpoints.keeps else {}
        except StageFailureError as error:
            task.failed_once(error)
            raise
        except (Exception, SystemExit) as error:
            task.failed_once(error)
            raise failure_of_step(place.path, error) from error
        if outputs:
            run.usage.hold(outputs)
        self._values[place.path] = value
        return outputs

    def _previous(self, place: Place) -> Context:
        """Return what the step before has left; nothing when there is none, or when it failed."""
        before = place.before
        if before is None:
            return Context()
        if not place.first:
            return Context(self._value(before.path), before.task.name, self.workflow_id)
        if before.path in self._values:
            return before.task.current_context
        return self._context_of(before.task)

    def _value(self, path: str) -> Any:
        if path not in self._values:
            self._values[path] = self._checkpoints.value(path)
        return self._values[path]

    def _context_of(self, task: Task) -> Context:
        """Return a task's value; that of a class is a list with a context for each of its methods."""
        prefix = self._prefixes[task.name]
        values = [self._value(prefix + stage) for stage in task.stage_ids()]
        rest = (task.name, self.workflow_id, datetime.now(UTC))
        if len(values) == 1:
            return Context(values[0], *rest)
        return Context([Context(value, *rest) for value in values], *rest)

    async def _ended(self, _view: RunView, record: StageRecord) -> None:
        self._take(record, restored=False)
        task = self._places[record.path].task
        last = record.id == task.stage_ids()[-1]
        skipped = record.status is Status.SKIP
        if last and not skipped and task.callback is not None:
            outcome = task.callback(task=task)
            if asyncio.iscoroutine(outcome):
                await outcome

    def _take(self, record: StageRecord, *, restored: bool) -> None:
        self._taken.add(record.path)
        task = self._places[record.path].task
        task.ended(record, restored=restored)
        if record.id == task.stage_ids()[-1] and record.status is Status.SUCCESS:
            task.current_context = self._context_of(task)

    def _finish(self, result: RunResult) -> None:
        for job in result.jobs.values():
            for record in job.records():
                if record.path not in self._taken:
                    self._take(record, restored=True)
        self.status = result.status
        if result.problems:
            _log.error("The workflow %s: %s", self.workflow_id, result.problems[0].message)
        callback = self.on_success if result.success else self.on_failure
        if callback is not None:
            try:
                callback(tasks=self.tasks)
            except Exception:  # noqa: BLE001  (a callback cannot break a run)
                _log.exception("A callback of a workflow raised; its outcome stands")
