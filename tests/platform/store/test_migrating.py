"""Migrations when processes start: several at once, one that dies, one that fails, one that is older."""

import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import exc

from blockyard_platform.engine.journal import Marks
from blockyard_platform.store import migrations
from blockyard_platform.store.engines import open_engine, version_of
from blockyard_platform.store.errors import StoreError
from blockyard_platform.store.migrations import upgrade
from blockyard_platform.store.store import Store
from blockyard_platform.store.tables import HEAD, METADATA

from .test_store import record

PATIENCE = 180.0
OPENS = """
import sys
from blockyard_platform.store.store import Store
print("ready", flush=True)
sys.stdin.readline()
Store(sys.argv[1]).close()
print("opened", flush=True)
"""
DIES = """
import sys
from alembic import command
from blockyard_platform.store.store import Store
real = command.upgrade
def upgrade(config, revision):
    real(config, revision)
    print("ready", flush=True)
    sys.stdin.readline()
command.upgrade = upgrade
Store(sys.argv[1])
"""


def begin(program: str, place: str) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-c", program, place], stdin=pipe, stdout=pipe, stderr=pipe, text=True
    )


def ready(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n", process.communicate()[1]


def back(place: str, revision: str) -> None:
    """Bring a database back to what it was at an earlier version."""
    engine = open_engine(place)
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)
    engine.dispose()


def state(place: str) -> tuple[str | None, bool]:
    """Return the version of a database, and whether it has the tables of that, without migrating it."""
    url = place if "://" in place else f"sqlite:///{place}"
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        found = version_of(connection), sa.inspect(connection).has_table("tenants")
    engine.dispose()
    return found


def open_at_once(place: str, count: int = 4) -> None:
    processes = [begin(OPENS, place) for _ in range(count)]
    for each in processes:
        ready(each)
    for each in processes:
        assert each.stdin is not None
        each.stdin.write("\n")
        each.stdin.flush()
    for each in processes:
        told, wrong = each.communicate(timeout=PATIENCE)
        assert (told, wrong) == ("opened\n", "")


@pytest.mark.parametrize("before", [None, "0003"])
def test_processes_that_start_at_once_wait_for_each_other(place: str, before: str | None) -> None:
    if before is not None:
        back(place, before)
    open_at_once(place)
    assert state(place) == (HEAD, True)


def test_a_server_whose_transactions_see_the_past_is_migrated_once(postgres: str) -> None:
    name = "repeatable"
    admin = sa.create_engine(
        postgres.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT"
    )
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
        connection.exec_driver_sql(
            f"ALTER DATABASE {name} SET default_transaction_isolation TO 'repeatable read'"
        )
    place = postgres.replace("/postgres?", f"/{name}?")
    open_at_once(place)
    assert state(place) == (HEAD, True)
    with admin.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    admin.dispose()


def test_a_process_that_dies_while_it_migrates_leaves_it_to_the_next(place: str) -> None:
    back(place, "0003")
    dying = begin(DIES, place)
    ready(dying)
    assert state(place) == ("0003", False)
    others = [begin(OPENS, place) for _ in range(2)]
    for each in others:
        ready(each)
    for each in others:  # they wait for the lock from now on, and not for ever
        assert each.stdin is not None
        each.stdin.write("\n")
        each.stdin.flush()
    assert state(place) == ("0003", False)
    dying.send_signal(signal.SIGKILL)
    dying.communicate()
    for each in others:
        assert each.communicate(timeout=PATIENCE) == ("opened\n", "")
    assert state(place) == (HEAD, True)


def test_a_step_that_fails_leaves_nothing(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    back(place, "0003")
    real = command.upgrade

    def fails(config: Config, revision: str) -> None:
        real(config, revision)
        raise RuntimeError("no more")

    with monkeypatch.context() as patched:
        patched.setattr(command, "upgrade", fails)
        with pytest.raises(RuntimeError, match="no more"):
            Store(place)
    assert state(place) == ("0003", False)
    Store(place).close()
    assert state(place) == (HEAD, True)


def test_an_older_program_is_told_that_a_newer_one_was_faster(place: str) -> None:
    engine = open_engine(place)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    # It has seen the version before, and comes to the lock now.
    with pytest.raises(StoreError, match=r"newer version of this program \(9999"):
        upgrade(engine)
    engine.dispose()


def test_a_table_that_is_made_anew_keeps_what_hangs_on_it(tmp_path: Path) -> None:
    place = tmp_path / "runs.db"
    store = Store(place)
    journal = store.create("r", "w", {}, {})
    journal.finished(record("a"), Marks())
    journal.close()
    engine = open_engine(place)
    with migrations.begun(engine) as connection:
        steps = Operations(MigrationContext.configure(connection))
        with steps.batch_alter_table("runs", recreate="always") as batch:
            batch.add_column(sa.Column("more", sa.Text))
    assert store.paths("r") == ["a"]
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    store.close()
    with (
        pytest.raises(exc.IntegrityError, match="rows of records hang on none"),
        migrations.begun(engine) as connection,
    ):
        connection.execute(sa.text("DELETE FROM runs"))
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        assert connection.scalar(sa.text("SELECT count(*) FROM runs")) == 1
    engine.dispose()


def test_a_file_that_is_read_at_the_time_is_waited_for(tmp_path: Path) -> None:
    """SQLite refuses to change a file's mode while another reads it, and does not wait by itself."""
    place = tmp_path / "runs.db"
    reader = sqlite3.connect(place, check_same_thread=False)
    reader.execute("CREATE TABLE notes (text)")
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM notes").fetchall()
    refused = sqlite3.connect(place, timeout=0)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        refused.execute("PRAGMA journal_mode=WAL")
    refused.close()
    ending = threading.Timer(0.2, reader.close)
    ending.start()
    Store(place).close()
    ending.join()
    assert state(str(place)) == (HEAD, True)


def test_the_tables_are_those_that_the_program_knows_after_each_start(place: str) -> None:
    for _ in range(2):
        engine = open_engine(place)
        with engine.connect() as connection:
            names = set(sa.inspect(connection).get_table_names())
        assert names == METADATA.tables.keys() | {"alembic_version"}
        engine.dispose()
