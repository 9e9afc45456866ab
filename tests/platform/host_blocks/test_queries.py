"""sql.query: values are bound, results bounded, and what a tenant writes cannot change or leave its database."""

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from blockyard_platform.results import StageRecord
from blockyard_schemas.statuses import Code

from ..store.postgres import REQUIRED, programs, server
from .conftest import Use

SECRET = "s3cret"  # noqa: S105  (a test's own)
TABLE = "create table sums (month text, total numeric, day date); "
ROWS = "insert into sums values ('a', 1.50, '2026-01-31'), ('b', 2, null), ('c;', 3, null)"


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Yield the URL of a PostgreSQL server's superuser."""
    if programs() is None:
        if REQUIRED:
            pytest.fail("PostgreSQL's server is required here: install the package postgresql")
        pytest.skip("PostgreSQL's server is not installed")
    # Not in pytest's own folder, which none but its user may enter.
    folder = Path(tempfile.mkdtemp(prefix="pgdata"))
    folder.chmod(0o755)
    with server(folder) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            for name, more in (("ann", ""), ("rex", "in role pg_read_server_files")):
                connection.execute(f"create role {name} login password '{SECRET}' {more}".encode())
            connection.execute("grant all on schema public to ann")
        yield url
    shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Yield the URL of a database with a table: a file, and one of a server as an ordinary user."""
    if request.param == "sqlite":
        with closing(sqlite3.connect(tmp_path / "a b%.db")) as base:
            base.executescript(TABLE + ROWS)
        yield str(sa.URL.create("sqlite", database=str(tmp_path / "a b%.db")))
        return
    url = as_user(request.getfixturevalue("postgres"), "ann")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("drop table if exists sums")
        connection.execute((TABLE + ROWS).encode())
    yield url


@pytest.fixture
def pg(request: pytest.FixtureRequest) -> str:
    """Return the URL of the server, as an ordinary user."""
    return as_user(request.getfixturevalue("postgres"), "ann")


def as_user(url: str, name: str) -> str:
    changed = sa.make_url(url).set(username=name, password=SECRET)
    return changed.render_as_string(hide_password=False)


@pytest.fixture
def ask(use: Use, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a coroutine function that sends a statement, and one that gives its result."""

    async def sent(url: str, text: str, params: Any = None, **rule: Any) -> StageRecord:
        monkeypatch.setenv("SALES_URL", url)
        more = {key: rule.pop(key) for key in ("stage",) if key in rule}
        connections = [{"name": "sales", "url_env": "SALES_URL", **rule}]
        given: dict[str, Any] = {"connection": "sales", "statement": text, "params": params or {}}
        record = await use("sql.query", given, connections=connections, **more)
        if record.error is not None:
            for word in (SECRET, "SALES_URL", url):
                assert word not in str(record.error)
        return record

    return sent


def message(record: StageRecord) -> str:
    assert record.error is not None, record.outputs
    text: str = record.error["message"]
    return text


async def test_values_are_bound(ask: Any, place: str) -> None:
    text = "select month, total from sums where month = :month or total < :most order by 1 -- :no"
    record = await ask(place, text, {"month": "c;", "most": 2})
    assert record.code is Code.DONE, record.error
    result = record.outputs["result"]
    assert result["columns"] == ["month", "total"]
    assert [str(row["total"]).rstrip("0") for row in result["rows"]] == ["1.5", "3"]
    record = await ask(place, text, {"month": "' or 1=1 --", "most": 0})
    assert record.outputs["result"]["rows"] == []


