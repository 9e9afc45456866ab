"""Policies: their versions, which is in force, and what a proposed one would change."""

from __future__ import annotations

from typing import Literal

from blockyard_platform.client.binding import operation, series
from blockyard_platform.client.calls import Call, get, model, send, send_text
from blockyard_platform.client.effects import Stream
from blockyard_platform.client.flows import pages
from blockyard_platform.client.place import Placed
from blockyard_platform.service.api.models.base import Paged
from blockyard_platform.service.api.models.policies import (
    DiffOut,
    EvaluationOut,
    PinOut,
    PolicyOut,
    PolicyVersionOut,
)


class PolicyOperations(Placed):
    """What can be asked of policies."""

    @operation
    def put_policy(
        self, text: str, *, note: str | None = None, tenant: str | None = None
    ) -> Call[PolicyOut]:
        """Give a tenant a policy, in YAML or JSON: a new version."""
        url = self.place.of(tenant, "policies")
        return send_text("POST", url, model(PolicyOut), text, {"note": note})

    @series
    def list_policies(
        self, tenant: str | None = None, *, limit: int | None = None
    ) -> Stream[PolicyVersionOut]:
        """Yield the versions of a tenant's policy, the newest first."""
        url = self.place.of(tenant, "policies")
        return pages(get(url, model(Paged[PolicyVersionOut]), {"limit": limit}), self.place.retry)

    @operation
    def get_policy_in_force(self, tenant: str | None = None) -> Call[PolicyOut]:
        """Look at the policy that is in force."""
        return get(self.place.of(tenant, "policy"), model(PolicyOut))

    @operation
    def get_policy(self, version: int, *, tenant: str | None = None) -> Call[PolicyOut]:
        """Look at a version of a tenant's policy."""
        return get(self.place.of(tenant, "policies", version), model(PolicyOut))

    @operation
    def diff_policies(self, version: int, to: int, *, tenant: str | None = None) -> Call[DiffOut]:
        """Return what another version has otherwise."""
        url = self.place.of(tenant, "policies", version, "diff")
        return get(url, model(DiffOut), {"to": to})

    @operation
    def pin_policy(self, version: int | None, *, tenant: str | None = None) -> Call[PinOut]:
        """Keep a version in force, or (None) have the newest in force again."""
        url = self.place.of(tenant, "policy", "pin")
        return send("PUT", url, model(PinOut), {"version": version})

    @operation
    def evaluate_policy(
        self,
        text: str,
        *,
        over: Literal["newest", "versions", "runs"] = "newest",
        unchanged: bool = False,
        limit: int | None = None,
        cursor: str | None = None,
        tenant: str | None = None,
    ) -> Call[EvaluationOut]:
        """Return what a proposed policy would refuse and newly allow of some documents; ask again with ``next`` as ``cursor`` for more."""
        query = {"over": over, "unchanged": unchanged, "limit": limit, "cursor": cursor}
        url = self.place.of(tenant, "policies", "evaluate")
        return send_text("POST", url, model(EvaluationOut), text, query, safe=True)
