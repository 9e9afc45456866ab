"""DBOS's tables hold no pickle of ours, and a pickle that somebody else writes into them is not read."""

import base64
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from blockyard_platform.service.dispatch.port import State
from blockyard_platform.service.dispatch.tables import open_tables

from .conftest import Here, until


def values(engine: sa.Engine, schema: str | None) -> list[Any]:
    """Return every value of every table."""
    found: list[Any] = []
    with engine.connect() as connection:
        for name in sa.inspect(connection).get_table_names(schema=schema):
            table = sa.text(f"SELECT * FROM {'' if schema is None else f'{schema}.'}{name}")  # noqa: S608
            found += [it for row in connection.execute(table) for it in row]
    return found


def is_pickle(value: Any) -> bool:
    """Say whether a value is a pickle, as it is or in base64; protocols from 2 on begin so."""
    if not isinstance(value, str | bytes):
        return False
    data = value.encode() if isinstance(value, str) else value
    try:
        decoded = base64.b64decode(data, validate=True)
    except ValueError:
        decoded = b""
    return data[:1] == b"\x80" or decoded[:1] == b"\x80"


async def test_no_table_holds_a_pickle(here: Here, place: str) -> None:
    dispatcher = await here.begin(retries=0)
    for name in ("r", "bad", "held"):
        dispatcher.submit(name, "t")
    await here.reach("bad", State.FAILED)
    dispatcher.stop(drain=False)
    if "://" in place:
        engine = open_tables(place)
        found = values(engine, "dbos") + values(engine, None)
    else:
        assert Path(f"{place}-dbos").exists()
        engine = sa.create_engine(f"sqlite:///{place}-dbos")
        found = values(engine, None)
    engine.dispose()
    assert "portable_json" in found
    assert "py_pickle" not in found
    assert [it for it in found if is_pickle(it)] == []
    assert is_pickle("gASVBQAAAAAAAABLAS4=")


class Hostile:
    """What makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (self.folder,))


def status_of(engine: sa.Engine, table: str) -> str | None:
    with engine.connect() as connection:
        wanted = sa.text(f"SELECT status FROM {table} WHERE workflow_uuid = 'hostile'")  # noqa: S608
        found: str | None = connection.scalar(wanted)
        return found


@pytest.mark.parametrize("serialization", ["py_pickle", "portable_json"])
async def test_a_row_that_somebody_else_has_written_runs_nothing(
    serialization: str, here: Here, place: str, tmp_path: Path
) -> None:
    """DBOS takes what is queued in its own internal queue, whatever queues it was told to listen to."""
    dispatcher = await here.begin()
    dispatcher.submit("r", "t")
    await here.reach("r", State.ENDED)
    if "://" in place:
        engine, table = open_tables(place), "dbos.workflow_status"
    else:
        engine, table = sa.create_engine(f"sqlite:///{place}-dbos"), "workflow_status"
    hostile = pickle.dumps({"args": (Hostile(tmp_path / "made"), 1), "kwargs": {}})
    inputs = '{"positionalArgs": ["r", 1], "namedArgs": {}}'
    with engine.begin() as connection:
        own = connection.execute(sa.text(f"SELECT * FROM {table}")).mappings().first()  # noqa: S608
        assert own is not None
        row = dict(own) | {
            "workflow_uuid": "hostile",
            "status": "ENQUEUED",
            "queue_name": "_dbos_internal_queue",
            "serialization": serialization,
            "inputs": base64.b64encode(hostile).decode() if "pickle" in serialization else inputs,
            "attributes": None,
            "output": None,
        }
        names, marks = ", ".join(row), ", ".join(f":{it}" for it in row)
        connection.execute(sa.text(f"INSERT INTO {table} ({names}) VALUES ({marks})"), row)  # noqa: S608
    await until(lambda: status_of(engine, table) != "ENQUEUED")
    dispatcher.submit("s", "t")
    await here.reach("s", State.ENDED)
    dispatcher.stop()
    engine.dispose()
    assert not (tmp_path / "made").exists()
    assert here.work.begun == ["r", "s"]
