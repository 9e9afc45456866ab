"""The log: one line an event, with what it is about, without what must not be shown, whatever it is given."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from dbos._logger import init_logger  # pyright: ignore[reportPrivateUsage]
from hypothesis import given
from hypothesis import strategies as st

from blockyard_platform.service.operations.logs import (
    MOST_LINE,
    LogSettings,
    bound,
    configure_logs,
    get_logger,
)
from blockyard_platform.service.operations.redaction import (
    MASK,
    MOST_TEXT,
    escaped,
    is_secret_key,
    redacted,
    redacted_text,
)

TOKEN = "by_" + "a1" * 8 + "_" + "c3" * 32


class Log:
    """What was written."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        self.handler: logging.Handler = logging.NullHandler()

    def text(self) -> str:
        return self.stream.getvalue()

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(each) for each in self.text().splitlines()]


@pytest.fixture
def log() -> Iterator[Log]:
    """Yield a log in JSON; logging is as before afterwards."""
    root, names = logging.getLogger(), ("alembic", "asyncio", "dbos", "docker", "httpcore", "httpx")
    before = root.handlers[:], root.level, {it: logging.getLogger(it).level for it in names}
    engine = logging.getLogger("dbos")
    own = engine.handlers[:], engine.propagate
    found = Log()
    configure_logs(LogSettings(), found.stream)
    found.handler = root.handlers[0]
    yield found
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    for name, level in before[2].items():
        logging.getLogger(name).setLevel(level)
    engine.handlers[:], engine.propagate = own
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def test_a_line_says_when_where_and_about_what(log: Log) -> None:
    with bound(run_id="r1", tenant="ant", worker="w1", request_id="q1"):
        get_logger("blockyard.worker").info("run ended", status="SUCCESS", seconds=0.5)
    get_logger("blockyard.worker").warning("idle")
    first, second = log.lines()
    assert first.pop("at").endswith("Z")
    assert first == {
        "level": "info",
        "logger": "blockyard.worker",
        "event": "run ended",
        "run_id": "r1",
        "tenant": "ant",
        "worker": "w1",
        "request_id": "q1",
        "status": "SUCCESS",
        "seconds": 0.5,
    }
    assert list(second) == ["at", "level", "logger", "event"]


def test_lines_of_libraries_have_the_same_form(log: Log) -> None:
    with bound(run_id="r1"):
        logging.getLogger("sqlalchemy.pool").warning("lost %s of %d", "one", 3, extra={"pool": 7})
        logging.getLogger("httpx").info("too much to be told")
    (line,) = log.lines()
    assert line["event"] == "lost one of 3"
    assert (line["logger"], line["run_id"], line["pool"]) == ("sqlalchemy.pool", "r1", 7)


def test_the_engine_of_runs_has_no_handler_of_its_own(
    log: Log, capsys: pytest.CaptureFixture[str]
) -> None:
    init_logger()
    logging.getLogger("dbos").error("it is away:\n  File x, line %d", 7)
    logging.getLogger("dbos").warning("too much to be told")
    (line,) = log.lines()
    assert (line["logger"], line["event"]) == ("dbos", "it is away:\n  File x, line 7")
    assert capsys.readouterr() == ("", "")


async def test_what_is_bound_follows_the_work_and_nothing_else(log: Log) -> None:
    async def work(run_id: str) -> None:
        with bound(run_id=run_id):
            await asyncio.sleep(0)
            get_logger("x").info("step")

    await asyncio.gather(work("a"), work("b"))
    get_logger("x").info("none")
    assert [it.get("run_id") for it in log.lines()] == ["a", "b", None]


def test_an_exception_is_one_line(log: Log) -> None:
    try:
        raise ValueError("postgresql://me:hunter2@host/db is no good")
    except ValueError:
        get_logger("x").exception("failed")
    (line,) = log.lines()
    assert "ValueError: postgresql://me:***@host/db is no good" in line["exception"]
    assert "hunter2" not in log.text()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"token {TOKEN} was used", "token by_a1a1a1a1a1a1a1a1_*** was used"),
        (
            "postgresql+psycopg://me:p%40ss:w@rd@host:5432/x",
            "postgresql+psycopg://me:***@host:5432/x",
        ),
        ("http://127.0.0.1:8080/a:b@c", "http://127.0.0.1:8080/a:b@c"),
        ("Authorization: Bearer abcdefghijkl, more", "Authorization: ***"),
        ("{'authorization': 'Basic dXNlcjpwYXNz'}", "{'authorization': ***"),
        ("sent bearer abc.def-ghi_jkl", "sent bearer ***"),
        ("host=x password=secret1 dbname=y", "host=x password=*** dbname=y"),
        ("password='two words' x", "password=*** x"),
        ('{"api_key": "abc"}', '{"api_key": ***}'),
        ("the secret of success", "the secret of success"),
    ],
)
def test_passwords_and_tokens_in_texts_are_masked(text: str, shown: str) -> None:
    assert redacted_text(text) == shown


