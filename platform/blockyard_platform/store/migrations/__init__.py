"""The steps from one form of the tables to the next, run by Alembic."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine


def upgrade(engine: Engine) -> None:
    """Bring a database to the newest form; two processes that do so at once wait for each other."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(1651270511)")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
