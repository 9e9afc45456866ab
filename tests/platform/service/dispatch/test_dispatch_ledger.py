"""DBOS's rows are written for many at once as DBOS writes them for one; one that cannot be written holds up none of its group."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import exc

from blockyard_platform.service.dispatch import ledger
from blockyard_platform.service.dispatch.durable import Durable
from blockyard_platform.service.dispatch.ledger import Ledger
from blockyard_platform.service.dispatch.runs import Claim
from blockyard_platform.service.dispatch.tables import open_tables

from .conftest import PATIENCE, until

_TIMES = ("created_at", "updated_at", "completed_at", "retention_timestamp")
OWN = {"workflow_uuid", "creator_xid", "owner_xid", "inputs", *_TIMES}
"""What differs from one workflow to the other."""


@dataclass
class Bench:
    """DBOS alone, with work that is let go when it is told to."""

    engine: sa.Engine
    performed: list[str] = field(default_factory=list[str])
    withdrawn: dict[str, str] = field(default_factory=dict[str, str])
    go: Event = field(default_factory=Event)

    def __post_init__(self) -> None:
        self.durable = Durable(self.engine, "w", 4, self.perform, self.withdraw)
        self.system: sa.Engine = self.durable._engine  # pyright: ignore[reportPrivateUsage]

    @property
    def ledger(self) -> Ledger:
        return self.durable._ledger  # pyright: ignore[reportPrivateUsage]

    def perform(self, run_id: str, number: int) -> str:
        if run_id in self.withdrawn and run_id in self.performed:
            return "LOST"
        self.performed.append(run_id)
        assert self.go.wait(PATIENCE)
        return "ENDED"

    def withdraw(self, claim: Claim, error: Exception) -> None:
        self.withdrawn[claim.run_id] = type(error).__name__

    def start(self, *names: str) -> None:
        self.durable.start([Claim(name, 1, 0) for name in names])

    async def finish(self, count: int) -> None:
        """Let the work end, and have it written once that many have."""
        self.go.set()
        ended = self.ledger._ended  # pyright: ignore[reportPrivateUsage]
        await until(lambda: len(ended) >= count)
        self.ledger.close()

    def rows(self, name: str) -> dict[str, dict[str, Any]]:
        """Return what stands of each workflow in one of DBOS's tables, but for what is each one's own."""
        schema = "" if self.engine.dialect.name == "sqlite" else "dbos."
        with self.system.connect() as connection:
            found = connection.execute(sa.text(f"SELECT * FROM {schema}{name}")).mappings().all()  # noqa: S608
        return {
            it["workflow_uuid"]: {key: value for key, value in it.items() if key not in OWN}
            | {f"has {key}": it[key] is not None for key in OWN & it.keys()}
            for it in found
        }

    def outputs(self) -> list[str]:
        return [it["output"] for it in self.rows("workflow_output").values()]

    def states(self) -> dict[str, str]:
        return {it: row["status"] for it, row in self.rows("workflow_status").items()}


@pytest.fixture
def groups(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[int]]:
    """Write no end before the ledger is closed; note how large groups are."""
    monkeypatch.setattr(ledger, "_GATHER_SECONDS", PATIENCE)
    sizes: dict[str, list[int]] = {"_begin_together": [], "_end_together": []}

    def note(name: str) -> None:
        together: Callable[[Ledger, Any], None] = getattr(Ledger, name)

        def noted(self: Ledger, those: Sequence[Any]) -> None:
            try:
                together(self, those)
            finally:  # who sees it here can read what was written
                sizes[name] += [len(those)] if those else []

        monkeypatch.setattr(Ledger, name, noted)

    for name in sizes:
        note(name)
    return sizes


@pytest.fixture
def bench(place: str) -> Iterator[Bench]:
    engine = open_tables(place)
    found = Bench(engine)
    yield found
    found.go.set()
    found.durable.close()
    engine.dispose()


NAMES = [f"r{number}" for number in range(7)]


async def test_the_rows_of_a_group_are_those_that_dbos_writes(
    groups: dict[str, list[int]], bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.start(*NAMES)
    begun = bench.rows("workflow_status")
    await bench.finish(7)
    assert groups == {"_begin_together": [7], "_end_together": [7]}

    def fail(_: Any) -> Any:
        raise exc.OperationalError("INSERT", None, OSError("not together"))

    monkeypatch.setattr(bench.ledger, "_begin_together", fail)
    monkeypatch.setattr(bench.ledger, "_end_together", fail)
    bench.go.clear()
    bench.start("alone")
    own = bench.rows("workflow_status")["alone.1"]
    assert own["status"] == "PENDING"
    assert begun == {f"{it}.1": own for it in NAMES}
    bench.go.set()
    await until(lambda: len(bench.rows("workflow_output")) == 8)
    for table in ("workflow_status", "workflow_input", "workflow_output"):
        rows = bench.rows(table)
        assert rows == dict.fromkeys([*(f"{it}.1" for it in NAMES), "alone.1"], rows["alone.1"])
    assert bench.rows("workflow_output")["r3.1"]["output"] == '"ENDED"'
    assert bench.withdrawn == {}


async def test_one_that_was_begun_before_keeps_no_other_of_its_group(
    groups: dict[str, list[int]], bench: Bench
) -> None:
    bench.start("r0")
    await until(lambda: bench.performed == ["r0"])
    bench.start(*NAMES)
    assert bench.withdrawn == {"r0": "DBOSWorkflowIDInUseError"}
    assert groups["_begin_together"] == [1, 7]
    await bench.finish(7)
    # That of the one that was refused comes as well, and is not its owner's.
    await until(lambda: sum(groups["_end_together"]) == 8)
    assert sorted(bench.performed) == NAMES
    assert bench.states() == {f"{it}.1": "SUCCESS" for it in NAMES}
    assert set(bench.outputs()) == {'"ENDED"'}


async def test_nothing_begins_before_its_row_is_there(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = Ledger._begin_together  # pyright: ignore[reportPrivateUsage]
    seen: list[int] = []

    def slow(self: Ledger, started: Sequence[Any]) -> None:
        Event().wait(0.2)
        seen.append(len(bench.performed))
        together(self, started)

    monkeypatch.setattr(Ledger, "_begin_together", slow)
    bench.start(*NAMES)
    assert seen == [0]
    bench.go.set()
    await until(lambda: set(bench.states().values()) == {"SUCCESS"})
    assert sorted(bench.performed) == NAMES


async def test_the_end_of_what_was_disowned_is_refused_and_the_others_are_written(
    groups: dict[str, list[int]], bench: Bench
) -> None:
    bench.start(*NAMES)
    await until(lambda: len(bench.performed) == 7)
    dbos = bench.durable._dbos  # pyright: ignore[reportPrivateUsage]
    await asyncio.to_thread(dbos.cancel_workflows, ["r2.1", "r5.1"])
    await bench.finish(7)
    expected = {f"{it}.1": "SUCCESS" for it in NAMES}
    assert bench.states() == expected | {"r2.1": "CANCELLED", "r5.1": "CANCELLED"}
    assert groups["_end_together"] == [7]
    assert bench.rows("workflow_output").keys() == expected.keys() - {"r2.1", "r5.1"}


async def test_what_a_process_has_not_written_when_it_dies_is_disowned(
    groups: dict[str, list[int]], bench: Bench
) -> None:
    bench.start(*NAMES)
    bench.go.set()
    await until(lambda: len(bench.performed) == 7)
    assert set(bench.states().values()) == {"PENDING"}
    await asyncio.to_thread(bench.durable.disown, "w")
    await bench.finish(7)
    assert set(bench.states().values()) == {"CANCELLED"}
    assert bench.outputs() == []
    assert groups["_end_together"] == [7]


async def test_it_is_closed_though_the_database_does_not_answer(
    groups: dict[str, list[int]],
    bench: Bench,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What it holds is then as if the process had died: DBOS would try again without end."""

    def fail(_: Any) -> Any:
        raise exc.OperationalError("UPDATE", None, OSError("it does not answer"))

    bench.start("r0")
    monkeypatch.setattr(bench.ledger, "_end_together", fail)
    await bench.finish(1)
    assert "DBOS is not told what has ended last" in caplog.text
    assert bench.states() == {"r0.1": "PENDING"}
    assert groups["_end_together"] == []


async def test_one_end_that_cannot_be_noted_keeps_no_other_of_its_group(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    alone: Any = bench.ledger._end_alone  # pyright: ignore[reportPrivateUsage]

    def together(_: Any) -> None:
        raise exc.OperationalError("UPDATE", None, OSError("the connection is lost"))

    def broken(workflow_id: str, *given: Any, **more: Any) -> bool:
        if workflow_id == "r0.1":
            raise RuntimeError("it does not fit")
        return bool(alone(workflow_id, *given, **more))

    monkeypatch.setattr(bench.ledger, "_end_together", together)
    monkeypatch.setattr(bench.ledger, "_end_alone", broken)
    bench.start("r0", "r1", "r2")
    bench.go.set()
    await until(lambda: list(bench.states().values()).count("SUCCESS") == 2)
    assert bench.states() == {"r0.1": "PENDING", "r1.1": "SUCCESS", "r2.1": "SUCCESS"}
    await until(lambda: "r0.1 has ended: it does not fit" in caplog.text)
