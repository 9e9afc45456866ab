"""Runs of tenants, from their submission to their end, with real guests, on both databases."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from blockyard_platform.service.dispatch.desk import Desk
from blockyard_platform.service.registry import policies, switches, usage, workflows
from blockyard_platform.service.registry.callers import ALL, Caller, Role
from blockyard_platform.service.registry.errors import ForbiddenError, NotFoundError, QuotaError
from blockyard_platform.service.registry.switches import SwitchKind
from blockyard_platform.service.runs.orders import RefusedError
from blockyard_platform.service.runs.views import State
from blockyard_platform.waits import Answer
from blockyard_schemas.problems import InvalidDocumentError
from blockyard_schemas.statuses import Status

from .conftest import ADMIN, POLICY, SERVICE, Place, until

SUM = """
name: sum
params: {n: int}
stages:
  - id: say
    echo: begun
  - id: add
    run: |
      print("adding", n)
      result = n + 1
    vars: {n: "${{ params.n }}"}
outputs: {total: "${{ stages.add.outputs.result }}"}
"""
SLOW = "name: slow\nstages: [{id: nap, sleep: 500}]\n"


def test_a_run_comes_to_its_end_and_tells_what_happened(here: Place) -> None:
    run_id = here.submit(SUM, params={"n": 41})
    found = here.reach(run_id)
    assert (found.row.status, found.outputs, found.jobs) == (
        Status.SUCCESS,
        {"total": 42},
        {"main": "SUCCESS"},
    )
    told = [(it.kind, it.path, it.data.get("text")) for it in here.events(run_id)]
    assert ("log", "add", "adding 41") in told
    assert [it[:2] for it in told if it[0].startswith("stage")] == [
        ("stage-started", "say"),
        ("stage-finished", "say"),
        ("stage-started", "add"),
        ("stage-finished", "add"),
    ]
    assert told[-1][0] == "run-finished"
    numbers = [it.seq for it in here.events(run_id)]
    assert numbers == sorted(set(numbers))
    with here.database.reading() as work:
        used = usage.page(work, SERVICE, "ant").items  # two days, around midnight
    assert sum(it.runs for it in used) == 1
    assert sum(it.cpu_seconds for it in used) == found.cpu_seconds > 0


def test_many_runs_of_two_tenants_end_each_once(here: Place) -> None:
    wanted = {here.submit(SUM, params={"n": number}): number for number in range(20)}
    other = [here.submit(SUM, "bee", params={"n": 0}) for _ in range(5)]
    for run_id, number in wanted.items():
        assert here.reach(run_id).outputs == {"total": number + 1}
    for run_id in other:
        assert here.reach(run_id, tenant="bee").outputs == {"total": 1}


def test_a_failure_is_told_with_its_reason(here: Place) -> None:
    run_id = here.submit("name: bad\nstages: [{id: a, run: 'x = 1 / 0'}]\n")
    found = here.reach(run_id)
    assert (found.row.status, found.jobs) == (Status.FAILED, {"main": "FAILED"})
    ends = [it.data for it in here.events(run_id) if it.kind == "stage-finished"]
    assert "division by zero" in ends[0]["error"]["message"]


def test_a_run_under_way_is_cancelled(here: Place) -> None:
    run_id = here.submit(SLOW)
    here.begun(run_id)
    here.runs.cancel(SERVICE, "ant", run_id)
    assert here.reach(run_id).row.status is Status.CANCEL


def test_a_run_is_cancelled_however_early(here: Place) -> None:
    names = [here.submit(SLOW) for _ in range(12)]
    for run_id in names:
        here.runs.cancel(SERVICE, "ant", run_id)
    for run_id in names:
        assert here.reach(run_id).row.status is Status.CANCEL


def test_a_run_is_cancelled_while_it_is_handed_over(
    here: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter = Desk.enter

    def late(desk: Desk, run_id: str, number: int) -> Any:
        here.runs.cancel(SERVICE, "ant", run_id)
        until(lambda: (run_id, number) in desk._told)  # pyright: ignore[reportPrivateUsage]
        return enter(desk, run_id, number)

    monkeypatch.setattr(Desk, "enter", late)
    run_id = here.submit(SLOW)
    assert here.reach(run_id).row.status is Status.CANCEL


def test_the_policy_of_the_moment_counts(here: Place) -> None:
    blockers = [here.submit(SLOW) for _ in range(4)]
    run_id = here.submit(SUM, params={"n": 1})
    with here.database.writing() as work:
        policies.put(work, ADMIN, "ant", "{stages: [empty]}")
    for it in blockers:
        here.runs.cancel(SERVICE, "ant", it)
    found = here.reach(run_id)
    assert found.row.status is Status.FAILED
    assert [it["rule"] for it in found.problems] == ["FORBIDDEN_STAGE"]


def test_what_was_stopped_meanwhile_does_not_begin(here: Place) -> None:
    blockers = [here.submit(SLOW) for _ in range(4)]
    run_id = here.submit(SUM, params={"n": 1})
    with here.database.writing() as work:
        switches.stop(work, ADMIN, SwitchKind.WORKFLOW, "sum", "it is wrong", tenant="ant")
    for it in blockers:
        here.runs.cancel(SERVICE, "ant", it)
    found = here.reach(run_id)
    assert found.row.status is Status.FAILED
    assert "it is wrong" in found.problems[0]["message"]


def test_a_run_is_done_again_from_a_stage(here: Place) -> None:
    run_id = here.submit(SUM, params={"n": 1})
    here.reach(run_id)
    here.runs.resume(SERVICE, "ant", run_id, params={"n": 5}, start="add")
    found = here.reach(run_id)
    assert found.outputs == {"total": 6}
    starts = [it.path for it in here.events(run_id) if it.kind == "stage-started"]
    assert starts == ["say", "add", "add"]


def test_a_waiting_worker_tells_why_a_run_waits(here: Place) -> None:
    blockers = [here.submit(SLOW) for _ in range(4)]
    for it in blockers:
        here.reach(it, State.RUNNING)
    run_id = here.submit(SLOW)
    waiting = here.worker.dispatcher.why_waiting(run_id)
    assert waiting is not None
    assert (waiting.position, waiting.reason) == (1, "busy")
    for it in (*blockers, run_id):
        here.runs.cancel(SERVICE, "ant", it)
        here.reach(it)


def test_what_is_stopped_ends_where_it_runs(here: Place) -> None:
    names = [here.submit(SLOW) for _ in range(6)]
    other = here.submit(SUM, params={"n": 1})
    for run_id in names[:4]:
        here.begun(
            run_id
        )  # one that was about to would be refused, and not be there to be cancelled
    with here.database.writing() as work:
        switches.stop(work, ADMIN, SwitchKind.WORKFLOW, "slow", "too slow", tenant="ant")
    assert here.runs.cancel_stopped("ant") == 6
    for run_id in names:
        assert here.reach(run_id).row.status in (Status.CANCEL, Status.FAILED)
    assert here.reach(other).row.status is Status.SUCCESS


def test_what_a_run_stores_is_counted_and_given_back(here: Place) -> None:
    run_id = here.submit(SUM, params={"n": 1})
    here.reach(run_id)
    with here.database.reading() as work:
        held = usage.stored(work, SERVICE, "ant")
    assert held > len(SUM)
    with here.database.writing() as work:
        usage.set_quota(work, ADMIN, "ant", usage.Quota(stored_bytes=held))
    with pytest.raises(QuotaError, match="bytes are used up"):
        here.submit(SUM, params={"n": 1})
    here.runs.delete(SERVICE, "ant", run_id)
    with here.database.reading() as work:
        assert usage.stored(work, SERVICE, "ant") == 0
    here.reach(here.submit(SUM, params={"n": 1}))


KEYS = """
name: keys
params: {value: str}
stages:
  - {id: before, uses: kv.get, with: {key: shared, default: none}}
  - {id: set, uses: kv.set, with: {key: shared, value: "${{ params.value }}"}}
