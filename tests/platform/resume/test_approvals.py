"""Approvals: what is asked, how it is answered, and what silence means."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from blockyard_blocks import Catalog
from blockyard_platform import Answer, Event, Runner, RunView, Waiting
from blockyard_platform.store.store import Store
from blockyard_schemas.problems import InvalidDocumentError
from blockyard_schemas.statuses import Code

from .conftest import Done
from .parked import ANY, Parked, paths

FORM: dict[str, Any] = {
    "properties": {
        "amount": {"type": "integer", "minimum": 1, "maximum": 9},
        "why": {"type": "string", "default": "no reason", "pattern": "^[a-z ]+$"},
        "kind": {"type": "string", "enum": ["a", "b"]},
    },
    "required": ["amount"],
}


def ask(name: str = "ask", **more: Any) -> dict[str, Any]:
    approval = {key: more.pop(key) for key in list(more) if key in ("form", "from", "timeout", "on-timeout", "message")}  # fmt: skip
    return {"id": name, "wait": {"approval": {"message": "go?"} | approval}, **more}


def use(name: str, value: Any = 0, **more: Any) -> dict[str, Any]:
    return {"id": name, "uses": "mine.effect", "with": {"value": value}, **more}


YES = Answer(approved=True, by="ann", values={"amount": 2}, at=1_800_000_000.0)


@pytest.fixture
def parked(tmp_path: Path, catalog: Catalog) -> Parked:
    return Parked(tmp_path / "runs.db", catalog)


async def test_what_is_asked_is_told(parked: Parked) -> None:
    told: list[dict[str, Any]] = []

    def note(_run: RunView, event: Event) -> None:
        told.append(event.as_dict())

    message = "pay ${{ params.n }} to ${{ params.n + 1 }}?"
    who: dict[str, Any] = {"from": ["lead", "${{ run.id }}"]}
    stage = ask(message=message, form=FORM, timeout="2h", **who)
    document = {"params": {"n": {"type": "integer", "default": 4}}, "stages": [stage]}
    first = await parked.begin(document, on_event=note)
    (waiting,) = first.parked
    assert (waiting.message, waiting.form, waiting.approvers) == (
        "pay 4 to 5?",
        FORM,
        ("lead", "r"),
    )
    assert waiting.due == first.wakes == waiting.since + 7200
    asked = [it for it in told if it["event"] == "approval-asked"]
    assert [(it["path"], it["data"]) for it in asked] == [("ask", waiting.as_dict())]
    await parked.go_on(on_event=note)
    assert len([it for it in told if it["event"] == "approval-asked"]) == 1


async def test_an_answer_is_the_outcome(parked: Parked, done: Done) -> None:
    stages = [ask(form=FORM), use("b", "${{ stages.ask.outputs.answer.amount }}")]
    await parked.begin({"stages": stages})
    result = await parked.go_on({"ask": YES})
    records = result.jobs["main"].stages
    assert records["ask"].outputs == {
        "approved": True,
        "by": "ann",
        "at": "2027-01-15T08:00:00+00:00",
        "answer": {"amount": 2, "why": "no reason"},
        "comment": None,
    }
    assert (records["b"].outputs, done) == ({"result": 2}, ["b"])


async def test_an_answer_is_kept_for_good(parked: Parked, done: Done) -> None:
    stages = [ask(), use("b", retry=1), {"id": "w", "wait": "1h"}]
    await parked.begin({"stages": stages})
    await parked.go_on({"ask": Answer(approved=True, by="ann")})
    again = await parked.go_on({"ask": Answer(approved=False, by="bob")})
    assert (paths(again), again.jobs["main"].stages["ask"].outputs["by"]) == (["w"], "ann")
    store = Store(parked.place)
    journal, past = store.take("r")
    journal.close()
    store.close()
    assert (list(past.begun), done) == (["w"], ["b"])


async def test_one_of_several_is_answered(parked: Parked, done: Done) -> None:
    branches = {name: [ask(), use("b")] for name in ("l", "m", "r")}
    document = {"stages": [{"id": "p", "parallel": branches, "max-workers": 3}]}
    first = await parked.begin(document)
    assert paths(first) == ["p/l/ask", "p/m/ask", "p/r/ask"]
    second = await parked.go_on({"p/m/ask": Answer(approved=True)})
    assert (paths(second), done) == (["p/l/ask", "p/r/ask"], ["p/m/b"])
    last = await parked.go_on({"p/l/ask": Answer(approved=True), "p/r/ask": Answer(approved=True)})
    assert (last.status, sorted(done)) == ("SUCCESS", ["p/l/b", "p/m/b", "p/r/b"])


async def test_who_is_refused_is_not_asked_again(parked: Parked, done: Done) -> None:
    await parked.begin({"stages": [ask(retry=3), use("b")]})
    result = await parked.go_on({"ask": Answer(approved=False, by="bob", comment="too much")})
    record = result.jobs["main"].stages["ask"]
    assert (record.status, record.code, record.attempts) == ("FAILED", Code.APPROVAL_REFUSED, 1)
    assert (record.error or {})["message"] == "bob refused: too much"
    assert (record.outputs["approved"], record.outputs["comment"]) == (False, "too much")
    assert (result.status, int(record.code), done) == ("FAILED", 137, [])


@pytest.mark.parametrize(
    ("stages", "left"),
    [
        ([{**ask(), "continue-on-error": True}, use("b")], ["b"]),
        ([{"id": "t", "try": [ask()], "catch": [use("c")]}, use("b")], ["t/catch/c", "b"]),
        ([{"id": "t", "retry": 2, "try": [ask()], "finally": [use("z")]}, use("b")], ["t/finally/z"]),
        ([ask(), {**use("b"), "always": True}], ["b"]),
    ],
)  # fmt: skip
async def test_a_refusal_is_a_failure_as_others_are(
    stages: list[Any], left: list[str], parked: Parked, done: Done
) -> None:
    first = await parked.begin({"stages": stages})
    await parked.go_on({paths(first)[0]: Answer(approved=False)})
    assert done == left


async def test_a_retry_that_names_the_refusal_asks_again(parked: Parked) -> None:
    retry = {"attempts": 2, "on": "APPROVAL_REFUSED"}
    await parked.begin({"stages": [ask(retry=retry)]})
    second = await parked.go_on({"ask": Answer(approved=False)})
    assert paths(second) == ["ask~2"]
    result = await parked.go_on({"ask~2": Answer(approved=True)})
    assert (result.status, result.jobs["main"].stages["ask"].attempts) == ("SUCCESS", 2)


@pytest.mark.parametrize(
    ("on_timeout", "status", "code"),
    [
        (None, "FAILED", "TIMEOUT"),
        ("fail", "FAILED", "TIMEOUT"),
        ("refuse", "FAILED", "APPROVAL_REFUSED"),
        ("approve", "SUCCESS", "DONE"),
    ],
)
async def test_silence_means_what_the_document_says(
    on_timeout: str | None, status: str, code: str, parked: Parked
) -> None:
    said = {} if on_timeout is None else {"on-timeout": on_timeout}
    await parked.begin({"stages": [ask(timeout="1h", form=FORM, **said)]})
    parked.later(3601)
    result = await parked.go_on()
    record = result.jobs["main"].stages["ask"]
    assert (result.status, record.code.name) == (status, code)
    assert "nobody answered within 3600 s" in str(record.error or record.outputs["comment"])


async def test_an_answer_that_came_is_taken_also_when_the_time_is_over(parked: Parked) -> None:
    await parked.begin({"stages": [ask(timeout="1h")]})
    parked.later(3601)
    assert (await parked.go_on({"ask": Answer(approved=True)})).status == "SUCCESS"


MISFITS: list[tuple[Any, str]] = [
    ({}, "needs the key 'amount'"),
    ({"amount": 10}, "at most 9"),
    ({"amount": True}, "a whole number"),
    ({"amount": 1, "why": "A"}, "must match the pattern"),
    ({"amount": 1, "kind": "c"}, "must be one of"),
    ({"amount": 1, "more": 2}, "has no key 'more'"),
    ({"amount": 1, "why": "x" * 4_001}, "at most 4000 characters"),
    ({"amount": [[[]]]}, "a whole number"),
    ({"amount": object()}, "not plain data"),
    ([1], "must be a mapping"),
]


@pytest.mark.parametrize(("values", "fault"), MISFITS)
async def test_an_answer_that_does_not_fit_is_put_aside(
    values: Any, fault: str, parked: Parked
) -> None:
    first = await parked.begin({"stages": [ask(form=FORM)]})
    again = await parked.go_on({"ask": Answer(approved=True, values=values)})
    assert again.parked == first.parked
    (line,) = again.logs
    assert line.stage == "ask"
    assert "an answer was put aside: " in line.text
    assert fault in line.text


async def test_an_answer_to_what_was_never_asked_is_put_aside(parked: Parked) -> None:
    first = await parked.begin({"stages": [ask()]})
    again = await parked.go_on({"aks": Answer(approved=True)})
    assert again.parked == first.parked
    assert [(it.stage, it.text) for it in again.logs] == [
        ("aks", "an answer was put aside: nothing was asked here")
    ]


async def test_who_refuses_need_not_fill_the_form_in(parked: Parked) -> None:
    await parked.begin({"stages": [ask(form=FORM)]})
    result = await parked.go_on({"ask": Answer(approved=False)})
    assert result.jobs["main"].stages["ask"].code.name == "APPROVAL_REFUSED"


async def test_an_answer_comes_while_the_run_is_at_work(parked: Parked, done: Done) -> None:
    branches = {"l": [ask(form=FORM), use("b")], "r": [{"id": "s", "sleep": 600}]}
    async with Runner(journal=parked.place, catalog=parked.catalog) as runner:
        document = {"name": "t", "stages": [{"id": "p", "parallel": branches}]}
        handle = runner.start(document, run_id="r", parking=ANY)
        while not handle.waiting:
            await asyncio.sleep(0.01)
        assert not handle.answer("p/l/aks", YES)
        with pytest.raises(InvalidDocumentError, match="needs the key 'amount'"):
            handle.answer("p/l/ask", Answer(approved=True))
        assert handle.answer("p/l/ask", YES)
        assert not handle.answer("p/l/ask", YES)
        while "p/l/b" not in done:
            await asyncio.sleep(0.01)
        handle.cancel()
        assert (await handle.result()).status == "CANCEL"


async def test_an_embedding_program_answers(done: Done, catalog: Catalog) -> None:
    seen: list[tuple[str, str, str | None]] = []

    def at_once(run: RunView, waiting: Waiting) -> Answer:
        seen.append((run.run_id, waiting.path, waiting.message))
        return YES

    async def later(run: RunView, waiting: Waiting) -> Answer:
        return at_once(run, waiting)

    async with Runner(catalog=catalog) as runner:
        for on_approval in (at_once, later):
            document = {"name": "t", "stages": [ask(form=FORM), use("b")]}
            result = await runner.run(document, run_id="r", on_approval=on_approval)
            assert result.status == "SUCCESS"
    assert (seen, done) == ([("r", "ask", "go?")] * 2, ["b", "b"])


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        (Answer(approved=True), "INVALID_ARGUMENT", "does not fit: "),
        ("yes", "INVALID_TYPE", "is to return an Answer"),
        (TimeoutError("mine"), "UNHANDLED_EXCEPTION", "TimeoutError"),
    ],
)
async def test_a_program_that_answers_wrongly_fails_the_stage(
    given: Any, code: str, words: str
) -> None:
    def answer(_run: RunView, _waiting: Waiting) -> Any:
        if isinstance(given, Exception):
            raise given
        return given

    async with Runner() as runner:
        document = {"name": "t", "stages": [ask(form=FORM, timeout="1h")]}
        result = await runner.run(document, on_approval=answer)
    record = result.jobs["main"].stages["ask"]
    assert record.code.name == code
    assert words in (record.error or {})["message"]


async def test_a_program_leaves_it_to_somebody_else_or_to_time() -> None:
    async with Runner() as runner:
        stages = [ask(timeout="50ms", **{"on-timeout": "approve"})]
        document = {"name": "t", "stages": stages}
        result = await runner.run(document, on_approval=lambda _run, _waiting: None)
    assert result.jobs["main"].stages["ask"].outputs["approved"] is True


@pytest.mark.parametrize("nested", [False, True])
async def test_without_anybody_to_ask_the_run_is_refused(nested: bool) -> None:
    stage: dict[str, Any] = {"id": "f", "foreach": [1], "stages": [ask()]} if nested else ask()
    async with Runner() as runner:
        assert runner.admit({"name": "t", "stages": [stage]}).valid
        result = await runner.run({"name": "t", "stages": [stage]})
    (problem,) = result.problems
    pointer = "/stages/0/stages/0" if nested else "/stages/0"
    assert (result.run_id, problem.rule, problem.pointer) == (None, "unsupported", pointer)
    assert "on_approval" in str(problem.hint)


async def test_a_child_that_asks_counts() -> None:
    child = {"name": "c", "stages": [ask()]}
    async with Runner(workflows={"c": child}) as runner:
        result = await runner.run({"name": "t", "stages": [{"trigger": "c"}]})
    assert [it.rule for it in result.problems] == ["unsupported"]


async def test_a_dry_run_asks_nobody() -> None:
    async with Runner() as runner:
        result = await runner.run({"name": "t", "stages": [ask(form=FORM)]}, dry_run=True)
    assert result.jobs["main"].stages["ask"].outputs == {
        "approved": True,
        "by": None,
        "at": None,
        "answer": {"why": "no reason"},
        "comment": None,
    }
