"""Workflows that a document triggers: admitted with it, at any depth, and counted into its limits."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from blockyard_platform.placeholders import has_expression
from blockyard_platform.plain import is_mapping
from blockyard_platform.weight import weigh
from blockyard_schemas.nearest import nearest
from blockyard_schemas.problems import InvalidDocumentError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from blockyard_blocks.catalog import Catalog
    from blockyard_platform.admission.reporting import Report
    from blockyard_platform.admission.walk import Found
    from blockyard_platform.plan import Plan
    from blockyard_platform.workflows import Workflows
    from blockyard_schemas.policy import Policy
    from blockyard_schemas.reader import Source


_TIMES = 4
"""How much longer than one document may be all that it triggers are together: data weighs up to so much more than its text."""


@dataclass(frozen=True, slots=True)
class Weight:
    """What a document counts with all that it triggers: its stages, how deep they are nested, and its uses of blocks."""

    stages: int = 0
    depth: int = 0
    uses: Counter[str] = field(default_factory=Counter[str])


@dataclass(frozen=True, slots=True)
class Child:
    """A workflow that is triggered, admitted: its plan, or what is wrong with it; ``document`` is what it says."""

    plan: Plan | None
    problems: tuple[Problem, ...]
    weight: Weight
    document: Any = None


@dataclass(slots=True)
class Taken:
    """What was looked at so far, each document once: stages and patterns of all, and the bytes (about) of those that are triggered."""

    stages: int = 0
    patterns: int = 0
    bytes: int = 0
    names: list[str] | None = None
    """The names that there are, once they were asked for."""


@dataclass(slots=True)
class Family:
    """The workflows that are triggered from one document, each admitted once, and the names on the way to where we are.

    A short document can trigger many long ones. So no more are looked at once the document cannot be admitted for their number or their length.
    """

    workflows: Workflows
    document_bytes: int
    admit: Callable[[Source, Family], Child]
    ancestry: tuple[str, ...] = ()
    known: dict[str, Child | None] = field(default_factory=dict[str, "Child | None"])
    taken: Taken = field(default_factory=Taken)

    def child(self, name: str) -> Child | None:
        """Return a workflow, admitted; ``None`` when there is none of the name. Raises what the source of workflows does when it cannot be asked."""
        if name not in self.known:
            self.known[name] = self._admitted(name)
        return self.known[name]

    def _admitted(self, name: str) -> Child | None:
        most = _TIMES * self.document_bytes
        if self.taken.bytes > most:
            return _too_long(most)
        try:
            source = self.workflows.find(name, self.document_bytes)
        except InvalidDocumentError as error:
            if type(error) is not InvalidDocumentError:
                raise  # nothing is wrong with the document: it could not be asked for
            return Child(None, error.problems, Weight())
        if source is None:
            return None
        self.taken.bytes += weigh(source.data, most)
        if self.taken.bytes > most:
            return _too_long(most)
        inner = replace(self, ancestry=(*self.ancestry, name))
        return self.admit(source, inner)

    def names(self) -> list[str]:
        """Return the names that there are, for messages."""
        if self.taken.names is None:
            self.taken.names = self.workflows.names()
        return self.taken.names

    def plans(self) -> dict[str, Plan]:
        """Return the plans of all that were admitted, by name."""
        return {
            name: child.plan
            for name, child in self.known.items()
            if child is not None and child.plan is not None
        }

    def documents(self) -> dict[str, Any]:
        """Return what those say, by name."""
        return {
            name: child.document
            for name, child in self.known.items()
            if child is not None and child.plan is not None
        }


def check_triggers(stages: list[Found], policy: Policy, family: Family, report: Report) -> Weight:
    """Report triggers of workflows that are not there, not admitted, or run in a circle.

    Returns what the workflows that are triggered add to the document's own weight.
    """
    count, depth, uses = 0, 0, Counter[str]()
    family.taken.stages += len(stages)
    for found in stages:
        if family.taken.stages > policy.steps:
            break  # which is reported with the counts
        name = found.data.get("trigger")
        if not isinstance(name, str):
            continue
        child = _check_one(found, name, policy, family, report)
        if child is None:
            continue
        count += child.weight.stages
        depth = max(depth, found.row.depth + child.weight.depth)
        uses += child.weight.uses
        if found.row.depth + child.weight.depth > policy.depth:
            report.add(
                "policy-limit",
                (*found.pointer, "trigger"),
                f"with the stages of '{name}', stages are nested {found.row.depth + child.weight.depth} deep here,"
                f" and the policy allows {policy.depth}",
                "move inner stages outwards",
            )
    return Weight(count, depth, uses)


def _too_long(most: int) -> Child:
    message = f"all workflows that are triggered are together longer than the {most} bytes (about) that the policy allows"
    return Child(
        None,
        (Problem("policy-limit", "", message, "trigger fewer (policy document_kib)"),),
        Weight(),
    )


def weigh_up(stages: list[Found], catalog: Catalog, added: Weight) -> Weight:
    """Return the weight of a document that was admitted, with what it triggers."""
    uses = Counter[str](added.uses)
    for found in stages:
        block = catalog.find(found.data["uses"]) if "uses" in found.data else None
        if block is not None:
            uses[block.name] += 1
    depth = max((found.row.depth for found in stages), default=0)
    return Weight(len(stages) + added.stages, max(depth, added.depth), uses)


def _check_one(
    found: Found, name: str, policy: Policy, family: Family, report: Report
) -> Child | None:
    place = (*found.pointer, "trigger")
    if has_expression(name):
        report.add(
            "expression",
            place,
            "the workflow to trigger is a name, not an expression",
            "choose between workflows with case",
        )
        return None
    if name in family.ancestry:
        circle = " triggers ".join((*family.ancestry[family.ancestry.index(name) :], name))
        report.add(
            "circle",
            place,
            f"workflows trigger each other in a circle: {circle}",
            "take one of these stages out",
        )
        return None
    if len(family.ancestry) >= policy.depth:
        message = f"workflows trigger each other {policy.depth} deep, and the policy allows no more"
        report.add("policy-limit", place, message, "trigger them from one workflow")
        return None
    child = family.child(name)
    if child is None:
        _unknown(name, place, family, report)
        return None
    if child.plan is None:
        first = child.problems[0]
        more = f" (and {len(child.problems) - 1} more)" if len(child.problems) > 1 else ""
        where = f"{first.pointer or 'the document'}"
        report.add(
            first.rule,
            place,
            f"the workflow '{name}' is not admitted: {where}: {first.message}{more}",
            first.hint or f"validate '{name}' by itself",
        )
        return None
    _check_params(found, child.plan, report)
    return child


def _unknown(name: str, place: tuple[str | int, ...], family: Family, report: Report) -> None:
    names = family.names()
    near = nearest(name, names)
    known = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
    hint = f"did you mean '{near}'?" if near else f"workflows that there are: {known or 'none'}"
    report.add("unknown-workflow", place, f"there is no workflow '{name[:60]}'", hint)


def _check_params(found: Found, child: Plan, report: Report) -> None:
    given: Mapping[str, Any] = found.data["params"] if is_mapping(found.data.get("params")) else {}
    place = (*found.pointer, "params")
    for name in given:
        if name not in child.params:
            near = nearest(name, child.params)
            known = ", ".join(child.params) or "none"
            hint = f"did you mean '{near}'?" if near else f"its params: {known}"
            message = f"the workflow '{child.name}' takes no param '{name[:60]}'"
            report.add("param", (*place, name), message, hint, key=True)
    for name, declared in child.params.items():
        if name not in given and _must_be_given(declared):
            where = place if given else (*found.pointer, "trigger")
            message = f"the workflow '{child.name}' needs the param '{name}'"
            report.add("param", where, message, f"write params: {{{name}: ...}}")


def _must_be_given(declared: Any) -> bool:
    if not is_mapping(declared):
        return True
    return "default" not in declared and declared.get("required") is not False