async def test_values_of_postgresql(ask: Any, pg: str) -> None:
    text = """
      select 1.50::numeric(9,2) as n, date '2026-01-31' as d, timestamptz '2026-01-01 00:00Z' as t,
        interval '1 day' as i, '\\x00ff'::bytea as b, array[1,null] as a, '{"x":[1]}'::json as j,
        true as y, null as z, 'NaN'::float8 as f, :one::int + :one as two, ':no' || E'\\':no' as q,
        $a$:no$a$ as "w:no", /* :no */ 12 % 5 as m, 'x' = any(:list) as l, 9223372036854775807 as h
    """
    record = await ask(pg, text, {"one": 1, "list": ["x", "y"]})
    assert record.code is Code.DONE, record.error
    (row,) = record.outputs["result"]["rows"]
    assert datetime.fromisoformat(row.pop("t")) == datetime(2026, 1, 1, tzinfo=UTC)
    assert row == {
        "n": "1.50",
        "d": "2026-01-31",
        "i": "1 day, 0:00:00",
        "b": "AP8=",
        "a": [1, None],
        "j": {"x": [1]},
        "y": True,
        "z": None,
        "f": "nan",
        "two": 2,
        "q": ":no':no",
        "w:no": ":no",
        "m": 2,
        "l": True,
        "h": 9223372036854775807,
    }


async def test_values_of_sqlite(ask: Any, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/v.db"
    with closing(sqlite3.connect(tmp_path / "v.db")) as base:
        base.execute("create table v (b blob, f real)")
        base.execute("insert into v values (x'00ff', 9e999)")
        base.commit()
    record = await ask(url, "select *, :n as n, ':no' as q from v", {"n": None})
    (row,) = record.outputs["result"]["rows"]
    assert row == {"b": "AP8=", "f": "inf", "n": None, "q": ":no"}


async def test_a_connection_that_the_policy_does_not_name(use: Use) -> None:
    given = {"connection": "other", "statement": "select 1"}
    record = await use("sql.query", given, connections=[{"name": "sales", "url_env": "A"}])
    assert record.code is Code.FORBIDDEN_HOST
    shown = "the policy does not allow the connection 'other'; connections that it names: sales"
    assert message(record) == f"{shown} (FORBIDDEN_HOST 133)"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("nonsense s3cret", "the URL of the connection 'sales' cannot be read"),
        ("mysql://a:s3cret@h/d", "is neither to PostgreSQL nor to SQLite"),
        ("postgresql://a:s3cret@127.0.0.1:1/d", "cannot be connected to"),
        ("postgresql://a:s3cret@/d?host=/nowhere&s3cret=1", "cannot be connected to"),
        ("postgresql://a:s3cret@h:no/d", "cannot be read"),
        ("sqlite:////nowhere/s3cret.db", "cannot be connected to"),
        ("sqlite://", "names no file"),
        ("sqlite:///file:s3cret.db?mode=rwc&uri=true", "names no file"),
    ],
)
async def test_urls_stay_secret(ask: Any, url: str, told: str) -> None:
    record = await ask(url, "select 1")
    assert record.code is Code.UNHANDLED_EXCEPTION
    assert told in message(record)


async def test_a_url_in_a_file(use: Use, tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "a.db").close()
    given = {"connection": "sales", "statement": "select 1 as one"}
    rule = {"name": "sales", "url_file": str(tmp_path / "url")}
    record = await use("sql.query", given, connections=[rule])
    assert "has no URL for the connection 'sales'" in message(record)
    (tmp_path / "url").write_text(f"sqlite:///{tmp_path}/a.db\n")
    record = await use("sql.query", given, connections=[rule])
    assert record.outputs["result"]["rows"] == [{"one": 1}]


CHANGES = [
    *("insert into sums values ('x', 1, null)", "delete from sums", "update sums set total = 0"),
    *("drop table sums", "create table t (a int)", "create temp table t as select 1 as a"),
    *("select 1; delete from sums", "delete from sums; select 1", "select 1; commit; drop table sums"),
    *("commit", "rollback", "begin", "end; delete from sums", "vacuum", "analyze", "explain delete from sums"),
    *("with x as (delete from sums returning 1) select * from x", "replace into sums values (1, 2, 3)"),
    *("insert into sums select * from sums returning month", "alter table sums rename to s"),
    *("", ";", "--", "/* delete", "'", "select 1 /*; */; delete from sums", "(select 1); delete from sums"),
    *("select '\\'; delete from sums --'", "select $$; delete from sums", 'select "'),
]  # fmt: skip


