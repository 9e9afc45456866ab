"""The event log: events gather, and what a run has told last is written by whoever ends it."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from blockyard_platform.service.registry.database import Database
from blockyard_platform.service.runs.eventlog import EventLog, Voice, write
from blockyard_platform.service.runs.tables import EVENTS
from blockyard_platform.service.signals import Signals


def written(database: Database) -> list[tuple[str, str]]:
    with database.reading() as work:
        rows = work.connection.execute(
            sa.select(EVENTS.c.run, EVENTS.c.kind).order_by(EVENTS.c.seq)
        )
        return [(row.run, row.kind) for row in rows]


def test_what_a_run_told_is_written_by_who_takes_it_or_kept(tmp_path: Path) -> None:
    database = Database(tmp_path / "x.db")
    signals = Signals(database.engine)
    log = EventLog(database.engine, signals)
    mine, other = Voice("mine", 1, 10_000), Voice("other", 1, 10_000)
    log.tell(mine, "a", "", {})
    assert log.flush(120)
    assert written(database) == [("mine", "a")]
    log.tell(mine, "b", "", {})
    log.tell(other, "c", "", {})
    with pytest.raises(RuntimeError, match="undone"), log.taken("mine"):
        raise RuntimeError("undone")
    with log.taken("mine") as rows, database.writing() as work:
        write(work, rows)
    log.close()
    assert sorted(written(database)) == [("mine", "a"), ("mine", "b"), ("other", "c")]
    signals.close()
    database.close()
