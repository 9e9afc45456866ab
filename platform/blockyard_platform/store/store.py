"""Runs in a database: begun, taken up again, looked at."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import exc

from blockyard_platform.store.changes import forget, paths_of
from blockyard_platform.store.engines import open_engine
from blockyard_platform.store.errors import StoreError
from blockyard_platform.store.journal import SqlJournal
from blockyard_platform.store.rows import dumped, fingerprint, run_row
from blockyard_platform.store.tables import RUNS
from blockyard_platform.store.taking import damaged, documents_of, no_run, take_new, take_up
from blockyard_platform.store.together import Together
from blockyard_schemas.statuses import Status

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping, Sequence

    from sqlalchemy.engine import Connection, Engine

    from blockyard_platform.engine.journal import Past


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run as it stands: ``document`` as plain data, ``params`` with their defaults, ``result`` when it has ended."""

    id: str
    workflow: str
    document: dict[str, Any]
    params: dict[str, Any]
    fingerprint: str
    status: Status
    epoch: int
    created: float
    result: dict[str, Any] | None


class Store:
    """A database of runs, by a file's path or a URL. Close it at the end."""

    def __init__(self, place: str | os.PathLike[str] | Engine, *, together: bool = False) -> None:
        """Open the database, and make or migrate its tables; or use an engine that is open. Raises StoreError.

        With ``together`` the runs that are taken live in one event loop, and their journals write in groups.
        """
        from sqlalchemy.engine import Engine

        self._mine = not isinstance(place, Engine)
        self._engine = place if isinstance(place, Engine) else open_engine(place)
        # A statement that stands alone needs no words around it; SQLite's own begin costs nothing.
        self._alone = (
            self._engine
            if self._engine.dialect.name == "sqlite"
            else self._engine.execution_options(isolation_level="AUTOCOMMIT")
        )
        self._together = Together(self._engine) if together else None

    def create(
        self, run_id: str, workflow: str, document: dict[str, Any], params: dict[str, Any]
    ) -> SqlJournal:
        """Note a run that begins, and return its journal. Raises StoreError when the id is taken."""
        row = run_row(run_id, workflow, document, params) | {"epoch": 1}
        try:
            with _guarded(self._engine) as connection:
                connection.execute(sa.insert(RUNS), row)
        except exc.IntegrityError as error:
            raise StoreError(
                f"there is a run {run_id} already",
                "resume it, or give another --run-id",
                "run-id",
            ) from error
        return SqlJournal(self._engine, run_id, 1)

    def read(self, run_id: str) -> StoredRun:
        """Return a run. Raises StoreError when there is none."""
        with _guarded(self._engine) as connection:
            return _read(connection, run_id)

    def runs(self) -> list[tuple[str, str, Status, float]]:
        """Return id, workflow, status and time of creation of each run, the latest first."""
        wanted = sa.select(RUNS.c.id, RUNS.c.workflow, RUNS.c.status, RUNS.c.created)
        with _guarded(self._engine) as connection:
            found = connection.execute(wanted.order_by(RUNS.c.created.desc(), RUNS.c.id))
            return [(row.id, row.workflow, Status(row.status), row.created) for row in found]

    def take(
        self,
        run_id: str,
        params: dict[str, Any] | None = None,
        drop: Iterable[str] = (),
        *,
        ended: bool = True,
    ) -> tuple[SqlJournal, Past]:
        """Take a run up: from now on this process alone can write to it. Returns its journal and what it has done.

        ``params`` replace the stored ones. ``drop`` names the records, by node path, that are to be done again.
        Raises StoreError when there is no such run, and for one that has ended unless ``ended`` ones are wanted as well.
        """
        with _guarded(self._engine) as connection:
            epoch, past, seq = take_up(connection, run_id, params, frozenset(drop), ended=ended)
        return SqlJournal(self._engine, run_id, epoch, seq, self._together), past

    def begin(self, run_ids: Sequence[str]) -> set[str]:
        """Take those of some runs that nobody has ever had, as :meth:`take` does, with one commit; return which. Who has one writes by ``journal(id, 1)``."""
        with _guarded(self._alone) as connection:
            return take_new(connection, run_ids)

    def journal(self, run_id: str, epoch: int) -> SqlJournal:
        """Return the journal of a run that was taken with this epoch, and of which nothing is written yet."""
        return SqlJournal(self._engine, run_id, epoch, 0, self._together)

    def documents(self, run_id: str) -> Mapping[str, Any]:
        """Return the documents of workflows that a run keeps, by name. Raises StoreError."""
        with _guarded(self._engine) as connection:
            return documents_of(connection, run_id)

    def paths(self, run_id: str) -> list[str]:
        """Return the node paths of a run's records, in the order in which they ended."""
        with _guarded(self._engine) as connection:
            return paths_of(connection, run_id)

    def has(self, run_id: str) -> bool:
        """Whether there is such a run."""
        with _guarded(self._engine) as connection:
            wanted = sa.select(RUNS.c.id).where(RUNS.c.id == run_id)
            return connection.execute(wanted).first() is not None

    def reset(
        self, run_id: str, params: dict[str, Any], document: dict[str, Any] | None = None
    ) -> None:
        """Forget all that a run has done, and give it other params, or another document; who worked on it cannot write any more."""
        changed: dict[str, Any] = {"params": dumped(params), "fingerprint": fingerprint(params)}
        changed |= {"epoch": RUNS.c.epoch + 1, "again": 0, "status": Status.WAIT.value}
        if document is not None:
            changed["document"] = dumped(document)
        with _guarded(self._engine) as connection:
            forget(connection, run_id)
            _update(connection, run_id, changed)

    def files(self) -> tuple[str, ...]:
        """Return the files of this machine that the database is in: none when a server has it."""
        url = self._engine.url
        return (url.database,) if url.get_backend_name() == "sqlite" and url.database else ()

    def close(self) -> None:
        """Close all connections, but for those of an engine that was given."""
        if self._together is not None:
            self._together.close()
        if self._mine:
            self._engine.dispose()


@contextmanager
def _guarded(engine: Engine) -> Generator[Connection]:
    """Yield a connection in a transaction of its own; what the database says is a StoreError, but for a key that is taken."""
    try:
        with engine.begin() as connection:
            yield connection
    except exc.IntegrityError:
        raise
    except exc.SQLAlchemyError as error:
        words = str(getattr(error, "orig", None) or error).strip().splitlines()
        hint = "see that it can be read and written, and that there is room on its disk"
        raise StoreError(f"the journal cannot be used: {words[0]}", hint) from error


def _read(connection: Connection, run_id: str) -> StoredRun:
    row: Any = connection.execute(sa.select(RUNS).where(RUNS.c.id == run_id)).first()
    if row is None:
        raise no_run(run_id)
    try:
        return StoredRun(
            id=row.id,
            workflow=row.workflow,
            document=json.loads(row.document),
            params=json.loads(row.params),
            fingerprint=row.fingerprint,
            status=Status(row.status),
            epoch=row.epoch,
            created=row.created,
            result=None if row.result is None else json.loads(row.result),
        )
    except ValueError as error:
        raise damaged(run_id, error) from error


def _update(connection: Connection, run_id: str, changed: dict[str, Any]) -> None:
    connection.execute(sa.update(RUNS).where(RUNS.c.id == run_id).values(**changed))
