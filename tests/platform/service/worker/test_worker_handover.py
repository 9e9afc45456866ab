"""Workers that are told to end, also for an upgrade: what they have at work ends, or goes on elsewhere; nothing is lost, nothing done twice."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from blockyard_platform.store.engines import version_of

from ...store.conftest import postgres
from .conftest import PATIENCE, until
from .crew import NEXT, Crew, next_version

__all__ = ["postgres"]

LONG = """
name: long
params: {n: int}
stages:
  - {id: hold, uses: crew.hold, retry: 5}
  - id: each
    foreach: [1, 2, 3, 4, 5]
    stages:
      - {id: nap, sleep: 0.2}
      - {id: mark, uses: soak.mark, with: {text: "item ${{ item }}"}, retry: 5}
"""


@pytest.fixture
def crew(postgres: str, tmp_path: Path) -> Iterator[Crew]:
    name = f"crew_{uuid4().hex}"
    url = sa.make_url(postgres).set(drivername="postgresql+psycopg")
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    found = Crew(tmp_path, postgres.replace("/postgres?", f"/{name}?"))
    yield found
    found.close()
    with engine.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


def begun(crew: Crew, run_id: str) -> int:
    """Wait until a run has had an effect, and return which member has it: it holds until it is let go."""
    until(lambda: run_id in crew.marks())
    found = crew.holder(run_id)
    assert found is not None
    return found


def check_effects(crew: Crew, interrupted: int) -> None:
    """See that each effect was done as often as its record says; more than once only where it was under way at a hand-over."""
    done, attempts = crew.effects()
    assert done.keys() == attempts.keys()
    assert all(1 <= done[it] <= attempts[it] for it in attempts)
    assert sum(it - 1 for it in attempts.values()) <= interrupted


def test_what_is_at_work_ends_within_the_time_to_drain(crew: Crew) -> None:
    first = crew.begin(slots=2, drain=PATIENCE)
    run_id = crew.submit(LONG)
    assert begun(crew, run_id) == first
    assert crew.terminate(first, let_go=True) == 0
    entry = crew.entry(run_id)
    assert (entry.state, entry.number) == ("ENDED", 1)
    assert crew.statuses([run_id]) == {"SUCCESS": 1}
    check_effects(crew, 0)


def test_what_takes_longer_goes_on_at_another_worker(crew: Crew) -> None:
    for number in (crew.begin(slots=1, drain=0.5), crew.begin(slots=1, drain=0.5)):
        crew.wait_for(number)
    run_id = crew.submit(LONG)
    assert crew.terminate(begun(crew, run_id)) == 0
    crew.let_go()
    assert crew.statuses([run_id]) == {"SUCCESS": 1}
    entry = crew.entry(run_id)
    assert (entry.number, entry.failures) == (2, 0)
    check_effects(crew, 1)


def test_a_version_follows_another_while_runs_go_on(crew: Crew, tmp_path: Path) -> None:
    old = crew.begin(slots=2, drain=0.5)
    runs = [crew.submit(LONG) for _ in range(4)]
    assert begun(crew, runs[0]) == old
    new = crew.begin(slots=2, drain=PATIENCE, tree=next_version(tmp_path / "next"))
    crew.wait_for(new)
    with crew.database.reading() as work:
        assert version_of(work.connection) == NEXT
    runs += [crew.submit(LONG) for _ in range(5)]  # more than one of them takes
    until(lambda: {crew.holder(it) for it in runs} >= {old, new})
    assert crew.terminate(old) == 0
    crew.let_go()
    runs += [crew.submit(LONG) for _ in range(2)]
    assert crew.statuses(runs) == {"SUCCESS": 11}
    check_effects(crew, 2)
    late = crew.begin(slots=1, drain=1)  # what was stopped does not come back beside the new one
    assert crew.members[late].wait(PATIENCE) == 2
    assert "newer version" in crew.log(late).read_text()
    assert crew.terminate(new) == 0
