"""A block that spills its secret, and documents that reach for one: what is shown or kept has none of it."""

import base64
import json
import logging
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from blockyard_blocks import BlockError, Catalog, Context, block
from blockyard_platform import Event, Runner, RunResult
from blockyard_platform.secrets.providers import GivenSecrets
from blockyard_sandbox.sandbox import Sandbox
from blockyard_sandbox.spec import JailSpec
from blockyard_schemas.statuses import Code

TOKEN = 'tk_9f+Q/"z8&wé ~7_XyZ-and-some-more'  # noqa: S105  (made up)
LONG = "".join(f"{at:03}~" for at in range(60))
KEY = "-----BEGIN KEY-----\n" + "\n".join(f"line{at}Zk{at * 7919}q" for at in range(8)) + "\n"
SECRETS = {"TOKEN": TOKEN, "LONG": LONG, "KEY": KEY, "SHORT": "q7", "NUMBER": "48151623"}


def raised(value: str, context: Context) -> None:
    raise ValueError(f"cannot use {value}")


def chained(value: str, context: Context) -> None:
    try:
        raise KeyError(value)
    except KeyError as error:
        error.add_note(value)
        raise RuntimeError("it failed") from error


def coded(value: str, context: Context) -> None:
    raise BlockError(Code.INVALID_ARGUMENT, f"{value!r} and {json.dumps(value)}")


def grouped(value: str, context: Context) -> None:
    raise ExceptionGroup(value, [ValueError(value)])


def exits(value: str, context: Context) -> None:
    raise SystemExit(value)


def cut(value: str, context: Context) -> None:
    """As messages of the platform itself cut what they show."""
    raise ValueError(f"{value[:40]!r} ... {value[:60]!a} ... {value[:80]}")


def logs_forms(value: str, context: Context) -> None:
    data = value.encode()
    for form in (
        *(base64.b64encode(b"x" * at + data + b"y").decode() for at in range(3)),
        base64.urlsafe_b64encode(data).decode().rstrip("="),
        *(
            data.hex(),
            data.hex().upper(),
            quote(value),
            quote(value, safe=""),
            quote(value).lower(),
        ),
        *(json.dumps(value), json.dumps(value, ensure_ascii=False), repr(value), ascii(value)),
    ):
        context.log(f"form: {form}")


def logs_split(value: str, context: Context) -> None:
    for at in range(1, min(len(value), 30)):
        context.log("before " + value[:at])
        context.log(value[at:] + " after")
    for letter in value:
        context.log(letter)


def logs_then_fails(value: str, context: Context) -> None:
    context.log("ends with " + value[:-1])
    raise ValueError("no more")


def in_keys(value: str, context: Context) -> Any:
    return {value: 1, "list": [{f"a{value}b": {value: value}}], f"<{value}>": value}


def as_number(value: str, context: Context) -> Any:
    return [int(value), {"n": int(value)}] if value.isdecimal() else value


def wrong_result(value: str, context: Context) -> Any:
    return {value: object()}


WAYS: list[Callable[[str, Context], Any]] = [
    raised, chained, coded, grouped, exits, cut, logs_forms, logs_split, logs_then_fails, in_keys, as_number, wrong_result,
]  # fmt: skip


@block(tags=set(), runs="host", name="leak.plain")
def plain(context: Context, *, value: str, way: int) -> Any:
    """Spill a value.

    - value: the value
    - way: how
    """
    return WAYS[way](value, context)


@block(tags=set(), runs="host", name="leak.waiting")
async def waiting(context: Context, *, value: str, way: int) -> Any:
    """Spill a value, in the event loop.

    - value: the value
    - way: how
    """
    return WAYS[way](value, context)


@block(tags=set(), runs="host", name="leak.typed")
def typed(context: Context, *, value: int) -> int:
    """Take a number.

    - value: a number
    """
    return value


POLICY = {
    "name": "acme",
    "tags": ["text"],
    "stages": ["empty", "call", "python", "try", "raise", "foreach"],
    "secrets": ["*"],
}


class Shown:
    """All that anybody is shown of a run, or that is kept of it."""

    def __init__(self, folder: Path) -> None:
        self.journal = folder / "runs.db"
        self.texts: list[str] = []

    async def run(self, stages: list[Any], **more: Any) -> RunResult:
        # A sandbox that is given is not started before it is needed.
        sandbox = None if more.pop("guest", False) else Sandbox(JailSpec())

        def note(_: Any, event: Event) -> None:
            self.texts.append(json.dumps(event.as_dict(), ensure_ascii=False))

        async with Runner(
            policy=POLICY,
            catalog=Catalog.builtin().merge(Catalog.of(plain, waiting, typed)),
            secrets=GivenSecrets(SECRETS),
            journal=self.journal,
            sandbox=sandbox,
        ) as runner:
            document = {"name": "t", "stages": stages, **more.pop("document", {})}
            result = await runner.run(document, on_event=note, **more)
        self.texts += [json.dumps(result.as_dict(), ensure_ascii=False), repr(result.logs)]
        return result

    def all(self) -> str:
        kept = [path.read_bytes().decode("latin-1") for path in self.journal.parent.iterdir()]
        return "\n".join([*self.texts, *kept])


@pytest.fixture
def shown(tmp_path: Path) -> Shown:
    """Return what is shown of runs."""
    return Shown(tmp_path)


