"""Counting: how often each stage of a plan is run, at most and at least."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from blockyard_platform import plan as plans
from blockyard_platform.forecast.nodes import Count, Forecast, Node
from blockyard_platform.forecast.reading import (
    attempts_of,
    combinations_of,
    fixed,
    has_open_matrix,
    joined,
    questions,
    questions_around,
    questions_within,
    seconds_on_clock,
    shown,
    tries,
)
from blockyard_platform.forecast.starts import starts_of
from blockyard_schemas.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from blockyard_blocks.catalog import Catalog
    from blockyard_platform.plan import Job, Plan, Stage
    from blockyard_schemas.policy import Policy

_NOTHING = Count()


class _Inside(NamedTuple):
    """What a stage holds: its parts, what they come to together, and how often that is."""

    nodes: tuple[Node, ...] = ()
    most: Count = _NOTHING
    least: Count = _NOTHING
    note: str = ""


class Forecaster:
    """Counts a plan under a policy; nothing is evaluated but what stands in the document as it is."""

    def __init__(self, plan: Plan, policy: Policy, catalog: Catalog) -> None:
        """Count nothing yet."""
        self._plan = plan
        self._policy = policy
        self._catalog = catalog

    def forecast(self) -> Forecast:
        """Return the tree with its counts."""
        jobs = tuple(self._job(job, self._plan) for job in self._plan.jobs)
        most, least = _most(jobs) + self._asked(self._plan.outputs), _least(jobs)
        policy = self._policy
        used: dict[str, tuple[float, float]] = {
            "stages": (_declared(jobs), policy.steps),
            "depth": (max((_depth(job.nodes) for job in jobs), default=0), policy.depth),
            "executed stages": (most.stages, policy.executed_steps),
            "CPU seconds": (most.cpu_seconds, policy.run.cpu_seconds),
        }
        for name, limit in self._plan.block_limits.items():
            if limit is not None:
                used[f"block {name}"] = (most.uses[name], limit)
        return Forecast(self._plan.name, jobs, used, self._problems(least), starts_of(self._plan))

    def _problems(self, least: Count) -> tuple[Problem, ...]:
        """Return what cannot fit: more than is allowed even when as little is run as can be."""
        found: list[Problem] = []
        allowed = self._policy.executed_steps
        if least.stages > allowed:
            found.append(
                Problem(
                    "STEP_LIMIT_EXCEED",
                    "",
                    f"at least {least.stages} stages would be executed, and the policy allows {allowed} (executed_steps)",
                    "run fewer items at a time, or ask the admin for more",
                )
            )
        for name, limit in self._plan.block_limits.items():
            if limit is not None and least.uses[name] > limit:
                message = f"the block '{name}' would be used {least.uses[name]} times at least, and may be {limit} times in one run"
                found.append(Problem("BLOCK_LIMIT_EXCEED", "", message, "use it less often"))
        return tuple(found)

    def _job(self, job: Job, plan: Plan) -> Node:
        nodes = self._row(job.stages, plan)
        rows, note = combinations_of(job)
        attempts = attempts_of(job.retry)
        certain = job.condition is None and job.rule == "all_success"
        of_matrix = () if job.strategy is None else (job.strategy.inputs, job.strategy.fail_fast)
        each = _most(nodes) + self._asked(job.timeout, job.outputs, job.retry)
        return Node(
            job.name,
            "job",
            joined(note, tries(attempts)),
            self._asked(job.condition, *of_matrix) + each.times(rows * attempts),
            _least(nodes).times(rows) if certain and not has_open_matrix(job) else _NOTHING,
            nodes,
        )

    def _row(self, stages: Sequence[Stage], plan: Plan) -> tuple[Node, ...]:
        return tuple(self._stage(stage, plan) for stage in stages)

    def _stage(self, stage: Stage, plan: Plan) -> Node:
        inside = self._inside(stage, plan)
        attempts = attempts_of(stage.retry)
        own = Count(1, self._cpu_seconds(stage, attempts), self._uses(stage))
        least = _NOTHING if stage.condition is not None else Count(1, 0.0, self._uses(stage))
        if stage.condition is None:
            least += inside.least
        label = (
            f"{stage.kind} {stage.body.uses}" if isinstance(stage.body, plans.Call) else stage.kind
        )
        note = joined(inside.note, tries(attempts), "if" if stage.condition is not None else "")
        return Node(stage.id, label, note, own + inside.most.times(attempts), least, inside.nodes)

    def _uses(self, stage: Stage) -> Counter[str]:
        if not isinstance(stage.body, plans.Call):
            return Counter()
        block = self._catalog.find(stage.body.uses)
        return Counter() if block is None else Counter({block.name: 1})

    def _cpu_seconds(self, stage: Stage, attempts: int) -> float:
        """Return what a stage may take in the jail or a container; what is done in the platform's process counts as nothing."""
        body, limits = stage.body, self._policy.stage
        jailed = isinstance(body, plans.Python | plans.Bash | plans.Virtual)
        if isinstance(body, plans.Call):
            block = self._catalog.find(body.uses)
            jailed = block is not None and block.runs == "guest"
        asked = questions_around(stage) + attempts * (questions_within(stage) + jailed)
        contained = 0.0
        if isinstance(body, plans.Image):
            # Each process may spend cpu_seconds, and there may be one after the other: the clock bounds them all.
            wall = seconds_on_clock(stage, limits.wall_seconds)
            contained = attempts * wall * self._policy.container.cpus
        return asked * limits.cpu_seconds + contained

    def _asked(self, *parts: Any) -> Count:
        """Return what filling templates once may take."""
        return Count(0, self._policy.stage.cpu_seconds * questions(*parts))

    def _inside(self, stage: Stage, plan: Plan) -> _Inside:
        match stage.body:
            case plans.Foreach() as body:
                return self._foreach(body, plan)
            case plans.Until() as body:
                nodes = self._row(body.stages, plan)
                loops = fixed(body.inputs, "max-loop", int) or self._policy.loop_iterations
                loops = min(loops, self._policy.loop_iterations)
                most = (_most(nodes) + self._asked(body.condition)).times(loops)
                return _Inside(nodes, most, _least(nodes), f"at most {loops} loops")
            case plans.Case() as body:
                nodes = tuple(
                    self._part(shown(entry.value), "case", entry.stages, plan)
                    for entry in body.matches
                )
                return _Inside(nodes, _worst(nodes), _NOTHING, "one of them")
            case plans.Parallel() as body:
                nodes = tuple(self._part(name, "branch", it, plan) for name, it in body.branches)
                return _Inside(nodes, _most(nodes), _least(nodes))
            case plans.Try() as body:
                parts = {"try": body.body, "catch": body.catch or (), "finally": body.last}
                nodes = tuple(
                    self._part(name, "part", it, plan) for name, it in parts.items() if it
                )
                certain = [node for node in nodes if node.name == "finally"]
                return _Inside(nodes, _most(nodes), _least(certain))
            case plans.Trigger() as body:
                child = plan.children.get(body.workflow) or self._plan.children[body.workflow]
                nodes = tuple(self._job(job, child) for job in child.jobs)
                most = _most(nodes) + self._asked(child.outputs)
                return _Inside(nodes, most, _least(nodes), f"workflow {body.workflow}")
            case _:
                return _Inside()

    def _part(self, name: str, kind: str, stages: Sequence[Stage], plan: Plan) -> Node:
        nodes = self._row(stages, plan)
        return Node(name, kind, "", _most(nodes), _least(nodes), nodes)

    def _foreach(self, body: plans.Foreach, plan: Plan) -> _Inside:
        nodes = self._row(body.stages, plan)
        items = fixed(body.inputs, "items", list, dict)
        if items is None:
            most = self._policy.foreach_items
            return _Inside(nodes, _most(nodes).times(most), _NOTHING, f"at most {most} items")
        number = len(items)
        note = f"{number} item{'s' if number != 1 else ''}"
        return _Inside(nodes, _most(nodes).times(number), _least(nodes).times(number), note)


def _most(nodes: Iterable[Node]) -> Count:
    return sum((node.most for node in nodes), _NOTHING)


def _worst(nodes: Iterable[Node]) -> Count:
    worst = _NOTHING
    for count in (node.most for node in nodes):
        worst = Count(
            max(worst.stages, count.stages),
            max(worst.cpu_seconds, count.cpu_seconds),
            worst.uses | count.uses,
        )
    return worst


def _least(nodes: Iterable[Node]) -> Count:
    return sum((node.least for node in nodes), _NOTHING)


def _declared(nodes: Iterable[Node]) -> int:
    """Return how many stages stand in the documents; jobs, branches, cases and parts are none."""
    holders = ("job", "branch", "case", "part")
    return sum((node.kind not in holders) + _declared(node.nodes) for node in nodes)


def _depth(nodes: Iterable[Node]) -> int:
    depths = (
        _depth(node.nodes) + (node.kind not in ("job", "branch", "case", "part")) for node in nodes
    )
    return max(depths, default=0)
