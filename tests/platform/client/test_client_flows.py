"""The main flows, with both clients, on both databases."""

import pytest

from blockyard_platform.client import (
    AsyncClient,
    Client,
    ConflictError,
    NotAdmittedError,
    NotFoundError,
    RunFailedError,
)
from blockyard_platform.service.runs.views import State
from blockyard_schemas.statuses import Status

from .served import FAILING, HELLO, SLOW

SLEEPING = """
name: sleeping
params: {seconds: {type: number, default: 0}}
stages:
  - {id: s, sleep: "${{ params.seconds }}"}
  - {id: a, raise: it is wrong}
"""


def test_a_run_is_submitted_and_its_result_waited_for(client: Client, tenant: str) -> None:
    run = client.submit(workflow="hello", params={"n": 3}, priority=5)
    found = run.result(timeout=120)
    assert (found.status, found.outputs, found.priority) == (Status.SUCCESS, {"answer": 63}, 5)
    assert repr(run) == f"Run({tenant}/{run.id})"
    assert run.look().state is State.ENDED
    assert [(it.path, it.status) for it in client.list_stages(run.id)] == [("a", Status.SUCCESS)]
    assert client.get_run_document(run.id)["name"] == "hello"
    texts = [it.data.get("text") for it in run.events() if it.kind == "log"]
    assert texts == ["hi 3"]
    assert [it.id for it in client.list_runs(tenant)] == [run.id]


async def test_the_other_client_does_the_same(aclient: AsyncClient, tenant: str) -> None:
    run = await aclient.submit(HELLO, params={"n": 4})
    found = await run.result(timeout=120)
    assert found.outputs == {"answer": 84}
    kinds = [it.kind async for it in run.events()]
    assert kinds == [it.kind async for it in aclient.list_events(run.id)]
    assert "stage-finished" in kinds
    assert [it.id async for it in aclient.list_runs(tenant, limit=1)] == [run.id]
    assert (await aclient.get_me()).role == "admin"


def test_a_document_can_be_plain_data(client: Client) -> None:
    document = {"name": "plain", "stages": [{"id": "a", "echo": "x"}]}
    assert client.submit(document).result(120).workflow == "plain"


def test_a_run_that_fails_is_an_exception_with_the_run(client: Client) -> None:
    run = client.submit(FAILING)
    with pytest.raises(RunFailedError, match=r"has ended with FAILED: a: it is wrong$") as caught:
        run.result(120)
    assert caught.value.run.jobs == {"main": Status.FAILED}
    client.resume_run(run.id)
    assert client.wait(run.id, timeout=120).status is Status.FAILED


def test_a_run_that_is_done_again_has_not_ended(client: Client) -> None:
    run = client.submit(SLEEPING)
    assert run.wait(120).status is Status.FAILED
    again = client.resume_run(run.id, start="s", params={"seconds": 600})
    assert (again.id, again.ended) == (run.id, None)
    assert again.state is not State.ENDED
    run.cancel()
    assert run.wait(120).status is Status.CANCEL


def test_a_run_is_cancelled(client: Client) -> None:
    run = client.submit(SLOW)
    for event in run.events():
        if event.path == "a":
            run.cancel("enough")
    with pytest.raises(RunFailedError, match=r"CANCEL$"):
        run.result(120)
    client.delete_run(run.id)
    with pytest.raises(NotFoundError) as caught:
        run.look()
    assert (caught.value.status, caught.value.rule) == (404, "not-found")


def test_the_same_key_is_the_same_run(client: Client) -> None:
    first = client.submit(HELLO, key="mine")
    assert client.submit(HELLO, key="mine").id == first.id
    assert client.submit(HELLO).id != first.id
    with pytest.raises(ConflictError):
        client.submit(FAILING, key="mine")


def test_what_is_not_admitted_says_where(client: Client) -> None:
    with pytest.raises(NotAdmittedError) as caught:
        client.submit("name: x\nstages: [{image: alpine}]")
    assert caught.value.problems[0].rule == "FORBIDDEN_STAGE"
    found = client.validate_document("name: x\nstages: [{rnu: 1}]")
    assert not found.valid
    assert (found.problems[0].rule, found.problems[0].line) == ("unknown-key", 2)


def test_listings_go_over_all_pages(client: Client, tenant: str) -> None:
    ids = [client.submit(HELLO).id for _ in range(5)]
    rows = list(client.list_runs(tenant, limit=2))
    assert [it.id for it in rows] == ids[::-1]
    for run in ids:
        client.wait(run, timeout=120)
    ended = client.list_runs(tenant, status=Status.SUCCESS, limit=2)
    assert {it.id for it in ended} == set(ids)
