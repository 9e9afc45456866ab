"""Tasks as a plan of the engine: a job for each row of tasks, a stage for each step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from blockyard_platform.manager.errors import ManagerError
from blockyard_platform.naming import Names
from blockyard_platform.plan import FALSE, TRUE, Job, Own, Plan, Stage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from blockyard_platform.engine.run import Run
    from blockyard_platform.manager.steps import Step
    from blockyard_platform.manager.tasks import Task

    Perform = Callable[[Run, "Place"], Awaitable[dict[str, Any]]]

Mode = Literal["sequential", "sequential_group", "background", "parallel"]
MODES: tuple[Mode, ...] = ("sequential", "sequential_group", "background", "parallel")
MAIN = "main"


class Place(NamedTuple):
    """One step of one task: its stage, under a prefix that makes the node path, and the place before it in its row."""

    prefix: str
    stage: str
    task: Task
    step: Step
    before: Place | None
    first: bool
    apart: bool

    @property
    def path(self) -> str:
        """The node path."""
        return self.prefix + self.stage


def mode_of(mode: str, tasks: Sequence[Task]) -> Mode:
    """Return the mode that holds: tasks of several groups make a sequence one of groups. Raises ManagerError."""
    if mode not in MODES:
        raise ManagerError(f"there is no mode {str(mode)[:40]!r}: choose one of {', '.join(MODES)}")
    several = len({task.group_name for task in tasks}) > 1
    if mode == "sequential" and several:
        return "sequential_group"
    return next(each for each in MODES if each == mode)


def rows_of(mode: Mode, tasks: Sequence[Task]) -> dict[str, list[Task]]:
    """Return the tasks that are done one after the other, by the name of their row; rows are done side by side."""
    _check_names(tasks)
    if mode == "parallel":
        return {task.name: [task] for task in tasks}
    if mode != "sequential_group":
        return {MAIN: list(tasks)}
    rows: dict[str, list[Task]] = {}
    for task in tasks:
        rows.setdefault(task.group_name, []).append(task)
    return rows


def _check_names(tasks: Iterable[Task]) -> None:
    """Give tasks of the same name a number after it, in their order, so that each keeps its own in every process."""
    names = Names()
    for task in tasks:
        task.name = names.take(task.name)


def places_of(mode: Mode, rows: dict[str, list[Task]]) -> dict[str, list[Place]]:
    """Return every step of every row, in order. Raises StepError for one that cannot reach its process."""
    return {name: _row(mode, name, tasks) for name, tasks in rows.items()}


def _row(mode: Mode, name: str, tasks: list[Task]) -> list[Place]:
    places: list[Place] = []
    prefix = "" if name == MAIN and mode in ("sequential", "background") else f"{name}:"
    for task in tasks:
        for index, (stage_id, step) in enumerate(zip(task.stage_ids(), task.steps, strict=True)):
            apart = not step.is_async and (
                mode in ("parallel", "sequential_group") or bool(step.options.timeout)
            )
            if apart:
                step.check_portable(task.name)
            before = places[-1] if places else None
            places.append(Place(prefix, stage_id, task, step, before, index == 0, apart))
    return places


def plan_of(
    name: str, rows: dict[str, list[Place]], perform: Perform, *, keep_going: bool, most: int | None
) -> Plan:
    """Return the plan; ``most`` rows are worked at side by side."""
    jobs = tuple(
        Job(
            row,
            tuple(_stage(place, perform, keep_going=keep_going) for place in places),
            prefix=places[0].prefix if places else "",
        )
        for row, places in rows.items()
    )
    return Plan(name, jobs, {}, max_parallel=most or max(1, len(jobs)))


def _stage(place: Place, perform: Perform, *, keep_going: bool) -> Stage:
    options = place.step.options
    retry = None
    if options.retry > 1:
        from blockyard_platform.retrying import Retry

        retry = Retry(options.retry, options.retry_delay, 2.0 if options.backoff else 1.0)
    return Stage(
        id=place.stage,
        kind="task",
        pointer="",
        body=Own(lambda run, _path: perform(run, place)),
        retry=retry,
        always=TRUE if keep_going else FALSE,
    )
