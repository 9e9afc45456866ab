"""Who asks, and what they may do: roles, actions, and scopes."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

from blockyard_platform.service.registry.errors import InvalidError

if TYPE_CHECKING:
    from collections.abc import Iterable


class Role(StrEnum):
    """What somebody is to a tenant, or to all of them. ``service`` is the platform's own parts; no token has it."""

    ADMIN = "admin"
    AUTHOR = "author"
    OPERATOR = "operator"
    VIEWER = "viewer"
    SERVICE = "service"


class Action(StrEnum):
    """What can be done: an area, and how. A scope is one of these, an area with ``:*``, or ``*``."""

    TENANTS_READ = "tenants:read"
    TENANTS_WRITE = "tenants:write"
    POLICIES_READ = "policies:read"
    POLICIES_WRITE = "policies:write"
    WORKFLOWS_READ = "workflows:read"
    WORKFLOWS_WRITE = "workflows:write"
    TOKENS_READ = "tokens:read"
    TOKENS_WRITE = "tokens:write"
    TOKENS_FIRST = "tokens:first"
    SWITCHES_READ = "switches:read"
    SWITCHES_WRITE = "switches:write"
    SECRETS_READ = "secrets:read"
    SECRETS_WRITE = "secrets:write"
    SECRETS_OPEN = "secrets:open"
    RUNS_READ = "runs:read"
    RUNS_SUBMIT = "runs:submit"
    RUNS_CONTROL = "runs:control"
    RUNS_PURGE = "runs:purge"
    SCHEDULES_READ = "schedules:read"
    SCHEDULES_WRITE = "schedules:write"
    SCHEDULES_ADVANCE = "schedules:advance"
    HOOKS_READ = "hooks:read"
    HOOKS_WRITE = "hooks:write"
    HOOKS_SEND = "hooks:send"
    KEYS_USE = "keys:use"
    USAGE_READ = "usage:read"
    USAGE_ADD = "usage:add"
    QUOTAS_WRITE = "quotas:write"
    AUDIT_READ = "audit:read"


ALL = "*"
"""The scope that stands for every action."""

_LOOKING = {
    Action.TENANTS_READ,
    Action.POLICIES_READ,
    Action.WORKFLOWS_READ,
    Action.SWITCHES_READ,
    Action.RUNS_READ,
    Action.SCHEDULES_READ,
    Action.HOOKS_READ,
    Action.USAGE_READ,
}
_RUNNING = {Action.RUNS_SUBMIT, Action.RUNS_CONTROL, Action.SCHEDULES_WRITE}
_WRITING = {Action.WORKFLOWS_WRITE, Action.SECRETS_READ, Action.HOOKS_WRITE}
HOUSE = {
    Action.TOKENS_FIRST,
    Action.SECRETS_OPEN,
    Action.RUNS_PURGE,
    Action.SCHEDULES_ADVANCE,
    Action.HOOKS_SEND,
    Action.KEYS_USE,
    Action.USAGE_ADD,
}
"""What the platform's own parts alone do."""

ALLOWED: MappingProxyType[Role, frozenset[Action]] = MappingProxyType(
    {
        Role.VIEWER: frozenset(_LOOKING),
        Role.OPERATOR: frozenset(_LOOKING | _RUNNING | {Action.SWITCHES_WRITE}),
        Role.AUTHOR: frozenset(_LOOKING | _RUNNING | _WRITING),
        Role.ADMIN: frozenset(set(Action) - HOUSE),
        Role.SERVICE: frozenset(_LOOKING | _RUNNING | HOUSE),
    }
)
"""Which role may do what. The service opens secrets, and an admin writes them: nobody does both."""

PLATFORM = frozenset(
    {Action.TENANTS_WRITE, Action.POLICIES_WRITE, Action.QUOTAS_WRITE, Action.TOKENS_FIRST}
)
"""What a tenant's own people must not do, whatever their role: it is what holds the tenant."""

_SCOPES = frozenset({ALL, *Action, *(f"{each.partition(':')[0]}:*" for each in Action)})


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: for one tenant, or for all (``tenant`` is None). Without scopes nothing is allowed. ``label`` is that of the token."""

    tenant: str | None
    role: Role
    scopes: frozenset[str]
    token_id: str | None = None
    label: str = field(default="", compare=False)

    @classmethod
    def service(cls, tenant: str | None = None) -> Caller:
        """Return the platform's own parts, as they work for one tenant or for all."""
        return cls(tenant, Role.SERVICE, frozenset({ALL}))

    @property
    def who(self) -> str:
        """What the audit log calls the caller: a token's id, or ``service``, or ``local`` for who needs no token."""
        return self.token_id or ("service" if self.role is Role.SERVICE else "local")

    @property
    def names(self) -> frozenset[str]:
        """What an approval may call the caller by: the role, the token's id, and its label, unless that is another role's name."""
        label = self.label if self.label not in set(Role) else ""
        return frozenset({self.role.value, self.who, label} - {""})

    def actions(self) -> frozenset[Action]:
        """Return all that the caller may do, to what is theirs."""
        return frozenset(each for each in ALLOWED[self.role] if self.may(each))

    def may(self, action: Action) -> bool:
        """Whether the caller may do this, to what is theirs."""
        if action not in ALLOWED[self.role] or not self._in_scope(action):
            return False
        return self.tenant is None or action not in PLATFORM

    def _in_scope(self, action: Action) -> bool:
        area = action.partition(":")[0]
        return not self.scopes.isdisjoint((ALL, action.value, f"{area}:*"))


def scopes_of(given: Iterable[str]) -> frozenset[str]:
    """Return scopes that are all known. Raises InvalidError."""
    found = frozenset(given)
    for each in sorted(found - _SCOPES):
        raise InvalidError(
            f"there is no scope {each[:60]!r}", f"known are: {', '.join(sorted(_SCOPES))}"
        )
    return found
