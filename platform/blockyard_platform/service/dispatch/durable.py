"""DBOS Transact, and all that is known of it here: one synchronous workflow for each time a run is given to a worker.

The workflow has no steps, takes two plain values and returns one, written as JSON; its version is pinned. Its id is the run's with the
number of the claim, so that what a dead worker began and what its heir begins are two workflows, and the first one's end is refused.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import event

from blockyard_platform.service.dispatch.ledger import Ledger
from blockyard_platform.service.dispatch.port import DispatchError
from blockyard_platform.service.dispatch.tables import IDLE_SECONDS
from blockyard_platform.store.engines import limit_idle, prove_idle

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy.engine import Engine

    from blockyard_platform.service.dispatch.runs import Claim

NAME = "blockyard"
VERSION = "1"
"""Workflows of another version would not be taken up; there is nothing in ours that a new version could break."""

_BUSY_MILLISECONDS = 30_000
_AT_ONCE = 500
_OVER = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")


class Durable:
    """DBOS in this process. There can be one at a time: DBOS keeps itself in a global."""

    def __init__(
        self,
        tables: Engine,
        executor_id: str,
        slots: int,
        perform: Callable[[str, int], str],
        withdraw: Callable[[Claim, Exception], None],
    ) -> None:
        """Launch DBOS beside the tables: in the same PostgreSQL database, or in a second file. Raises DispatchError.

        ``perform`` executes a run, in one of DBOS's threads; ``withdraw`` is told what cannot begin, and why.
        """
        import dbos
        from dbos import _context as context  # pyright: ignore[reportPrivateUsage]
        from dbos import _serialization as serialization  # pyright: ignore[reportPrivateUsage]
        from dbos._dbos import _dbos_global_instance  # pyright: ignore[reportPrivateUsage]

        if _dbos_global_instance is not None:
            raise DispatchError("there is a worker in this process already")
        # A row can say that it is a pickle, and DBOS would then run what is in it, whatever serializer is configured.
        serialization.DefaultSerializer.deserialize = _refuse_pickle  # type: ignore[assignment, method-assign]
        self._dbos = dbos.DBOS
        self._assign = dbos.SetWorkflowID
        self._withdraw = withdraw
        self._engine = _system_engine(tables, slots + 4)
        config: dbos.DBOSConfig = {
            "name": NAME,
            "application_version": VERSION,
            "executor_id": executor_id,
            "system_database_url": _url(self._engine),
            "system_database_engine": self._engine,
            "serializer": dbos.DBOSPortableJSONSerializer(),
            "use_listen_notify": False,
            # Nothing is listened for: this only bounds how long the thread takes to end.
            "notification_listener_polling_interval_sec": 0.1,
            # Slots, and what DBOS itself does in threads; a lost run's thread lives on for a while.
            "max_executor_threads": 2 * slots + 4,
            # Each of its threads would tell at each turn, with a whole trace, that the database is away; dispatch says it in a line.
            "log_level": "ERROR",
        }
        instance = self._dbos(config=config)
        self._ledger = ledger = Ledger()
        # Nothing is ever put into a queue of DBOS, so that none needs a poll.
        self._dbos.listen_queues([])

        def run(run_id: str, number: int) -> str:
            ledger.wait(_id_of(run_id, number))
            return perform(run_id, number)

        self._workflow = self._dbos.workflow(name=f"{NAME}.run")(run)
        try:
            self._dbos.launch()
            ledger.open(instance._sys_db, context.current_owner_xid)  # pyright: ignore[reportPrivateUsage]
        except Exception:
            self.close()
            raise

    def start(self, claims: Sequence[Claim]) -> None:
        """Begin runs in DBOS's threads; what cannot, or was begun before under this very number, is withdrawn."""
        ids = {_id_of(it.run_id, it.number): it for it in claims}
        with self._ledger.together(lambda it, error: self._withdraw(ids[it], error)):
            for workflow_id, it in ids.items():
                try:
                    with self._assign(workflow_id, workflow_id_reuse_policy="reject"):
                        self._dbos.start_workflow(self._workflow, it.run_id, it.number)
                except Exception as error:  # noqa: BLE001  (one cannot keep the others)
                    self._withdraw(it, error)

    def disown(self, executor_id: str) -> None:
        """Let what a dead worker had begun never end: if that worker lives after all, its outcome is refused."""
        held = self._dbos.list_workflows(
            executor_id=executor_id, status="PENDING", load_input=False, load_output=False
        )
        ids = [it.workflow_id for it in held]
        for start in range(0, len(ids), _AT_ONCE):
            self._dbos.cancel_workflows(ids[start : start + _AT_ONCE])

    def tidy(self, older_than_seconds: float, limit: int) -> int:
        """Delete workflows that ended so long ago, at most so many, and say how many: what became of a run stands in our tables."""
        before = datetime.now(UTC) - timedelta(seconds=older_than_seconds)
        ended = self._dbos.list_workflows(
            status=list(_OVER),
            completed_before=before.isoformat(),
            limit=limit,
            load_input=False,
            load_output=False,
        )
        if ended:
            self._dbos.delete_workflows([it.workflow_id for it in ended])
        return len(ended)

    def close(self) -> None:
        """Stop DBOS's threads, but those that still execute runs."""
        self._ledger.close()
        self._dbos.destroy(destroy_registry=True)
        self._engine.dispose()


def _refuse_pickle(_: object, __: str) -> Any:
    """Stand for DBOS's reading of pickles: nothing of ours is one."""
    raise DispatchError(
        "a row of DBOS holds a pickle, which is not read: somebody else has written it"
    )


def _id_of(run_id: str, number: int) -> str:
    return f"{run_id}.{number}"


def _system_engine(tables: Engine, most: int) -> Engine:
    """Return DBOS's own engine. On SQLite it has a file of its own: its writers would wait for those of the journal."""
    if tables.dialect.name != "sqlite":
        engine = sa.create_engine(tables.url, pool_size=most)
        prove_idle(engine)
        event.listen(engine, "connect", _configure_postgresql)
        return engine
    engine = sa.create_engine(
        tables.url.set(database=f"{tables.url.database}-dbos"), pool_size=most
    )
    event.listen(engine, "connect", _configure_sqlite)
    return engine


def _url(engine: Engine) -> str:
    """Return the URL in the form by which DBOS tells databases apart; connections come from the engine."""
    name = "sqlite" if engine.dialect.name == "sqlite" else "postgresql"
    return engine.url.set(drivername=name).render_as_string(hide_password=False)


def _configure_postgresql(connection: Any, _: Any) -> None:
    """Let a commit not wait for the disk: what was given to whom stands in our tables, and is there when DBOS's rows are lost."""
    connection.execute("SET synchronous_commit TO off")
    limit_idle(connection, IDLE_SECONDS)


def _configure_sqlite(connection: Any, _: Any) -> None:
    """Set what DBOS sets on its own engines, and the write-ahead log, which it does not use by itself."""
    connection.isolation_level = "IMMEDIATE"
    for pragma in (
        f"busy_timeout={_BUSY_MILLISECONDS}",
        "foreign_keys=ON",
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "wal_autocheckpoint=4000",
    ):
        connection.execute(f"PRAGMA {pragma}")