outputs: {before: "${{ stages.before.outputs.result }}"}
"""


def test_tenants_whose_policies_are_called_alike_share_nothing(here: Place) -> None:
    with here.database.writing() as work:
        for tenant in ("ant", "bee"):
            policies.put(work, ADMIN, tenant, POLICY + "name: same\nkv: {quota_mib: 1}\n")
    ids = [here.submit(KEYS, tenant, params={"value": tenant}) for tenant in ("ant", "bee")]
    for run_id, tenant in zip(ids, ("ant", "bee"), strict=True):
        assert here.reach(run_id, tenant=tenant).outputs == {"before": "none"}
    again = here.submit(KEYS, "ant", params={"value": "x"})
    assert here.reach(again).outputs == {"before": "ant"}


def test_keys_are_the_same_on_every_machine(here: Place, tmp_path: Path) -> None:
    """Where machines share a database; a database that is a file has one machine, and its keys lie beside it."""
    with here.database.writing() as work:
        policies.put(work, ADMIN, "ant", POLICY + "kv: {quota_mib: 1}\n")
    here.reach(here.submit(KEYS, params={"value": "here"}))
    here.end()
    here.begin(replace(here.ground, data=tmp_path / "of another machine"))
    found = here.reach(here.submit(KEYS, params={"value": "there"})).outputs
    shared = here.database.engine.dialect.name == "postgresql"
    assert found == {"before": "here" if shared else "none"}


WAITS = """
name: waits
stages:
  - {id: before, run: "result = 1"}
  - {id: pause, wait: 1h}
  - {id: after, run: "result = before + 1", vars: {before: "${{ stages.before.outputs.result }}"}}
