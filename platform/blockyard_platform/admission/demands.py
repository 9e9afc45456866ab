"""What a plan asks of whoever carries it out, as its stages tell, at any depth: a guest, an approval."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blockyard_platform import plan
from blockyard_platform.templates import Template

if TYPE_CHECKING:
    from collections.abc import Iterable


def needs_guest(
    outputs: Template, jobs: tuple[plan.Job, ...], children: Iterable[plan.Plan]
) -> bool:
    """Say whether a plan has blocks or Python of its own, or expressions, for a guest to work on; so it has when a child has."""
    own = bool(outputs.guest) or any(_job_needs_guest(job) for job in jobs)
    return own or any(child.needs_guest for child in children)


def _job_needs_guest(job: plan.Job) -> bool:
    templates = [job.condition, job.retry, job.timeout, job.outputs]
    if job.strategy is not None:
        templates += [job.strategy.inputs, job.strategy.fail_fast]
    guest = any(isinstance(it, Template) and it.guest for it in templates)
    return guest or _any_needs_guest(job.stages)


def _any_needs_guest(stages: tuple[plan.Stage, ...]) -> bool:
    return any(_stage_needs_guest(stage) for stage in stages)


def _stage_needs_guest(stage: plan.Stage) -> bool:
    body = stage.body
    if isinstance(body, plan.Call | plan.Python):
        return True
    templates = [stage.condition, stage.retry, stage.timeout, stage.continue_on_error, stage.always]
    if isinstance(body, plan.Case):
        templates += [body.skip_not_match, *(it.value for it in body.matches)]
    if isinstance(body, plan.Until):
        templates.append(body.condition)
    if not isinstance(body, plan.Try | plan.Own):
        templates.append(body.inputs)
    guest = any(isinstance(it, Template) and it.guest for it in templates)
    return guest or any(_any_needs_guest(each) for each in _inside(body))


def _inside(body: plan.Body) -> list[tuple[plan.Stage, ...]]:
    """Return the lists of stages that a body holds."""
    match body:
        case plan.Try():
            return [body.body, body.catch or (), body.last]
        case plan.Case():
            return [it.stages for it in body.matches]
        case plan.Parallel():
            return [stages for _, stages in body.branches]
        case plan.Foreach() | plan.Until():
            return [body.stages]
        case _:
            return []


def asks(jobs: tuple[plan.Job, ...], children: Iterable[plan.Plan]) -> str | None:
    """Return the place of a stage that asks for an approval, if there is one; of one in a child, the whole document."""
    heap = [job.stages for job in jobs]
    while heap:
        for stage in heap.pop():
            if isinstance(stage.body, plan.Approval):
                return stage.pointer
            heap += _inside(stage.body)
    return "" if any(child.asks is not None for child in children) else None
