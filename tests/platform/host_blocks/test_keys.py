"""kv.get, kv.set, kv.delete and kv.list: one tenant's keys, at once for all its runs, within a quota."""

import threading
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from blockyard_platform import Runner
from blockyard_platform.errors import StageFailureError
from blockyard_platform.host_blocks.stores import key_file, keys
from blockyard_platform.host_blocks.stores.keys import Keys
from blockyard_platform.service.registry import tenants
from blockyard_platform.service.registry.callers import ALL, Caller, Role
from blockyard_platform.service.registry.database import Database
from blockyard_platform.service.worker import key_rows
from blockyard_schemas.statuses import Code

from ..store.conftest import emptied, place, postgres
from .conftest import Use

ROOM = {"kv": {"quota_mib": 1}}

__all__ = ["place", "postgres"]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the time of day, which a test may change."""
    now = [1_000.0]
    monkeypatch.setattr(keys, "time", lambda: now[0])
    return now


@contextmanager
def service(place: str) -> Generator[Database]:
    """Yield a service's database with the tenants acme and bee."""
    found = Database(place)
    with found.writing() as work:
        for name in ("acme", "bee"):
            tenants.create(work, Caller(None, Role.ADMIN, frozenset({ALL})), name)
    yield found
    found.close()


@pytest.fixture
def database(place: str) -> Iterator[Database]:
    """Yield it on both databases."""
    with service(place) as found:
        yield found


