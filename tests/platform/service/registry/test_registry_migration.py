"""From a database of the journal alone to one with the registry, with all that is in it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext

from blockyard_platform.service.registry import tenants, trail
from blockyard_platform.service.registry.audit import BEGINNING
from blockyard_platform.service.registry.database import Database
from blockyard_platform.store import engines, migrations
from blockyard_platform.store.errors import StoreError
from blockyard_platform.store.store import Store
from blockyard_platform.store.tables import HEAD, METADATA, PINS, RUNS
from blockyard_schemas.statuses import Status

from .conftest import ADMIN, Clock

OF_THE_JOURNAL = {"runs", "records", "starts", "pins", "blobs", "alembic_version"}
RUN = {
    "id": "r",
    "workflow": "w",
    "document": '{"name":"w"}',
    "params": '{"a":1}',
    "fingerprint": "f" * 64,
    "status": "WAIT",
    "epoch": 1,
    "created": 1.5,
}


def bring(engine: sa.Engine, to: Callable[[Config, str], None], revision: str) -> None:
    """Bring a database to a revision, up or down."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        to(config, revision)


def names(engine: sa.Engine) -> set[str]:
    with engine.connect() as connection:
        return set(sa.inspect(connection).get_table_names())


def test_a_journal_of_before_is_kept(
    place: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(engines, "_migrate", lambda _: None)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
        engine = engines.open_engine(place)
    bring(engine, command.upgrade, "0003")
    assert names(engine) == OF_THE_JOURNAL
    with engine.begin() as connection:
        connection.execute(sa.insert(RUNS), RUN)
        connection.execute(sa.insert(PINS), {"run": "r", "name": "image:a", "value": "v"})
    engine.dispose()

    store = Store(place)
    found = store.read("r")
    assert (found.document, found.params, found.status) == ({"name": "w"}, {"a": 1}, Status.WAIT)
    journal, past = store.take("r")
    journal.close()
    store.close()
    assert past.pins == {"image:a": "v"}
    database = Database(place, clock)
    with database.writing() as work:
        assert trail.head(work, ADMIN) == BEGINNING
        tenants.create(work, ADMIN, "ant")
        version = work.connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
        assert version == HEAD
        assert compare_metadata(MigrationContext.configure(work.connection), METADATA) == []
    with database.reading() as work:
        assert trail.head(work, ADMIN).seq == 1
    database.close()


def test_the_step_can_be_taken_back(place: str) -> None:
    engine = engines.open_engine(place)
    made = names(engine)
    assert made == OF_THE_JOURNAL | METADATA.tables.keys()
    bring(engine, command.downgrade, "0003")
    assert names(engine) == OF_THE_JOURNAL
    bring(engine, command.upgrade, "head")
    assert names(engine) == made
    engine.dispose()


def test_tables_that_are_alike_on_both_databases_hold_what_is_checked(place: str) -> None:
    """A key that the checks let through fits its column: PostgreSQL counts, and SQLite does not."""
    engine = engines.open_engine(place)
    with engine.connect() as connection:
        columns: dict[str, Any] = {
            f"{table}.{it['name']}": it["type"]
            for table in ("workflows", "switches", "submissions", "tenants")
            for it in sa.inspect(connection).get_columns(table)
        }
    engine.dispose()
    lengths = {key: columns[key].length for key in ("workflows.name", "submissions.key")}
    assert lengths == {"workflows.name": 100, "submissions.key": 200}
    assert (columns["switches.name"].length, columns["tenants.name"].length) == (700, 63)


def test_a_database_that_fails_is_told(tmp_path: Path) -> None:
    database = Database(tmp_path / "x.db")
    with database.writing() as work:
        work.connection.execute(sa.text("DROP TABLE tenants"))
    with (
        pytest.raises(StoreError, match="the registry cannot be used: no such table: tenants"),
        database.reading() as work,
    ):
        tenants.page(work, ADMIN)
    database.close()


def test_a_writer_waits_for_another_and_readers_do_not(place: str, clock: Clock) -> None:
    database = Database(place, clock)
    with database.writing() as work:
        tenants.create(work, ADMIN, "ant")
        with database.reading() as other:
            assert tenants.page(other, ADMIN).items == ()
    with database.reading() as other:
        assert [it.name for it in tenants.page(other, ADMIN).items] == ["ant"]
    database.close()
