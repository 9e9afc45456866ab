"""What starts a workflow by itself, and how many of its runs there are at once: read where a document says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blockyard_platform.placeholders import texts
from blockyard_platform.plain import is_mapping
from blockyard_schemas.params import resolve_params
from blockyard_schemas.problems import InvalidDocumentError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from blockyard_platform.admission.reporting import Report
    from blockyard_platform.admission.walk import Pointer
    from blockyard_platform.triggers.overlap import Group
    from blockyard_platform.triggers.reading import Triggers


def check_starts(document: dict[str, Any], report: Report) -> tuple[Triggers | None, Group | None]:
    """Report what is wrong with ``on`` and ``concurrency``; return what they say."""
    declared = document.get("params")
    params: dict[str, Any] = declared if is_mapping(declared) else {}
    triggers: Triggers | None = None
    group: Group | None = None
    # A document that says nothing of this loads nothing for it.
    if "on" in document:
        from blockyard_platform.triggers.reading import read_triggers

        triggers = read_triggers(document["on"])
        _report(triggers.problems, report)
        if not triggers.problems and not report.problems:
            _check_params(triggers, document["on"], params, report)
    if "concurrency" in document:
        from blockyard_platform.triggers.reading_groups import read_concurrency

        group, problems = read_concurrency(document["concurrency"], params)
        _report(problems, report)
    return triggers, group


def _report(problems: Iterable[Problem], report: Report) -> None:
    """Report problems, but for those of a place of which the schema has said something."""
    said = {problem.pointer for problem in report.problems}
    for problem in problems:
        if problem.pointer not in said:
            report.place_of(problem, key=problem.rule in ("unknown-key", "kinds"))


def _check_params(triggers: Triggers, on: Any, declared: dict[str, Any], report: Report) -> None:
    """Report params that the workflow does not take, those that do not fit, and those that are missing: no run would begin."""
    for place, given in _given(triggers, on):
        later = {name for name, value in given.items() if any(True for _ in texts(value))}
        fixed = {
            name: value
            for name, value in given.items()
            if name not in later or name not in declared
        }
        now = {name: each for name, each in declared.items() if name not in later}
        try:
            resolve_params(now, fixed)
        except InvalidDocumentError as error:
            for problem in error.problems:
                _, _, rest = problem.pointer.partition("/params/")
                parts = [part.replace("~1", "/").replace("~0", "~") for part in rest.split("/")]
                there = parts[0] in given
                pointer: Pointer = (*place, "params", *parts) if there else place
                hint = problem.hint if there else f"give it here: params: {{{parts[0]}: ...}}"
                report.add("param", pointer, problem.message, hint, key=parts[0] not in declared)


def _given(triggers: Triggers, on: Any) -> Iterator[tuple[Pointer, Mapping[str, Any]]]:
    """Yield the place of each trigger, and the params that it gives."""
    for at, schedule in enumerate(triggers.schedules):
        yield ("on", "schedule", at), schedule.params
    for hook in triggers.hooks:
        yield ("on", "webhook"), hook.params
    alone = not isinstance(on.get("after"), list)
    for at, after in enumerate(triggers.after):
        yield ("on", "after") if alone else ("on", "after", at), after.params
