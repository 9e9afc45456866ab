"""Lists as one parameter of a statement, which then is the same statement whatever their length: made, prepared and planned once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy.engine import Connection


def among(dialect: str, column: sa.Column[Any], name: str) -> sa.ColumnElement[bool]:
    """Return whether a column has one of the texts that the parameter ``name`` holds, as :func:`texts` makes it."""
    if dialect == "sqlite":
        each = sa.func.json_each(sa.bindparam(name, type_=sa.Text)).table_valued("value")
        return column.in_(sa.select(each.c.value))
    return column == sa.any_(sa.bindparam(name, type_=postgresql.ARRAY(sa.Text)))


def texts(dialect: str, values: Iterable[str]) -> Any:
    """Return texts as a parameter for :func:`among`."""
    return json.dumps(list(values)) if dialect == "sqlite" else list(values)


def inserting(dialect: str, table: sa.Table) -> Any:
    """Return an INSERT that can say what becomes of a row that is there (``on_conflict_do_...``)."""
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)


def insert_into(dialect: str, table: sa.Table) -> Any:
    """Return an INSERT for :func:`insert_rows`, which can say what becomes of rows that are there.

    In PostgreSQL all rows are one parameter: the driver spends a message on each of many. SQLite is given them one by one at no such cost.
    """
    if dialect == "sqlite":
        return inserting(dialect, table)
    columns = [sa.column(it.name, it.type) for it in table.c]
    rows = sa.func.json_to_recordset(sa.cast(sa.bindparam("rows", type_=sa.Text), sa.JSON))
    given = rows.table_valued(*columns).render_derived(name="given", with_types=True)
    names = list(table.c.keys())
    return postgresql.insert(table).from_select(names, sa.select(*(given.c[it] for it in names)))


def insert_rows(
    connection: Connection, statement: sa.Executable, rows: Sequence[Mapping[str, Any]]
) -> int:
    """Insert rows that name all columns each, by a statement of :func:`insert_into`; return how many were written."""
    whole: Any = list(rows)
    given = whole if connection.dialect.name == "sqlite" else {"rows": json.dumps(whole)}
    done: Any = connection.execute(statement, given, execution_options={"preserve_rowcount": True})
    return int(done.rowcount)
