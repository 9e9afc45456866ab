"""The steps from one form of the tables to the next, run by Alembic."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from sqlalchemy import exc

from blockyard_platform.store.engines import check_version, version_of

if TYPE_CHECKING:
    from collections.abc import Generator

    from sqlalchemy.engine import Connection, Engine

LOCK = 1651270511
"""PostgreSQL's advisory lock that whoever migrates holds."""


def upgrade(engine: Engine) -> None:
    """Bring a database to the newest form, all of it or nothing; two processes that do so at once wait for each other.

    Raises StoreError when a newer version of the program was faster.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    with begun(engine) as connection:
        check_version(version_of(connection))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@contextmanager
def begun(engine: Engine) -> Generator[Connection]:
    """Yield a connection in the one transaction that changes tables; it is committed when this ends without an error."""
    with (_sqlite if engine.dialect.name == "sqlite" else _postgresql)(engine) as connection:
        yield connection


@contextmanager
def _postgresql(engine: Engine) -> Generator[Connection]:
    # Whatever the server's default is: who has waited for the lock must see what its holder has done.
    patient = engine.execution_options(isolation_level="READ COMMITTED")
    with patient.begin() as connection:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
        yield connection


@contextmanager
def _sqlite(engine: Engine) -> Generator[Connection]:
    """Begin as the writer, with foreign keys off: a step that makes a table anew drops the old one, and with it all that hangs on its rows."""
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection
            wrong = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
            if wrong is not None:
                raise exc.IntegrityError(
                    "PRAGMA foreign_key_check", None, ValueError(f"rows of {wrong[0]} hang on none")
                )
            connection.commit()
        except BaseException:
            connection.rollback()
            raise
        finally:
            connection.exec_driver_sql("PRAGMA foreign_keys=ON")
            connection.rollback()
