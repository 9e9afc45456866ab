"""From a stage to a server: the rule, the address, the password, and the time that it may take."""

from __future__ import annotations

import asyncio
import ssl
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from blockyard_platform.containers import fail
from blockyard_platform.host_blocks.mailing.delivery import Line, Server, delivered
from blockyard_platform.host_blocks.mailing.messages import enveloped
from blockyard_platform.host_blocks.outgoing.resolving import of_rule
from blockyard_platform.secrets.names import ADMIN
from blockyard_sandbox.egress.connecting import Lookups
from blockyard_sandbox.egress.hosts import HostRule
from blockyard_sandbox.threads import in_thread
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from blockyard_blocks import Context
    from blockyard_platform.host_blocks.mailing.messages import Draft
    from blockyard_schemas.policy import Policy
    from blockyard_schemas.policy_messages import MailServer

_THREAD = "blockyard-mail"


async def sent(name: str, draft: Draft, context: Context) -> dict[str, Any]:
    """Hand a message to a server of the policy, and return the result of email.send. Raises StageFailureError."""
    rule = _rule(name, context.policy)
    envelope = await in_thread(lambda: enveloped(draft, rule, context), _THREAD)
    line = Line()
    seconds = min(rule.send_seconds, context.policy.stage.wall_seconds)
    try:
        async with asyncio.timeout(seconds):
            addresses = await _addresses(rule)
            server = await in_thread(lambda: _server(rule, addresses, context), _THREAD)
            refused = await in_thread(lambda: delivered(server, envelope, line), _THREAD)
    except TimeoutError:
        message = (
            f"the mail server '{rule.name}' has not taken the message within {seconds:g} s;"
            " whether it will be sent is not known"
        )
        raise fail(Code.TIMEOUT, message) from None
    finally:
        line.cut()  # a thread cannot be ended, but what it talks to can be taken away
    accepted = [each for each in envelope.recipients if each not in refused]
    return {"message_id": envelope.message_id, "accepted": accepted, "refused": refused}


def _rule(name: str, policy: Policy) -> MailServer:
    for rule in policy.mail:
        if rule.name == name:
            return rule
    known = ", ".join(rule.name for rule in policy.mail[:8]) or "none"
    message = (
        f"the policy does not allow the mail server {name[:80]!a}; servers that it names: {known}"
    )
    raise fail(Code.FORBIDDEN_HOST, message)


async def _addresses(rule: MailServer) -> tuple[str, ...]:
    lookups = Lookups()
    try:
        host = _host(rule)
        what = f"mail server '{rule.name}'"
        found = await of_rule(host, rule.port, lookups, private=rule.private, rule=what)
    finally:
        lookups.close()
    if rule.security == "none" and not rule.plain and not all(map(_is_here, found)):
        message = (
            f"the mail server '{rule.name}' is not on this machine, and is not encrypted (plain)"
        )
        raise fail(Code.FORBIDDEN_HOST, message)
    return found


def _is_here(address: str) -> bool:
    return ip_address(address).is_loopback


def _host(rule: MailServer) -> str:
    try:
        return HostRule(rule.host, (rule.port,)).host
    except ValueError:
        message = f"the policy's mail server '{rule.name}' has a host that cannot be"
        raise fail(Code.UNHANDLED_EXCEPTION, message) from None


def _server(rule: MailServer, addresses: tuple[str, ...], context: Context) -> Server:
    login = None
    if rule.username is not None and rule.password_secret is not None:
        login = rule.username, context.secret(ADMIN + rule.password_secret)
    trust = None if rule.security == "none" else _trust(rule)
    return Server(rule.name, _host(rule), rule.port, addresses, rule.security, trust, login)


def _trust(rule: MailServer) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=rule.certificates)
    except (OSError, ssl.SSLError):
        message = f"the certificates of the policy's mail server '{rule.name}' cannot be read"
        raise fail(Code.UNHANDLED_EXCEPTION, message) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
