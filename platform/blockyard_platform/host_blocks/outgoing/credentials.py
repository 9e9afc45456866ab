"""Headers that a policy adds to requests to its hosts: what they hold are the admin's secrets, and no tenant sees them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from blockyard_platform.containers import fail
from blockyard_platform.secrets.names import ADMIN
from blockyard_sandbox.egress.hosts import HostRule
from blockyard_sandbox.threads import in_thread
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from blockyard_blocks import Context
    from blockyard_platform.host_blocks.outgoing.asking import Ask
    from blockyard_platform.host_blocks.outgoing.places import Place
    from blockyard_schemas.policy_services import HttpHeader

_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")


async def with_headers(ask: Ask, context: Context) -> Ask:
    """Return a request with the headers that the policy has for its place, in the place of a tenant's; raise StageFailureError.

    Each place that redirects lead to gets its own, and none of another's.
    """
    rules = [rule for rule in context.policy.http.headers if _fits(rule, ask.place)]
    if not rules:
        return ask

    def values() -> dict[str, str]:
        return {rule.header.lower(): _value(rule, context) for rule in reversed(rules)}

    return replace(ask, headers={**ask.headers, **await in_thread(values, "blockyard-secrets")})


def _fits(rule: HttpHeader, place: Place) -> bool:
    if place.scheme != "https" and not rule.plain:
        return False
    return place.port in rule.ports and HostRule(rule.host, rule.ports).names(place.host)


def _value(rule: HttpHeader, context: Context) -> str:
    value = context.secret(ADMIN + rule.secret).strip()
    if not _VALUE.fullmatch(value) or len(value) > 8192:
        message = f"the admin's secret '{rule.secret}' cannot stand in a header"
        raise fail(Code.UNHANDLED_EXCEPTION, message)
    return rule.prefix + value
