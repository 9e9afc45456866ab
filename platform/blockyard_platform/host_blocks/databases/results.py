"""What is sent, and what comes back: rows as plain data, within the bounds of the connection's rule."""

from __future__ import annotations

import base64
import json
import math
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from blockyard_platform.containers import fail
from blockyard_platform.plain import is_list, is_mapping
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from blockyard_schemas.policy_services import Connection


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, its values by name, the rule of its connection, and how many bytes its rows may be as JSON."""

    text: str
    params: dict[str, Any]
    rule: Connection
    most: int


@dataclass(frozen=True, slots=True)
class Found:
    """What a statement gives."""

    columns: list[str]
    rows: list[dict[str, Any]]
    changed: int

    def as_data(self) -> dict[str, Any]:
        """Return the result of sql.query."""
        return {"columns": self.columns, "rows": self.rows, "changed": self.changed}


def gathered(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], statement: Statement
) -> list[dict[str, Any]]:
    """Return rows by column; take no more of them than the rule allows, and raise StageFailureError when there are more."""
    twice = next((name for name in columns if list(columns).count(name) > 1), None)
    if twice is not None:
        message = f"two columns are called {twice[:60]!a}; give one another name with AS"
        raise fail(Code.INVALID_ARGUMENT, message)
    found: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        if len(found) == statement.rule.max_rows:
            message = (
                f"the result has more than {len(found)} rows (max_rows); ask for fewer with LIMIT"
            )
            raise fail(Code.RESULT_LIMIT, message)
        data = {name: plain(value) for name, value in zip(columns, row, strict=True)}
        size += len(json.dumps(data, ensure_ascii=False).encode("utf-8", "replace"))
        if size > statement.most:
            message = (
                f"the result is larger than {statement.most} bytes (the policy's stage.result_kib)"
            )
            raise fail(Code.RESULT_LIMIT, message)
        found.append(data)
    return found


def plain(value: Any) -> Any:
    """Return a value of a database as plain data: exact numbers and dates as text, bytes as Base64."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f") if abs(value.adjusted()) < 100 else str(value)
    if is_list(value):
        return [plain(each) for each in value]
    if is_mapping(value):
        return {str(name): plain(each) for name, each in value.items()}
    return str(value)


def too_slow(statement: Statement) -> Exception:
    """Return the failure of a statement that has taken too long."""
    message = (
        f"the statement took more than {statement.rule.statement_seconds:g} s (statement_seconds)"
    )
    return fail(Code.TIMEOUT, message)


def refused(words: str) -> Exception:
    """Return the failure of a statement that its database does not take, in the database's words."""
    first = (words.strip() or "it says nothing").splitlines()[0][:300]
    return fail(Code.INVALID_ARGUMENT, f"the database refuses the statement: {first}")


def unreachable(statement: Statement) -> Exception:
    """Return the failure of a database that cannot be used; why is not a tenant's to know."""
    message = f"the database of the connection '{statement.rule.name}' cannot be connected to"
    return fail(Code.UNHANDLED_EXCEPTION, message)