@pytest.mark.parametrize("text", CHANGES)
async def test_a_read_only_connection_changes_nothing(ask: Any, place: str, text: str) -> None:
    record = await ask(place, text)
    if "\\'" not in text or record.code is not Code.DONE:
        assert record.code is Code.INVALID_ARGUMENT, message(record)
    after = await ask(place, "select count(*) as n, min(total) as least from sums")
    assert after.outputs["result"]["rows"][0]["n"] == 3


SQLITE = [
    *("attach '/etc/passwd' as p", "attach ':memory:' as m", "detach main", "pragma query_only = 0"),
    *("pragma journal_mode", "select * from pragma_database_list", "select load_extension('x')"),
    *("vacuum into '{}/copy.db'", "select writefile('{}/x', 'a')", "select readfile('/etc/passwd')"),
    *("select 'a' regexp '(a+)+$'", "select fts3_tokenizer('a')", "create virtual table f using fts5(a)"),
    *("reindex", "savepoint a", "explain select 1", "pragma writable_schema = 1", "select edit('a')"),
]  # fmt: skip


@pytest.mark.parametrize("text", SQLITE)
@pytest.mark.parametrize("read_only", [True, False])
async def test_what_sqlite_is_not_asked(
    ask: Any, tmp_path: Path, text: str, read_only: bool
) -> None:
    sqlite3.connect(tmp_path / "a.db").close()
    before = sorted(path.name for path in tmp_path.iterdir())
    url = f"sqlite:///{tmp_path}/a.db"
    record = await ask(url, text.replace("{}", str(tmp_path)), read_only=read_only)
    assert record.code is Code.INVALID_ARGUMENT, message(record)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


POSTGRESQL = [
    *("copy sums to program 'touch /tmp/x'", "copy sums from program 'id'", "copy sums to stdout"),
    *("do $$ begin delete from sums; end $$", "set transaction read write", "set role rex"),
    *("set statement_timeout = 0", "listen a", "call p()", "lock table sums", "show all"),
    *("select pg_read_file('/etc/passwd')", "select pg_ls_dir('/')", "select pg_reload_conf()"),
    *("select lo_import('/etc/passwd')", "select nextval('s')", "select lo_create(0)", "prepare a as select 1"),
    *("select set_config('transaction_read_only', 'off', true)", "declare c cursor for select 1"),
    *("select * from sums for update", "select 1 into t", "select pg_notify('a', 'b'), 1/0", "fetch 1 from found"),
]  # fmt: skip


@pytest.mark.parametrize("text", POSTGRESQL)
@pytest.mark.parametrize("read_only", [True, False])
async def test_what_postgresql_does_not_do(ask: Any, pg: str, text: str, read_only: bool) -> None:
    with psycopg.connect(pg, autocommit=True) as connection:
        connection.execute("drop table if exists sums")
        connection.execute("create table sums (month text, total numeric, day date)")
        connection.execute("create sequence if not exists s")
    record = await ask(pg, text, read_only=read_only)
    harmless = ("nextval", "for update", "lo_create", "set_config", "into t")
    if not read_only and any(word in text for word in harmless):
        return
    if read_only and "lo_create" in text:  # before PostgreSQL 16 it is done, and undone
        with psycopg.connect(pg) as connection:
            assert connection.execute("select from pg_largeobject_metadata").fetchall() == []
        return
    assert record.code is Code.INVALID_ARGUMENT, message(record)


@pytest.mark.parametrize("name", ["tests", "rex"])
async def test_users_of_too_many_rights_are_refused(ask: Any, postgres: str, name: str) -> None:
    record = await ask(as_user(postgres, name), "select 1")
    assert record.code is Code.UNHANDLED_EXCEPTION
    assert "it needs a user of its own" in message(record)