@pytest.fixture(params=["file", "sqlite", "postgresql"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """Yield what opens a tenant's keys, wherever they are."""
    if request.param == "file":
        yield partial(key_file.opened, tmp_path)
        return
    with ExitStack() as stack:
        place = str(tmp_path / "service.db")
        if request.param == "postgresql":
            place = stack.enter_context(emptied(request.getfixturevalue("postgres")))
        database = stack.enter_context(service(place))
        yield partial(key_rows.opened, database, "acme")


async def test_values_are_kept_between_runs(use: Use) -> None:
    async def of(uses: str, **given: Any) -> Any:
        record = await use(uses, given, **ROOM)
        assert record.code is Code.DONE, record.error
        return record.outputs["result"]

    value = {"b": [1, 2.5, None, True], "a": "é"}
    assert await of("kv.get", key="a") is None
    assert await of("kv.get", key="a", default=[0]) == [0]
    assert await of("kv.set", key="a", value=value) is True
    assert await of("kv.get", key="a") == value
    assert await of("kv.set", key="a/b", value=None)
    assert await of("kv.get", key="a/b", default=1) is None
    assert await of("kv.list") == ["a", "a/b"]
    assert await of("kv.list", prefix="a/") == ["a/b"]
    assert await of("kv.list", limit=1) == ["a"]
    assert await of("kv.list", after="a") == ["a/b"]
    assert await of("kv.delete", key="a") is True
    assert await of("kv.delete", key="a") is False
    assert await of("kv.list") == ["a/b"]


async def test_tenants_have_their_own(use: Use, data: Path) -> None:
    await use("kv.set", {"key": "a", "value": 1}, **ROOM)
    record = await use("kv.get", {"key": "a"}, name="acme ", **ROOM)
    assert record.outputs["result"] is None
    tenants = data / "tenants"
    assert sorted(path.name for path in tenants.iterdir()) == ["acme", "acme "]
    assert (tenants / "acme").stat().st_mode & 0o777 == 0o700


async def test_without_a_quota_there_are_no_keys(use: Use, data: Path) -> None:
    record = await use("kv.set", {"key": "a", "value": 1})
    assert record.code is Code.FORBIDDEN_BLOCK
    assert record.error is not None
    assert "no room (kv.quota_mib)" in record.error["message"]
    assert not data.exists()


@pytest.mark.parametrize(
    "key",
    ["", "a b", "é", "a\n", "../a", "/a", "'; drop table entries; --", "a" * 256, "~", "-a", "%"],
)
async def test_odd_keys(use: Use, key: str) -> None:
    for uses, more in (("kv.get", {}), ("kv.set", {"value": 1}), ("kv.delete", {})):
        record = await use(uses, {"key": key, **more}, **ROOM)
        assert record.code is Code.INVALID_ARGUMENT
    if key not in ("", "/a", "../a", "-a"):
        record = await use("kv.list", {"prefix": key}, **ROOM)
        assert record.code is Code.INVALID_ARGUMENT or len(key) == 256


def test_compare_and_set(shelf: Any) -> None:
    own = Keys(shelf, 10**6)
    assert own.set("a", 1, None, [keys.MISSING])
    assert not own.set("a", 2, None, [keys.MISSING])
    for wrong in (1.0, True, "1", None, [1]):
        assert not own.set("a", 2, None, [wrong])
    assert own.set("a", {"x": 1, "y": 2}, None, [1])
    assert own.set("a", 3, None, [{"y": 2, "x": 1}])
    assert not own.delete("a", [4])
    assert not own.set("b", 1, None, [None])
    assert own.delete("a", [3])
    assert own.set("b", 1, None, [7, keys.MISSING])


def test_values_expire(shelf: Any, clock: list[float]) -> None:
    own = Keys(shelf, 10**6)
    own.set("a", 1, 60.0)
    clock[0] += 59
    assert own.get("a") == 1
    clock[0] += 1
    assert own.get("a") is keys.MISSING
    assert own.names("", "", 10) == []
    assert own.set("a", 2, None, [keys.MISSING])
    assert not own.delete("b")
    for seconds in (0.0, -1.0, float("inf"), float("nan")):
        with pytest.raises(StageFailureError, match="ttl"):
            own.set("a", 1, seconds)


def test_the_quota_holds_and_what_goes_makes_room(shelf: Any, clock: list[float]) -> None:
    own = Keys(shelf, 1_000)
    own.set("a", "x" * 800, 60.0)
    with pytest.raises(StageFailureError) as caught:
        own.set("b", "x" * 100, None)
    assert caught.value.code is Code.FILE_SIZE_LIMIT
    assert own.get("b") is keys.MISSING
    own.set("a", "x" * 700, 60.0)
    own.set("b", "x" * 100, None)
    with pytest.raises(StageFailureError):
        own.set("b", "x" * 201, None)
    assert own.get("b") == "x" * 100
    clock[0] += 100
    own.set("c", "x" * 700, None)
    assert own.names("", "", 10) == ["b", "c"]
    with pytest.raises(StageFailureError, match="at most 1048576 bytes"):
        own.set("d", "x" * 2**20, None)


def test_a_thousand_small_keys_count(shelf: Any) -> None:
    own = Keys(shelf, 5_000)
    for number in range(74):
        own.set(f"{number:02}", 0, None)
    with pytest.raises(StageFailureError):
        own.set("74", 0, None)
    assert len(own.names("", "", 1_000)) == 74


def test_races_are_won_by_one_and_the_quota_by_nobody(shelf: Any) -> None:
    won: list[int] = []
    refused: list[Code] = []

    def work(number: int) -> None:
        own = Keys(shelf, 2_000)
        if own.set("first", number, None, [keys.MISSING]):
            won.append(number)
        for turn in range(5):
            try:
                own.set(f"{number}/{turn}", "x" * 100, None)
            except StageFailureError as error:
                refused.append(error.code)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    own = Keys(shelf, 2_000)
    assert [own.get("first")] == won
    kept = len(own.names("", "", 100)) - 1
    assert kept == 11
    assert refused == [Code.FILE_SIZE_LIMIT] * (40 - kept)


async def test_many_stages_count_at_once(data: Path) -> None:
    add = """
name: t
stages:
  - id: all
    foreach: [1, 2, 3, 4, 5, 6]
    concurrent: 6
    stages:
      - {id: put, uses: kv.set, with: {key: "n/${{ item }}", value: "${{ item }}"}}
  - {id: keys, uses: kv.list, with: {prefix: n/}}
"""
    policy = {"tags": ["kv"], "stages": ["call", "foreach"], **ROOM}
    async with Runner(policy=policy, data=data) as runner:
        result = await runner.run(add)
    assert result.success, (result.problems, result.jobs)
    found = result.jobs["main"].stages["keys"].outputs["result"]
    assert found == [f"n/{number}" for number in range(1, 7)]


async def test_a_file_that_is_no_database_is_told_without_its_path(use: Use, data: Path) -> None:
    folder = data / "tenants" / "acme"
    folder.mkdir(parents=True)
    (folder / "keys.db").write_bytes(b"x" * 10_000)
    record = await use("kv.get", {"key": "a"}, **ROOM)
    assert record.code is Code.UNHANDLED_EXCEPTION
    assert record.error is not None
    assert record.error["message"] == "the tenant's keys cannot be used: file is not a database"


def test_names_come_in_the_order_of_their_bytes(shelf: Any) -> None:
    own = Keys(shelf, 10**6)
    given = ["a/b", "a-b", "a", "B", "b", "_x", "a.b", "A", "0", "a@b", "a:b", "ab"]
    for each in given:
        own.set(each, 1, None)
    assert own.names("", "", 100) == sorted(given)
    assert own.names("a", "", 100) == sorted(it for it in given if it.startswith("a"))
    assert own.names("", "a", 3) == ["a-b", "a.b", "a/b"]
    assert own.names("a-b", "a-b", 3) == []


def test_rows_are_of_one_tenant(database: Database) -> None:
    acme, bee = (Keys(partial(key_rows.opened, database, it), 1_000) for it in ("acme", "bee"))
    acme.set("a", "x" * 800, None)
    assert bee.get("a") is keys.MISSING
    assert bee.names("", "", 10) == []
    assert bee.set("a", "y" * 800, None)
    assert bee.delete("a")
    assert acme.get("a") == "x" * 800
    with pytest.raises(StageFailureError, match="exceed 1000 bytes"):
        acme.set("b", "x" * 200, None)


def test_what_a_database_says_is_not_told(database: Database) -> None:
    own = Keys(partial(key_rows.opened, database, "nobody"), 1_000)
    for call in (lambda: own.get("a"), lambda: own.set("a", 1, None), lambda: own.delete("a")):
        with pytest.raises(StageFailureError, match=r"^the tenant's keys cannot be used at the"):
            call()


def test_stages_that_wait_for_their_tenants_keys_take_no_connection(postgres: str) -> None:
    with emptied(postgres) as place, service(place) as database:
        opened = key_rows.shared(database)
        assert opened is not None
        acme, bee = (Keys(partial(opened, it), 10**6) for it in ("acme", "bee"))
        crowd = [
            threading.Thread(target=acme.set, args=(f"n/{number}", number, None))
            for number in range(60)
        ]
        pool: Any = database.engine.pool
        with opened("acme", True):
            for thread in crowd:
                thread.start()
            assert bee.set("a", 1, None)
            assert pool.checkedout() == 1
            assert all(thread.is_alive() for thread in crowd)
        for thread in crowd:
            thread.join()
        assert len(acme.names("n/", "", 100)) == 60


def test_a_machine_has_files_and_several_share_rows(database: Database) -> None:
    found = key_rows.shared(database)
    assert (found is None) == (database.engine.dialect.name == "sqlite")