@pytest.mark.parametrize(
    "key", ["password", "Authorization", "X-API-Key", "db_password", "access-token", "Set-Cookie"]
)
def test_what_stands_under_such_a_key_is_masked_at_any_depth(key: str, log: Log) -> None:
    assert is_secret_key(key)
    get_logger("x").info(
        "asked", headers={key: "hunter2", "accept": "*/*"}, all=[{key: ["hunter2"]}]
    )
    (line,) = log.lines()
    assert (line["headers"], line["all"]) == ({key: MASK, "accept": "*/*"}, [{key: MASK}])


def test_a_key_that_only_sounds_like_one_is_shown() -> None:
    assert redacted({"idempotency_key": "k1", "tokens": 3, "key": "x"}) == {
        "idempotency_key": "k1",
        "tokens": 3,
        "key": "x",
    }


HOSTILE = (
    'ok\n{"level": "info", "event": "admin logged in"}\r\x1b[2J\x00\u2028forged\u202egnihton\x85end'
)


def test_a_tenants_text_forges_no_line_in_json(log: Log) -> None:
    get_logger("x").info(HOSTILE, name=HOSTILE, **{HOSTILE: 1})
    text = log.text()
    assert text.count("\n") == 1
    assert text.isascii()
    assert text.removesuffix("\n").isprintable()
    assert log.lines()[0]["name"] == HOSTILE


def test_nor_in_lines_for_people() -> None:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logs(LogSettings("console", levels={"loud": "error"}), stream)
    try:
        with bound(run_id="r1", tenant="a b"):
            logging.getLogger("x").warning(HOSTILE, extra={"name_given": HOSTILE})
        logging.getLogger("loud").warning("not told")
        try:
            raise ValueError("12:00:00 info     root: forged\n12:00:00 info     root: forged")
        except ValueError:
            get_logger("x").exception("failed")
    finally:
        root.handlers[:] = before[0]
        root.setLevel(before[1])
        logging.captureWarnings(capture=False)
        structlog.reset_defaults()
    first, *rest = stream.getvalue().splitlines()
    assert first.isprintable()
    assert r"x: ok\u000a{" in first
    assert 'run_id=r1 tenant="a b"' in first
    assert "not told" not in stream.getvalue()
    assert rest[0].endswith("x: failed")
    assert all(each.startswith("    ") and each.isprintable() for each in rest[1:])


def test_a_line_is_bounded_whatever_is_logged(log: Log) -> None:
    deep: Any = "end"
    for _ in range(200):
        deep = [deep]
    many = {f"f{number}": "\x00" * 5_000 for number in range(200)}
    get_logger("x").info("x" * 1_000_000, deep=deep, raw=b"x" * 99, **many)
    text = log.text()
    assert len(text) <= MOST_LINE + 1
    line = log.lines()[0]
    assert line["cut"] is True
    assert line["event"].startswith("xxx")
    assert len(line["event"]) <= MOST_TEXT


def test_what_is_no_plain_data_is_shown_as_words(log: Log) -> None:
    deep: Any = "end"
    for _ in range(5_000):
        deep = [deep]
    assert redacted({"deep": deep, "huge": 1 << 20_000}) == {
        "deep": [[[["<list>"]]]],
        "huge": "a number of 20001 bits",
    }

    class Wild:
        def __str__(self) -> str:
            raise RuntimeError("no words")

    get_logger("x").info("odd", wild=Wild(), nan=float("nan"), raw=b"abc", pair=(1, {2}))
    line = log.lines()[0]
    assert (line["wild"], line["nan"], line["raw"], line["pair"]) == (
        "<Wild>",
        "nan",
        "3 bytes",
        [1, "{2}"],
    )


def test_a_line_that_cannot_be_made_is_told_without_what_was_in_it(log: Log) -> None:
    words, given = "%d of %s", ("hunter2",)
    record = logging.LogRecord("lib", logging.WARNING, "lib.py", 3, words, given, None)
    log.handler.handle(record)  # past the tests' own handler, which raises
    (line,) = log.lines()
    assert (line["event"], line["logger"]) == ("a line could not be written", "lib")
    assert "hunter2" not in log.text()


@given(st.text())
def test_what_is_escaped_is_one_line(text: str) -> None:
    assert escaped(text).isprintable()
    assert len(escaped(text).splitlines()) <= 1


@pytest.mark.parametrize("piece", ["://:", "password=", "://a:" * 3, "bearer ", "by_" + "a" * 16])
def test_a_hostile_text_costs_little(piece: str) -> None:
    """Each form is bounded: a text of half a million characters is done with before anyone would notice."""
    assert len(redacted_text(piece * (500_000 // len(piece)))) <= MOST_TEXT


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ValueError, match="'loud' is no level: use one of debug"):
        LogSettings(level="loud")
