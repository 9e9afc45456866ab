"""The jobs of a document: that what they need is there, in an order that has a beginning, and their expressions."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from itertools import islice
from typing import TYPE_CHECKING, Any

from blockyard_platform.admission.before import Before
from blockyard_platform.admission.references import (
    EVERYWHERE,
    Where,
    check_condition,
    check_texts,
)
from blockyard_platform.admission.walk import Row, needs_of
from blockyard_platform.errors import StageFailureError
from blockyard_platform.matrix import combinations
from blockyard_platform.placeholders import texts
from blockyard_platform.plain import is_list, is_mapping
from blockyard_schemas.nearest import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from blockyard_platform.admission.reporting import Report

    Needs = dict[str, tuple[str, ...]]

_SHOWN = 8
"""Jobs that a hint names."""
_BEFORE = ("if", "strategy", "retry", "timeout")
"""Keys whose expressions are resolved before a job's first stage."""


def check_jobs(document: dict[str, Any], report: Report) -> None:
    """Report needs of jobs that are not there or go in a circle, matrices, and expressions around the stages."""
    jobs = _jobs(document)
    needs = {name: needs_of(job) for name, job in jobs.items()}
    for name, job in jobs.items():
        _check_needs(name, job, needs, report)
        if is_mapping(job.get("strategy")):
            _check_matrix(("jobs", name, "strategy"), job["strategy"], report)
    _check_circle(needs, report)
    for name, job in jobs.items():
        _check_texts(name, job, document.get("params"), Before(name, needs), report)


def before_each(document: dict[str, Any]) -> dict[str, Before]:
    """Return for each job the jobs that its expressions see."""
    needs = {name: needs_of(job) for name, job in _jobs(document).items()}
    return {name: Before(name, needs) for name in needs}


def _jobs(document: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    jobs = document.get("jobs")
    found = jobs.items() if is_mapping(jobs) else ()
    return {name: job for name, job in found if is_mapping(job)}


def _check_needs(name: str, job: dict[str, Any], needs: Needs, report: Report) -> None:
    for index, need in enumerate(needs[name]):
        if need in needs:
            continue
        near = nearest(need, needs)
        others = list(islice((each[:60] for each in needs if each != name), _SHOWN + 1))
        listed = ", ".join([*others[:_SHOWN], *(["..."] if len(others) > _SHOWN else [])])
        hint = f"did you mean '{near}'?" if near else f"the other jobs: {listed or 'none'}"
        place = ("jobs", name, "needs", index) if is_list(job["needs"]) else ("jobs", name, "needs")
        report.add("unknown-job", place, f"there is no job '{need[:60]}'", hint)


def _check_circle(needs: Needs, report: Report) -> None:
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        report.add(
            "circle",
            ("jobs", circle[-1], "needs"),
            f"these jobs wait for each other: {' needs '.join(reversed(circle))}",
            "take one of these needs out",
        )


def _check_matrix(place: tuple[str, ...], strategy: dict[str, Any], report: Report) -> None:
    """Expand a matrix that is written out, so that what is wrong with it is said before anything is run."""
    inputs: dict[str, Any] = {
        key: strategy[key] for key in ("matrix", "include", "exclude") if key in strategy
    }
    if any(True for _ in texts(inputs)) or report.knows(place):
        return
    try:
        found = combinations(inputs)
    except StageFailureError as error:
        report.add("matrix", place, error.message, "see docs/document.md, Matrix")
        return
    if not found:
        report.add(
            "matrix",
            place,
            "the strategy leaves no combination",
            "give matrix or include, and exclude less",
        )


def _check_texts(name: str, job: dict[str, Any], params: Any, seen: Before, report: Report) -> None:
    stages: list[Any] = job["stages"] if is_list(job.get("stages")) else []
    place = ("jobs", name)
    nothing = Where(Row((*place, "stages"), [], 1), 0, EVERYWHERE, params, seen)
    for key in _BEFORE:
        if key in job:
            check_texts(job[key], (*place, key), nothing, report)
    check_condition(job, place, "if", report)
    names = EVERYWHERE | frozenset(("matrix",) if "strategy" in job else ())
    row = Row((*place, "stages"), stages, 1)
    where = Where(row, len(stages), names, params, seen)
    check_texts(job.get("outputs"), (*place, "outputs"), where, report)
