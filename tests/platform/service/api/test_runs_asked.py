"""Runs over HTTP: what is asked of them, and what cannot be."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from blockyard_platform.service.parts import Parts

from .conftest import problem

RUNS = "/api/v1/tenants/ant/runs"
Token = Callable[..., dict[str, str]]


@pytest.fixture
def operator(client: httpx.AsyncClient, token: Token) -> httpx.AsyncClient:
    client.headers.update(token("operator", "ant"))
    return client


@pytest.mark.parametrize("name", ["since", "before"])
@pytest.mark.parametrize("time", ["2026-01-31T12:00:00", "2026-01-31", "0001-01-01T00:00:00"])
async def test_a_time_has_a_zone(operator: httpx.AsyncClient, name: str, time: str) -> None:
    said = problem(await operator.get("/api/v1/runs", params={name: time}), 422)
    assert said["detail"] == f"query {name}: Input should have timezone info"


@pytest.mark.parametrize(
    ("given", "count"),
    [
        ({"since": "0001-01-01T00:00:00Z"}, 4),
        ({"before": "9999-12-31T23:59:59-12:00"}, 4),
        ({"since": "9999-12-31T23:59:59-12:00"}, 0),
        ({"before": "0001-01-01T00:00:00+12:00"}, 0),
    ],
)
async def test_any_time_with_a_zone_is_one(
    operator: httpx.AsyncClient, ids: dict[str, str], given: dict[str, str], count: int
) -> None:
    found = await operator.get("/api/v1/runs", params=given)
    assert len(found.json()["items"]) == count


async def test_a_key_whose_run_was_deleted_begins_no_other(
    operator: httpx.AsyncClient, ids: dict[str, str]
) -> None:
    asked: Any = {"json": {"workflow": "report"}, "headers": {"Idempotency-Key": "k-1"}}
    first = await operator.post(RUNS, **asked)
    assert first.status_code == 201
    run = first.json()["id"]
    assert (await operator.post(f"{RUNS}/{run}/cancel", json={})).status_code == 200
    assert (await operator.post(RUNS, **asked)).json()["state"] == "ended"
    assert (await operator.delete(f"{RUNS}/{run}")).status_code == 204
    for wait in ("0", "1"):
        said = problem(await operator.post(RUNS, params={"wait": wait}, **asked), 409)
        assert said["detail"] == f"the run {run}, which this submission began, was deleted"
    problem(await operator.get(f"{RUNS}/{run}"), 404)


async def test_a_run_that_its_group_holds_says_why(operator: httpx.AsyncClient) -> None:
    text = "name: one\nconcurrency: k\nstages: [{echo: x}]\n"
    made = [(await operator.post(RUNS, json={"document": text})).json() for _ in range(3)]
    assert [it["state"] for it in made] == ["queued", "waiting", "waiting"]
    words = "1 of its group 'k' are under way, and 1 may be"
    last = (await operator.get(f"{RUNS}/{made[2]['id']}")).json()
    assert last["queued"] == {"position": 2, "reason": "group", "words": words}


async def test_a_run_is_done_again_from_a_stage_or_as_a_whole(
    operator: httpx.AsyncClient, ids: dict[str, str], parts: Parts
) -> None:
    url = f"{RUNS}/{ids['ENDED ant']}/resume"
    said = problem(await operator.post(url, json={"start": "a", "reset": True}), 422)
    assert said["hint"] == "give one of the two"
    assert (await operator.post(url, json={"reset": True})).json()["state"] == "queued"
