"""DBOS's rows, for many workflows at once: what begins, and what has ended, in one transaction a group rather than one or two for each.

DBOS has no public way to do so. Two methods of its system database are stood for. The rows are the same, which a test compares; a group that
cannot be written, as when one of it was begun before, is left to DBOS, each alone.
"""

from __future__ import annotations

import json
import logging
from contextlib import contextmanager
from threading import Event, Lock, local
from typing import TYPE_CHECKING, Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy import exc

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from sqlalchemy.sql.dml import ReturningUpdate

_LOG = logging.getLogger(__name__)
_GATHER_SECONDS = 0.2
"""How long an end waits for others. Nobody waits for it: dispatch has noted it before."""
_CLOSE_SECONDS = 5.0
_COMMON = {
    "status": "status",
    "name": "name",
    "class_name": "class_name",
    "config_name": "config_name",
    "executor_id": "executor_id",
    "application_version": "app_version",
    "application_id": "app_id",
    "authenticated_user": "authenticated_user",
    "authenticated_roles": "authenticated_roles",
    "assumed_role": "assumed_role",
    "priority": "priority",
    "serialization": "serialization",
    "attributes": "attributes",
    "is_debounced": "is_debounced",
    "application_name": "application_name",
}
"""The columns of a workflow that is started directly, and where DBOS has what is in them."""

_VARYING = ("workflow_uuid", "inputs", "token")

_Start: TypeAlias = "tuple[Mapping[str, Any], str]"
_End: TypeAlias = tuple[str, str, str | None]


class Ledger:
    """Stands between DBOS and its tables. Safe in threads; close it before DBOS ends."""

    def __init__(self) -> None:
        """Leave everything to DBOS, before :meth:`open`."""
        self._batch = local()
        self._written: dict[str, Event] = {}
        self._lock, self._writing = Lock(), Lock()
        self._ended: list[_End] = []
        self._led = False
        self._closing = Event()

    def open(self, system: Any, owner_of: Callable[[str], str | None]) -> None:
        """Stand for two methods of DBOS's system database; ``owner_of`` names what owns a workflow in the thread that asks."""
        self._engine: sa.Engine = system.engine
        self._owner_of = owner_of
        self._inserts = _beginning(system.tables, self._engine.dialect.name)
        self._updates = _succeeding(system.tables, system._now_ms_sql())
        self._begin_alone, self._end_alone = system.init_workflow, system.update_workflow_outcome
        system.init_workflow, system.update_workflow_outcome = self._begin, self._end

    @contextmanager
    def together(self, refuse: Callable[[str, Exception], None]) -> Generator[None]:
        """Write at the end of this what this thread begins in it; ``refuse`` is told what cannot be, before anybody's :meth:`wait` is over."""
        written, started = Event(), list[_Start]()
        self._batch.now = (written, started)
        try:
            yield
        finally:
            self._batch.now = None
            try:
                self._begin_all(started, refuse)
            finally:
                written.set()

    def wait(self, workflow_id: str) -> None:
        """Wait until it is written that a workflow begins, or that it cannot be."""
        written = self._written.pop(workflow_id, None)
        if written is not None:
            written.wait()

    def close(self) -> None:
        """Write what has ended so far, if the database answers."""
        mine = self._writing.acquire(timeout=_CLOSE_SECONDS)
        # Only now: whoever gathers ends would take them, and would have DBOS try for as long as the database does not answer.
        self._closing.set()
        if mine:
            try:
                self._end_together(self._taken())
            except exc.SQLAlchemyError as error:
                _LOG.warning("DBOS is not told what has ended last: %s", error)
            finally:
                self._writing.release()

    def _begin(self, status: Any, *, creator_xid: str, reuse_policy: str | None = None) -> Any:
        """Note that a workflow begins; see DBOS's ``init_workflow``."""
        batch = getattr(self._batch, "now", None)
        if batch is None or reuse_policy != "reject":
            return self._begin_alone(status, creator_xid=creator_xid, reuse_policy=reuse_policy)
        written, started = batch
        self._written[status["workflow_uuid"]] = written
        started.append((status, creator_xid))
        return "PENDING", True

    def _begin_all(
        self, started: Sequence[_Start], refuse: Callable[[str, Exception], None]
    ) -> None:
        try:
            self._begin_together(started)
        except exc.SQLAlchemyError:
            for status, token in started:
                # DBOS knows what it means, and whether to try again; what was committed without an answer carries the token.
                try:
                    self._begin_alone(status, creator_xid=token, reuse_policy="reject")
                except Exception as error:  # noqa: BLE001  (one cannot keep the others)
                    refuse(status["workflow_uuid"], error)

    def _begin_together(self, started: Sequence[_Start]) -> None:
        if not started:
            return
        first, _ = started[0]
        common = {f"{column}_": first[name] for column, name in _COMMON.items()}
        rows = [
            {"workflow_uuid": it["workflow_uuid"], "inputs": it["inputs"], "token": token}
            for it, token in started
        ]
        with self._engine.begin() as connection:
            for statement in self._inserts:
                connection.execute(statement, common | {"rows": json.dumps(rows)})

    def _end(
        self,
        workflow_id: str,
        status: str,
        *,
        output: str | None = None,
        error: str | None = None,
        owner_xid: str | None = None,
    ) -> bool:
        """Note what a workflow came to; see DBOS's ``update_workflow_outcome``. The first thread to come writes it for all that follow it."""
        owner = owner_xid or self._owner_of(workflow_id)
        if status != "SUCCESS" or owner is None:
            done: bool = self._end_alone(
                workflow_id, status, output=output, error=error, owner_xid=owner
            )
            return done
        with self._lock:
            self._ended.append((workflow_id, owner, output))
            leads, self._led = not self._led, True
        if leads:
            self._closing.wait(_GATHER_SECONDS)
            self._end_all()
        return True

    def _end_all(self) -> None:
        """Write what has ended. That of a workflow that is not its owner's any more changes nothing."""
        with self._writing:
            ended = self._taken()
            try:
                self._end_together(ended)
            except exc.SQLAlchemyError:
                for workflow_id, owner, output in ended:
                    try:
                        self._end_alone(workflow_id, "SUCCESS", output=output, owner_xid=owner)
                    except Exception as error:  # noqa: BLE001  (one cannot keep the others)
                        _LOG.warning("DBOS does not note that %s has ended: %s", workflow_id, error)

    def _taken(self) -> list[_End]:
        with self._lock:
            ended, self._ended, self._led = self._ended, [], False
        return ended

    def _end_together(self, ended: Sequence[_End]) -> None:
        if not ended:
            return
        by_output: dict[str | None, list[tuple[str, str]]] = {}
        for it, owner, output in ended:
            by_output.setdefault(output, []).append((it, owner))
        update, insert = self._updates
        with self._engine.begin() as connection:
            for output, those in by_output.items():
                values = {"ids": [it for it, _ in those], "owners": [it for _, it in those]}
                if own := connection.execute(update, values).scalars().all():
                    connection.execute(insert, {"ids": own, "output_": output})


