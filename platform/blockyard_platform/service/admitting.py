"""Admission for a tenant: under its policy in force, with the workflows that it has stored, and what is stopped.

What never changes is kept: policies by tenant and version, and the plans of documents that trigger nothing by their text.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from blockyard_platform.service.judging import Checked, admit_under
from blockyard_platform.service.recent import Recent
from blockyard_platform.service.registry import policies, standing, switches, workflows
from blockyard_platform.service.registry.access import enter
from blockyard_platform.service.registry.callers import Action, Caller
from blockyard_platform.service.registry.errors import ConflictError
from blockyard_platform.service.registry.switches import Switch, SwitchKind
from blockyard_platform.service.stored import StoredWorkflows, kept_workflows
from blockyard_platform.service.uses import NO_USES, Uses
from blockyard_schemas.problems import Problem
from blockyard_schemas.reader import Source

if TYPE_CHECKING:
    from blockyard_blocks.catalog import Catalog
    from blockyard_platform.plan import Plan
    from blockyard_platform.secrets.providers import Secrets
    from blockyard_platform.service.registry.database import Database, Reading
    from blockyard_platform.service.registry.standing import Standing
    from blockyard_platform.service.registry.workflows import StoredWorkflow
    from blockyard_platform.service.vault import Vault
    from blockyard_platform.workflows import Workflows
    from blockyard_schemas.policy import Policy

_POLICIES = 256
_PLANS = 512
_SCHEMAS = 16
_KEPT_BYTES = 64 * 1024
"""The longest document whose plan is kept."""


@dataclass(frozen=True, slots=True)
class Rules:
    """A tenant's policy in a version."""

    tenant: str
    version: int
    policy: Policy


@dataclass(frozen=True, slots=True)
class SchemaText:
    """The closed JSON Schema of a tenant's documents, as JSON; ``digest`` tells whether it is another."""

    data: bytes
    digest: str


@dataclass(frozen=True, slots=True)
class Admitted:
    """What became of a document: ``plan``, or every one of ``problems``; with the rules that were in force, and what the plan uses.

    ``stopped`` are the switches that stand against it, of which the problems tell, too. ``document`` is what the text says, as JSON on one line.
    """

    rules: Rules
    plan: Plan | None
    problems: tuple[Problem, ...]
    uses: Uses = NO_USES
    stopped: tuple[Switch, ...] = ()
    document: str = ""

    @property
    def valid(self) -> bool:
        """Whether it can be run now."""
        return not self.problems


