"""Admission: a pure function of document, policy and catalog. Nothing in a document is evaluated, and nothing is run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from blockyard_platform.admission.approvals import check_approvals, check_patterns
from blockyard_platform.admission.before import Before
from blockyard_platform.admission.checks import (
    check_blocks,
    check_code,
    check_counts,
    check_ids,
    check_kinds,
    check_loops,
    check_values,
)
from blockyard_platform.admission.children import (
    Child,
    Family,
    Weight,
    check_triggers,
    weigh_up,
)
from blockyard_platform.admission.containers import check_containers
from blockyard_platform.admission.features import check_extras, check_features
from blockyard_platform.admission.filters import check_filters
from blockyard_platform.admission.jobs import before_each, check_jobs
from blockyard_platform.admission.planning import build_plan
from blockyard_platform.admission.references import check_outputs, check_stage
from blockyard_platform.admission.reporting import ENOUGH, EnoughError, GuestText, Report
from blockyard_platform.admission.scripts import check_scripts
from blockyard_platform.admission.secret_places import check_secrets
from blockyard_platform.admission.triggers import check_starts
from blockyard_platform.admission.walk import Found, Row, job_rows, walk
from blockyard_platform.plain import is_mapping
from blockyard_platform.workflows import Given
from blockyard_schemas.params import check_params

if TYPE_CHECKING:
    from blockyard_blocks.catalog import Catalog
    from blockyard_platform.plan import Plan
    from blockyard_platform.secrets.providers import Secrets
    from blockyard_platform.workflows import Workflows
    from blockyard_schemas.policy import Policy
    from blockyard_schemas.problems import Problem
    from blockyard_schemas.reader import Source


@dataclass(frozen=True, slots=True)
class Admission:
    """The outcome: a plan, or every problem that was found, in the order of the text."""

    plan: Plan | None
    problems: tuple[Problem, ...] = ()
    guest_texts: tuple[GuestText, ...] = ()
    """Python that is not looked into here: see ``proofread``."""

    @property
    def valid(self) -> bool:
        """Whether the document is admitted."""
        return self.plan is not None


def admit(
    source: Source,
    policy: Policy,
    catalog: Catalog,
    workflows: Workflows | None = None,
    secrets: Secrets | None = None,
) -> Admission:
    """Check a document against schema, policy and catalog, all at once; return its plan when nothing is wrong.

    The documents that it triggers come from ``workflows``; they are checked with it, and counted into its limits.
    Of ``secrets`` only the names are asked, and only for a document that refers to one.
    """

    def admit_child(child: Source, inner: Family) -> Child:
        outcome, weight = _admit(child, policy, catalog, inner, secrets)
        return Child(outcome.plan, outcome.problems, weight, child.data)

    family = Family(workflows or Given({}), policy.document_kib * 1024, admit_child)
    return _admit(source, policy, catalog, family, secrets)[0]


def _admit(
    source: Source, policy: Policy, catalog: Catalog, family: Family, secrets: Secrets | None
) -> tuple[Admission, Weight]:
    report = Report(source, ENOUGH)
    try:
        return _admitted(source, policy, catalog, family, secrets, report)
    except EnoughError:
        return Admission(None, report.sorted()), Weight()


def _admitted(
    source: Source,
    policy: Policy,
    catalog: Catalog,
    family: Family,
    secrets: Secrets | None,
    report: Report,
) -> tuple[Admission, Weight]:
    stages = [found for _, row in job_rows(source.data) for found in walk(row)]
    document: Any = source.data if is_mapping(source.data) else {}
    fits = _check_schema(source, stages, policy, catalog, report)
    if not check_patterns(document, stages, family.taken, report):
        return Admission(None, report.sorted()), Weight()
    added = check_triggers(stages, policy, family, report)
    limits = _check(source, stages, policy, catalog, report, added)
    check_secrets(document, stages, policy, catalog, secrets, report)
    starts = check_starts(document, report)
    if not fits and not report.problems:
        # The schema's verdict holds, also where nobody here could say why.
        report.add("schema", (), "the document does not fit the schema of this policy")
    texts = tuple(report.guest_texts)
    if report.problems:
        return Admission(None, report.sorted(), texts), Weight()
    children = family.plans()
    for child in children.values():
        limits |= child.block_limits
    plan = build_plan(source.data, limits, children, family.documents(), starts)
    return Admission(plan, guest_texts=texts), weigh_up(stages, catalog, added)


def _check_schema(
    source: Source, stages: list[Found], policy: Policy, catalog: Catalog, report: Report
) -> bool:
    from blockyard_schemas.compiler import compile_schema
    from blockyard_schemas.validation import is_valid, validate

    used = sorted({it.data["uses"] for it in stages if isinstance(it.data.get("uses"), str)})
    schema = compile_schema(policy, catalog.interfaces(), only=used)
    if is_valid(source.data, schema):
        return True
    report.problems += validate(source, schema)
    return False


def _check(
    source: Source,
    stages: list[Found],
    policy: Policy,
    catalog: Catalog,
    report: Report,
    added: Weight,
) -> dict[str, int | None]:
    document: Any = source.data if is_mapping(source.data) else {}
    params = document.get("params")
    check_features(document, report)
    check_extras(stages, report)
    check_approvals(stages, report)
    if not any(problem.pointer.startswith("/params") for problem in report.problems):
        report.problems += check_params(source)
    check_kinds(stages, policy, report)
    check_ids(stages, report)
    check_counts(stages, policy, report, added.stages)
    check_loops(stages, policy, report)
    check_code(stages, policy, report)
    check_values(document, stages, report)
    check_containers(stages, policy, report)
    check_scripts(stages, policy, report)
    check_jobs(document, report)
    _check_references(document, params, report)
    check_filters(document, policy, catalog, report)
    return check_blocks(stages, policy, catalog, report, added.uses)


def _check_references(document: dict[str, Any], params: Any, report: Report) -> None:
    rows = job_rows(document)
    before = before_each(document)
    for name, row in rows:
        for found in walk(row):
            check_stage(found, params, before.get(name, Before("", {})), report)
    if rows and "outputs" in document:
        row = rows[0][1] if len(rows) == 1 else Row(("outputs",), [], 1)
        needs = {name: () for name, _ in rows}
        check_outputs(document["outputs"], row, params, Before("", needs), report)