def traces_of(value: str) -> list[str]:
    """Return what would give a value away: itself, and its pieces in the forms that it is written in."""
    data = value.encode()
    texts = [
        *(value, json.dumps(value)[1:-1], repr(value)[1:-1]),
        *(data.hex(), data.hex().upper(), quote(value, safe="")),
        *(base64.b64encode(data[at:])[:-4].decode() for at in range(3)),
    ]
    texts = [text for text in texts if len(text) >= 8]
    return texts if len(value) >= 4 else [f"use {value}", f"<{value}>", f"{value} after"]


@pytest.mark.parametrize("uses", ["leak.plain", "leak.waiting"])
@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("way", range(len(WAYS)), ids=[way.__name__ for way in WAYS])
async def test_a_block_that_spills_its_secret(
    shown: Shown, caplog: pytest.LogCaptureFixture, uses: str, name: str, way: int
) -> None:
    caplog.set_level(logging.DEBUG)
    given = {"value": {"secret": name}, "way": way}
    spill = {"id": "it", "uses": uses, "with": given, "retry": {"attempts": 2, "delay": 0}}
    caught = {"id": "caught", "echo": "caught ${{ error.message }}"}
    await shown.run([{"id": "t", "try": [spill], "catch": [caught]}])
    everything = shown.all() + caplog.text
    assert [text for text in traces_of(SECRETS[name]) if text in everything] == []
    assert "***" in everything or WAYS[way] in (chained, exits, logs_then_fails, wrong_result)


async def test_arguments_of_a_wrong_type_are_not_shown(shown: Shown) -> None:
    result = await shown.run([{"id": "it", "uses": "leak.typed", "with": {"value": {"secret": "LONG"}}}])  # fmt: skip
    error = result.jobs["main"].stages["it"].error
    assert error is not None
    assert "expected a whole number" in error["message"]
    assert LONG[:12] not in shown.all()


@pytest.mark.parametrize("way", [logs_split, logs_then_fails])
async def test_lines_are_whole_and_in_order(shown: Shown, way: Any) -> None:
    given = {"value": {"secret": "TOKEN"}, "way": WAYS.index(way)}
    result = await shown.run([{"id": "it", "uses": "leak.plain", "with": given}])
    texts = [line.text for line in result.logs]
    if way is logs_then_fails:
        # Nothing more came: what might have become a secret did not, and is shown.
        assert texts == ["ends with " + TOKEN[:-1]]
        return
    assert texts[:2] == ["before ***", "*** after"]
    assert len(texts) == 2 * (min(len(TOKEN), 30) - 1) + len(TOKEN)
    assert set(texts[-len(TOKEN) :]) == {"***"}


async def test_the_guest_never_has_it(shown: Shown) -> None:
    spill = {
        "uses": "leak.plain",
        "with": {"value": {"secret": "TOKEN"}, "way": WAYS.index(in_keys)},
    }
    code = "result = [v, sorted(v), ''.join(v)]"
    stages = [{"id": "it", **spill}, {"id": "p", "run": code, "vars": {"v": "${{ stages.it.outputs.result }}"}}]  # fmt: skip
    result = await shown.run(stages, guest=True)
    found = result.jobs["main"].stages["p"].outputs["result"]
    assert found == [
        {"***": 1, "list": [{"a***b": {"***": "***"}}], "<***>": "***"},
        ["***", "<***>", "list"],
        "***list<***>",
    ]


async def test_what_a_guest_makes_is_never_a_reference(shown: Shown) -> None:
    """From params, items, outputs of stages and expressions alike."""
    reference = {"secret": "TOKEN"}

    def using(path: str) -> dict[str, Any]:
        given = {"value": "${{ " + path + " }}", "way": WAYS.index(in_keys)}
        return {"uses": "leak.plain", "with": given, "continue-on-error": True}

    result = await shown.run(
        [
            {"id": "made", "run": "result = {'secret': 'TOKEN'}"},
            {"id": "a", **using("params.p")},
            {"id": "b", **using("stages.made.outputs.result")},
            {"id": "c", **using("{'secret': 'TOKEN'}")},
            {"id": "d", **using("params.p.secret")},
            {"id": "f", "foreach": [1], "stages": [{"id": "g", "foreach": "${{ [params.p] }}", "stages": [{"id": "e", **using("item")}]}]},
        ],
        document={"params": {"p": "any"}},
        params={"p": reference},
        guest=True,
    )  # fmt: skip
    stages = result.jobs["main"].stages
    assert [stages[name].code for name in "abc"] == [Code.INVALID_TYPE] * 3
    assert stages["d"].outputs["result"]["TOKEN"] == 1
    for secret in SECRETS.values():
        assert secret not in shown.all() or len(secret) < 4


async def test_a_trace_of_what_a_stage_raised_does_not_show_it() -> None:
    from blockyard_platform.engine.host import call_on_host

    caught: list[str] = []

    async def noted(*given: Any) -> Any:
        try:
            return await call_on_host(*given)
        except Exception as error:
            caught.append("".join(traceback.format_exception(error)))
            raise

    from blockyard_platform.engine.kinds import call

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(call, "call_on_host", noted)
        async with Runner(policy=POLICY, catalog=Catalog.of(plain), secrets=GivenSecrets(SECRETS)) as runner:  # fmt: skip
            given = {"value": {"secret": "TOKEN"}, "way": WAYS.index(chained)}
            await runner.run({"name": "t", "stages": [{"uses": "leak.plain", "with": given}]})
    assert "it failed" in caught[0]
    assert TOKEN not in caught[0]