class Admitting:
    """Admission for all tenants of a database, with one catalog. Safe in threads, and it holds no transaction open."""

    def __init__(self, database: Database, catalog: Catalog, vault: Vault | None = None) -> None:
        """Look at nothing yet. Without a ``vault``, documents that refer to secrets are not admitted."""
        self.catalog = catalog
        self._vault = vault
        self._database = database
        self._rules: Recent[Rules] = Recent(_POLICIES)
        self._plans: Recent[Checked] = Recent(_PLANS)
        self._schemas: Recent[SchemaText] = Recent(_SCHEMAS)

    def rules(self, caller: Caller, tenant: str, action: Action = Action.POLICIES_READ) -> Rules:
        """Return the policy in force, for who may do ``action``. Raises as ``enter``, and ConflictError for a tenant without one."""
        with self._database.reading() as work:
            return self._in_force(work, _stand(work, caller, tenant, action))

    def schema(self, rules: Rules) -> SchemaText:
        """Return the JSON Schema of the documents that the rules and the catalog allow."""
        return self._schemas.get((rules.tenant, rules.version), lambda: self._compile(rules))

    def admit(
        self,
        caller: Caller,
        tenant: str,
        document: str | bytes,
        action: Action = Action.WORKFLOWS_READ,
        *,
        name: str | None = None,
        run_id: str | None = None,
        stops: bool = True,
    ) -> Admitted:
        """Say whether a document's text can be run, for who may do ``action``; ``name`` is that under which it is stored.

        With ``run_id`` it is that of a run, as JSON: how long it may be was judged when it was accepted, and it triggers what it did when it began.
        Raises as :meth:`rules`. Without ``stops`` kill switches are not looked at.
        """
        with self._database.reading() as work:
            stands = _stand(work, caller, tenant, action)
        return self.admit_standing(stands, document, name=name, run_id=run_id, stops=stops)

    def admit_standing(
        self,
        stands: Standing,
        document: str | bytes,
        *,
        name: str | None = None,
        run_id: str | None = None,
        stops: bool = True,
    ) -> Admitted:
        """Say as :meth:`admit` whether a document's text can be run by a tenant that stands so. Raises ConflictError for one without a policy."""
        rules = self._rules_of(stands)
        data = document.encode("utf-8", "surrogatepass") if isinstance(document, str) else document
        checked = self._admit(rules, data, run_id)
        admission, uses = checked.admission, checked.uses
        if admission.plan is None:
            return Admitted(rules, None, admission.problems)
        found = stands.switches.against(_named(uses, name)) if stops else ()
        problems = tuple(_problem(each) for each in found)
        plan = None if problems else admission.plan
        return Admitted(rules, plan, problems, uses, found, checked.document)

    def admit_stored(
        self,
        caller: Caller,
        tenant: str,
        name: str,
        version: int | None = None,
        action: Action = Action.RUNS_SUBMIT,
    ) -> tuple[StoredWorkflow, Admitted]:
        """Say whether a stored workflow, in a version or the newest, can be run. Raises as :meth:`rules`, and NotFoundError."""
        with self._database.reading() as work:
            enter(work, caller, action, tenant)
            found = workflows.read(work, Caller.service(tenant), tenant, name, version)
        return found, self.admit(caller, tenant, found.text, action, name=name)

    def stopped(self, tenant: str, uses: Uses, name: str | None = None) -> tuple[Switch, ...]:
        """Return the switches that stand against what a plan uses."""
        with self._database.reading() as work:
            return switches.stops(work, Caller.service(tenant), tenant, _named(uses, name))

    def why_stopped(self, tenant: str, kind: str, names: tuple[str, ...]) -> str | None:
        """Return why one of some images or packages is stopped for a tenant; None when none is."""
        found = self.stopped(tenant, Uses(frozenset((SwitchKind(kind), name) for name in names)))
        return None if not found else _problem(found[0]).message

    def workflows(self, tenant: str) -> Workflows:
        """Return the workflows that a tenant's documents can trigger."""
        return StoredWorkflows(self._database, Caller.service(tenant), tenant)

    def secrets(self, tenant: str) -> Secrets | None:
        """Return the secrets of a tenant, if there are any to be had."""
        return None if self._vault is None else self._vault.of(tenant)

    def _rules_of(self, stands: Standing) -> Rules:
        found = self._rules.peek((stands.tenant, stands.version))
        if found is not None:
            return found
        with self._database.reading() as work:
            return self._in_force(work, stands)

    def _in_force(self, work: Reading, stands: Standing) -> Rules:
        tenant, version = stands.tenant, stands.version
        if version is None:
            raise ConflictError(
                f"the tenant '{tenant}' has no policy yet, and so may run nothing",
                f"an admin of the platform gives it one: blockyard policy put FILE --tenant {tenant}",
            )

        def read() -> Rules:
            found = policies.read(work, Caller.service(tenant), tenant, version).policy
            # Its name is whose keys and files host blocks reach: two tenants' policies may be called alike.
            return Rules(tenant, version, found.model_copy(update={"name": tenant}))

        return self._rules.get((tenant, version), read)

    def _admit(self, rules: Rules, data: bytes, run_id: str | None) -> Checked:
        key = (rules.tenant, rules.version, hashlib.sha256(data).digest())
        found = self._plans.peek(key)
        if found is None:
            stored, secrets = self.workflows(rules.tenant), self.secrets(rules.tenant)
            document: bytes | Source = data
            if run_id is not None:
                document = Source(json.loads(data))
                stored = kept_workflows(self._database, run_id, stored)
            found = admit_under(rules.policy, self.catalog, document, stored, secrets)
            plan = found.admission.plan
            if plan is not None and not plan.children and len(data) <= _KEPT_BYTES:
                self._plans.keep(key, found)
                # Who executes the run has the document as JSON: it says the same.
                plain = hashlib.sha256(found.document.encode("ascii")).digest()
                self._plans.keep((rules.tenant, rules.version, plain), found)
        return found

    def _compile(self, rules: Rules) -> SchemaText:
        from blockyard_schemas.compiler import compile_schema

        schema = compile_schema(rules.policy, self.catalog.interfaces())
        data = json.dumps(schema, separators=(",", ":")).encode()
        return SchemaText(data, hashlib.sha256(data).hexdigest())


def _stand(work: Reading, caller: Caller, tenant: str, action: Action) -> Standing:
    return standing.read(work, caller, [tenant], action)[tenant]


def _named(uses: Uses, name: str | None) -> frozenset[tuple[SwitchKind, str]]:
    return uses.named if name is None else uses.named | {(SwitchKind.WORKFLOW, name)}


def _problem(switch: Switch) -> Problem:
    """Return what a document's owner is told of a switch."""
    what = "the tenant" if switch.kind is SwitchKind.TENANT else f"the {switch.kind.value}"
    by = "the platform's admins" if switch.owner is None else "the tenant's own people"
    return Problem(
        "stopped", "", f"{what} '{switch.name}' is stopped: {switch.reason}", f"ask {by}"
    )