outputs: {n: "${{ stages.after.outputs.result }}"}
"""
ASKS = """
name: asks
stages:
  - id: ask
    wait:
      approval:
        message: Ship it?
        form: {type: object, properties: {count: {type: integer}}, required: [count]}
        from: [operator]
  - {id: ship, echo: "${{ stages.ask.outputs.answer.count }}"}
outputs: {count: "${{ stages.ask.outputs.answer.count }}"}
"""
BESIDE = """
name: beside
jobs:
  slow: {stages: [{sleep: 500}]}
  main:
    stages:
      - {id: ask, wait: {approval: {message: Ship it?}}}
      - {id: ship, echo: "${{ stages.ask.outputs.approved }}"}
"""


def test_a_run_that_waits_gives_its_slot_back(here: Place) -> None:
    ids = [here.submit(WAITS) for _ in range(8)]
    for run_id in ids:
        here.reach(run_id, State.WAITING)
    assert here.reach(here.submit(SUM, params={"n": 1})).row.status is Status.SUCCESS
    here.come()
    for run_id in ids:
        found = here.reach(run_id)
        assert (found.row.status, found.outputs, found.waits) == (Status.SUCCESS, {"n": 2}, ())


def test_an_approval_is_asked_and_answered_once(here: Place) -> None:
    run_id = here.submit(ASKS)
    found = here.reach(run_id, State.WAITING)
    assert [(it.path, it.kind, it.asked["message"]) for it in found.waits] == [
        ("ask", "approval", "Ship it?")
    ]
    operator = Caller("ant", Role.OPERATOR, frozenset({ALL}), "o-1")
    with pytest.raises(ForbiddenError, match="not among those"):
        here.runs.answer(SERVICE, "ant", run_id, "ask", Answer(approved=True, values={"count": 2}))
    with pytest.raises(InvalidDocumentError):
        here.runs.answer(operator, "ant", run_id, "ask", Answer(approved=True, values={}))
    here.runs.answer(operator, "ant", run_id, "ask", Answer(approved=True, values={"count": 2}))
    found = here.reach(run_id)
    assert (found.row.status, found.outputs) == (Status.SUCCESS, {"count": 2})
    with pytest.raises(NotFoundError):
        here.runs.answer(operator, "ant", run_id, "ask", Answer(approved=False))


OUTER = """
name: outer
stages:
  - {id: ask, wait: {approval: {message: Go on?}}}
  - {id: go, trigger: inner}
