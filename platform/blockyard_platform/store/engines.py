"""Database engines: SQLite in WAL mode or PostgreSQL, migrated to what this version needs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import event, exc

from blockyard_platform.store.errors import StoreError
from blockyard_platform.store.tables import HEAD

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine

_BUSY_SECONDS = 10


def open_engine(place: str | os.PathLike[str]) -> Engine:
    """Return an engine for a file, or for a URL (``sqlite:///...``, ``postgresql://...``). Raises StoreError."""
    url = _url(place)
    try:
        engine = sa.create_engine(url, **_options(url))
        if url.get_backend_name() == "sqlite":
            event.listen(engine, "connect", _configure_sqlite)
        _migrate(engine)
    except (exc.SQLAlchemyError, OSError, ImportError) as error:
        words = str(getattr(error, "orig", None) or error).strip().splitlines()
        shown = url.render_as_string(hide_password=True)
        raise StoreError(
            f"cannot use the journal {shown}: {words[0] if words else type(error).__name__}",
            "give the path of a file in a folder that can be written, or a database's URL",
        ) from error
    return engine


def _url(place: str | os.PathLike[str]) -> sa.URL:
    text = os.fspath(place)
    if "://" not in text:
        return sa.URL.create("sqlite", database=str(Path(text).absolute()))
    try:
        url = sa.make_url(text)
    except exc.ArgumentError as error:
        raise StoreError(
            "the journal's URL cannot be read", "write postgresql://USER@HOST/DATABASE"
        ) from error
    name = url.get_backend_name()
    if name not in ("sqlite", "postgresql"):
        raise StoreError(f"there is no journal in {name}", "use SQLite or PostgreSQL")
    return url.set(drivername="postgresql+psycopg") if name == "postgresql" else url


def _options(url: sa.URL) -> dict[str, Any]:
    if url.get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": _BUSY_SECONDS}}
    return {"pool_pre_ping": True}


def _configure_sqlite(connection: Any, _: Any) -> None:
    for pragma in (
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "foreign_keys=ON",
        "wal_autocheckpoint=4000",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _migrate(engine: Engine) -> None:
    """Bring the tables to what this version needs; Alembic is loaded only when there is something to do."""
    with engine.connect() as connection:
        version = _version(connection)
    if version == HEAD:
        return
    if version is not None and version > HEAD:
        raise StoreError(
            f"the journal was written by a newer version of this program ({version}, and this one knows {HEAD})",
            "update the program, or give another journal",
        )
    from blockyard_platform.store.migrations import upgrade

    upgrade(engine)


def _version(connection: Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    return found