async def test_a_connection_that_may_write(ask: Any, place: str) -> None:
    async def of(text: str, params: Any = None) -> Any:
        record = await ask(place, text, params, read_only=False)
        assert record.code is Code.DONE, record.error
        return record.outputs["result"]

    added = await of("insert into sums values (:a, 1, null), (:b, 1, null)", {"a": "x", "b": "y"})
    assert added == {"columns": [], "rows": [], "changed": 2}
    text = "update sums set total = 5 where month = :m returning month"
    assert (await of(text, {"m": "x"}))["rows"] == [{"month": "x"}]
    assert (await of("delete from sums where month = 'none'"))["changed"] == 0
    found = await of("select count(*) as n from sums where total = 5")
    assert found["rows"] == [{"n": 1}]
    record = await ask(place, "delete from sums; select 1", read_only=False)
    assert record.code is Code.INVALID_ARGUMENT
    record = await ask(place, "drop table sums", read_only=False)
    assert record.code is Code.INVALID_ARGUMENT
    assert (await of("select count(*) as n from sums"))["rows"] == [{"n": 5}]


async def test_what_fails_is_undone(ask: Any, place: str) -> None:
    text = "insert into sums select month, total, day from sums returning month"
    record = await ask(place, text, read_only=False, max_rows=2)
    assert record.code is Code.RESULT_LIMIT
    record = await ask(place, "select count(*) as n from sums")
    assert record.outputs["result"]["rows"] == [{"n": 3}]


MANY = "with recursive n(i) as (select 1 union all select i + 1 from n) select i from n"


@pytest.mark.parametrize("read_only", [True, False])
async def test_results_without_end(ask: Any, place: str, read_only: bool) -> None:
    record = await ask(place, MANY, read_only=read_only)
    assert record.code is Code.RESULT_LIMIT
    assert "more than 1000 rows (max_rows)" in message(record)
    text = "select month || :x as a from sums"
    rule = {"read_only": read_only, "stage": {"result_kib": 1}}
    record = await ask(place, text, {"x": "y" * 600}, **rule)
    assert record.code is Code.RESULT_LIMIT
    assert "larger than 1024 bytes" in message(record)


ENDLESS = [f"{MANY} where i < 0", MANY.replace("select i from", "select count(*) as i from")]


@pytest.mark.parametrize("text", ENDLESS)
async def test_statements_without_end(ask: Any, place: str, text: str) -> None:
    record = await ask(place, text, statement_seconds=0.3)
    assert record.code is Code.TIMEOUT
    assert message(record) == "the statement took more than 0.3 s (statement_seconds)"


@pytest.mark.parametrize(
    "text",
    [
        *(
            "select pg_sleep(60)",
            "select set_config('statement_timeout', '0', false), pg_sleep(60)",
        ),
        "select pg_sleep(0.2) from generate_series(1, 500)",
    ],
)
async def test_sleepers(ask: Any, pg: str, text: str) -> None:
    record = await ask(pg, text, statement_seconds=0.3)
    assert record.code is Code.TIMEOUT


async def test_one_huge_value_of_sqlite(ask: Any, tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "a.db").close()
    for text in ("select zeroblob(900000000)", "select printf('%.*c', 900000000, 'x')"):
        record = await ask(f"sqlite:///{tmp_path}/a.db", text)
        assert record.code in (Code.INVALID_ARGUMENT, Code.RESULT_LIMIT)


@pytest.mark.parametrize(
    ("text", "params", "code", "told"),
    [
        ("select :a", {}, Code.INVALID_ARGUMENT, "a"),
        ("select 1 as a, 2 as a", {}, Code.INVALID_ARGUMENT, "two columns are called 'a'"),
        ("select 1 from nowhere", {}, Code.INVALID_ARGUMENT, "nowhere"),
        ("select :a as a", {"a": {"b": 1}}, Code.INVALID_TYPE, "the value of 'a' is no text"),
        ("select '" + "x" * 70_000 + "'", {}, Code.INVALID_ARGUMENT, "at most 65536 characters"),
    ],
)
async def test_what_is_wrong_is_told(
    ask: Any, place: str, text: str, params: Any, code: Code, told: str
) -> None:
    record = await ask(place, text, params)
    assert record.code is code
    assert told in message(record)