def _beginning(tables: Any, dialect: str) -> tuple[sa.Insert, sa.Insert]:
    """Return the statements for what begins, given what is the same for all, and ``rows`` as JSON."""
    status: sa.Table = tables.workflow_status
    row = _rows(dialect)
    values: dict[str, Any] = {it: sa.bindparam(f"{it}_", type_=status.c[it].type) for it in _COMMON}
    values |= {"workflow_uuid": row["workflow_uuid"], "recovery_attempts": sa.literal(1)}
    values |= {"creator_xid": row["token"], "owner_xid": row["token"]}
    inputs = [row["workflow_uuid"], row["inputs"]]
    return (
        sa.insert(status).from_select(list(values), sa.select(*values.values())),
        sa.insert(tables.workflow_input).from_select(
            ["workflow_uuid", "inputs"], sa.select(*inputs)
        ),
    )


def _rows(dialect: str) -> dict[str, sa.ColumnElement[str]]:
    """Return the columns of ``rows``."""
    rows = sa.bindparam("rows", type_=sa.Text)
    if dialect == "sqlite":
        each = sa.func.json_each(rows).table_valued("value")
        return {it: sa.func.json_extract(each.c.value, f"$.{it}") for it in _VARYING}
    found = sa.func.json_to_recordset(sa.cast(rows, sa.JSON))
    columns = [sa.column(it, sa.Text) for it in _VARYING]
    table = found.table_valued(*columns).render_derived(name="began", with_types=True)
    return {it: table.c[it] for it in _VARYING}


def _succeeding(tables: Any, at: sa.ColumnElement[int]) -> tuple[ReturningUpdate[str], sa.Insert]:
    """Return the statements by which workflows succeed that are still their owners' (a token is given to no two), and have an output."""
    status: sa.Table = tables.workflow_status
    ids: sa.BindParameter[Any] = sa.bindparam("ids", expanding=True)
    owners: sa.BindParameter[Any] = sa.bindparam("owners", expanding=True)
    update = (
        sa.update(status)
        .where(
            status.c.workflow_uuid.in_(ids),
            status.c.status == "PENDING",
            status.c.owner_xid.in_(owners),
        )
        .values(
            status="SUCCESS",
            deduplication_id=None,
            owner_xid=None,
            updated_at=at,
            completed_at=at,
        )
        .returning(status.c.workflow_uuid)
    )
    output = sa.bindparam("output_", type_=sa.Text)
    found = sa.select(status.c.workflow_uuid, output).where(status.c.workflow_uuid.in_(ids))
    insert = sa.insert(tables.workflow_output)
    return update, insert.from_select(["workflow_uuid", "output"], found)
