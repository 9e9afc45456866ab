"""Which database is asked, and what a result may be. The URL of a connection is in no message: it holds a password."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from blockyard_platform.containers import fail
from blockyard_platform.host_blocks.databases.results import Statement
from blockyard_platform.plain import is_list
from blockyard_platform.secrets.names import ADMIN
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    import sqlalchemy as sa

    from blockyard_blocks import Context
    from blockyard_schemas.policy import Policy
    from blockyard_schemas.policy_services import Connection

_LONGEST: Final = 64 * 1024
"""Characters of a statement."""


def answer_of(name: str, text: str, params: dict[str, Any], context: Context) -> dict[str, Any]:
    """Send a statement to a connection of the policy, and return the result of sql.query. Raises StageFailureError."""
    policy = context.policy
    rule = _rule(name, policy)
    if len(text) > _LONGEST or "\0" in text:
        message = f"a statement has at most {_LONGEST} characters, and no NUL among them"
        raise fail(Code.INVALID_ARGUMENT, message)
    for key, value in params.items():
        _check(key, value)
    url = _url(rule, context)
    statement = Statement(text, params, rule, policy.stage.result_kib * 1024)
    if url.get_backend_name() == "sqlite":
        from blockyard_platform.host_blocks.databases.sqlite import answer
    elif url.get_backend_name() == "postgresql":
        from blockyard_platform.host_blocks.databases.postgresql import answer
    else:
        message = f"the connection '{rule.name}' is neither to PostgreSQL nor to SQLite"
        raise fail(Code.UNHANDLED_EXCEPTION, message)
    return answer(url, statement).as_data()


def _rule(name: str, policy: Policy) -> Connection:
    for rule in policy.connections:
        if rule.name == name:
            return rule
    known = ", ".join(rule.name for rule in policy.connections[:8]) or "none"
    raise fail(
        Code.FORBIDDEN_HOST,
        f"the policy does not allow the connection {name[:80]!a}; connections that it names: {known}",
    )


def _check(name: str, value: Any) -> None:
    for each in value if is_list(value) else [value]:
        if each is not None and not isinstance(each, str | int | float):
            message = (
                f"the value of {name[:60]!a} is no text, number, true, false, null or list of these"
            )
            raise fail(Code.INVALID_TYPE, message)


def _url(rule: Connection, context: Context) -> sa.URL:
    """Read the URL of a connection: a secret of the admin's, or from the platform's environment or a file."""
    from sqlalchemy import exc, make_url

    text = _text(rule, context)
    if text is None:
        message = f"the platform has no URL for the connection '{rule.name}'"
        raise fail(Code.UNHANDLED_EXCEPTION, message)
    try:
        return make_url(text.strip())
    except (exc.ArgumentError, ValueError):
        message = f"the URL of the connection '{rule.name}' cannot be read"
        raise fail(Code.UNHANDLED_EXCEPTION, message) from None


def _text(rule: Connection, context: Context) -> str | None:
    if rule.url_secret is not None:
        return context.secret(ADMIN + rule.url_secret)
    if rule.url_env is not None:
        return os.environ.get(rule.url_env)
    try:
        return Path(rule.url_file or "").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
