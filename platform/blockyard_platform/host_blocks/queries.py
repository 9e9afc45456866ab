"""sql.query: one statement to a database that the policy names."""

from __future__ import annotations

from typing import Any

from blockyard_blocks import Context, Example, block

_EXAMPLE = Example(
    {
        "connection": "sales",
        "statement": "select month, total from sums where total > :least",
        "params": {"least": 100},
    },
    {
        "columns": ["month", "total"],
        "rows": [{"month": "2026-01", "total": "120.50"}],
        "changed": 0,
    },
    varies=True,
)


@block(name="query", tags={"sql"}, runs="host", examples=[_EXAMPLE])
def query(
    context: Context, *, connection: str, statement: str, params: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Send one statement to a database, and return its columns, its rows by column, and how many rows it has changed.

    Decimals, dates, times and the like come as text, bytes as Base64. A result beyond the policy's bounds fails with
    RESULT_LIMIT, a statement that takes too long with TIMEOUT.

    - connection: the name of one of the policy's connections
    - statement: one statement of SQL; a select, values, with, insert, update or delete, with :name for each value
    - params: the values by name; they are sent beside the statement and never become part of it
    """
    from blockyard_platform.host_blocks.databases.asking import answer_of

    return answer_of(connection, statement, params or {}, context)