outputs: {value: "${{ stages.go.outputs.value }}"}
"""


def inner(here: Place, value: str, stages: str = "[{echo: hello}]") -> None:
    with here.database.writing() as work:
        text = f"name: inner\nstages: {stages}\noutputs: {{value: {value}}}\n"
        workflows.put(work, ADMIN, "ant", "inner", text)


def test_a_run_triggers_what_it_began_with(here: Place) -> None:
    operator = Caller("ant", Role.OPERATOR, frozenset({ALL}), "o-1")
    inner(here, "first")
    run_id = here.submit(OUTER)
    here.reach(run_id, State.WAITING)
    inner(here, "second")
    here.runs.answer(operator, "ant", run_id, "ask", Answer(approved=True))
    found = here.reach(run_id)
    assert (found.row.status, found.outputs) == (Status.SUCCESS, {"value": "first"})
    inner(here, "third", "[{uses: no.such}]")
    here.runs.resume(SERVICE, "ant", run_id, start="go")
    assert here.reach(run_id).outputs == {"value": "first"}
    with pytest.raises(RefusedError):
        here.submit(OUTER)
    # What is stopped since is stopped in what it keeps, too.
    with here.database.writing() as work:
        switches.stop(work, ADMIN, SwitchKind.WORKFLOW, "inner", "it is wrong", tenant="ant")
    with pytest.raises(RefusedError, match="it is wrong"):
        here.runs.resume(SERVICE, "ant", run_id, start="go")


def test_a_run_that_has_not_begun_triggers_the_newest(here: Place) -> None:
    inner(here, "first")
    blockers = [here.submit(SLOW) for _ in range(4)]
    run_id = here.submit(OUTER.replace("- {id: ask, wait: {approval: {message: Go on?}}}", ""))
    inner(here, "second")
    for it in blockers:
        here.runs.cancel(SERVICE, "ant", it)
    assert here.reach(run_id).outputs == {"value": "second"}


def test_what_a_run_keeps_of_what_it_triggers_is_stored_for_it(here: Place) -> None:
    text = OUTER.replace("- {id: ask, wait: {approval: {message: Go on?}}}", "")
    inner(here, "first")
    here.reach(here.submit(text))
    with here.database.reading() as work:
        short = usage.stored(work, SERVICE, "ant")
    inner(here, "first", "[{echo: " + "x" * 10_000 + "}]")
    here.reach(here.submit(text))
    with here.database.reading() as work:
        # As a version of the workflow, as the document that the run keeps, and as the stage's output.
        assert usage.stored(work, SERVICE, "ant") - short > 30_000


def test_how_long_a_document_may_be_is_judged_once(here: Place) -> None:
    long = (
        "\N{LATIN SMALL LETTER E WITH ACUTE}" * 120_000
    )  # fewer bytes than the policy allows, and more as JSON
    run_id = here.submit(f"name: long\nstages: [{{id: say, if: false, echo: {long}}}]\n")
    assert here.reach(run_id).row.status is Status.SUCCESS
    here.runs.resume(SERVICE, "ant", run_id, reset=True)
    assert here.reach(run_id).row.status is Status.SUCCESS


def test_an_approval_is_answered_while_other_things_go_on(here: Place) -> None:
    run_id = here.submit(BESIDE)
    operator = Caller("ant", Role.OPERATOR, frozenset({ALL}), "o-1")
    until(lambda: [it for it in here.read(run_id).waits if it.kind == "approval"])
    here.runs.answer(operator, "ant", run_id, "main:ask", Answer(approved=True))
    until(lambda: [it for it in here.events(run_id) if it.path == "main:ship"])
    assert here.read(run_id).row.state is State.RUNNING
    here.runs.cancel(SERVICE, "ant", run_id)
    assert here.reach(run_id).row.status is Status.CANCEL
