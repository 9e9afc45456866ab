"""What each subject of the API does, beyond who may do it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from blockyard_platform.cli.app import invoke
from blockyard_platform.service.parts import Parts
from blockyard_platform.service.registry import sealed
from blockyard_platform.service.registry.audit import BEGINNING, Head, read_lines, verify
from blockyard_platform.service.registry.database import Database
from blockyard_platform.service.sealing import opener
from blockyard_schemas.validation import is_valid

from ..registry.conftest import DOCUMENT, SERVICE
from .conftest import YAML, problem

Token = Callable[..., dict[str, str]]
ANT = "/api/v1/tenants/ant"
WIDE = 'tags: "*"\nstages: [empty, python, call]\n'
PYTHON = "name: code\nstages:\n  - run: x = 1\n"


@pytest.fixture
def admin(client: httpx.AsyncClient, token: Token) -> httpx.AsyncClient:
    client.headers.update(token("admin"))
    return client


async def put_policy(admin: httpx.AsyncClient, text: str, note: str = "") -> dict[str, Any]:
    found = await admin.post(f"{ANT}/policies", content=text, headers=YAML, params={"note": note})
    assert found.status_code == 201, found.text
    said: dict[str, Any] = found.json()
    return said


async def put_workflow(admin: httpx.AsyncClient, name: str, text: str) -> httpx.Response:
    return await admin.put(f"{ANT}/workflows/{name}", content=text, headers=YAML)


async def test_a_policy_is_a_version_and_can_be_pinned(admin: httpx.AsyncClient) -> None:
    second = await put_policy(admin, WIDE, "more kinds")
    assert (second["version"], second["note"], second["text"]) == (2, "more kinds", WIDE)
    assert second["policy"]["stages"] == ["call", "empty", "python"]
    third = await admin.post(f"{ANT}/policies", json={"steps": 7})
    assert third.json()["policy"]["steps"] == 7
    assert (await admin.get(f"{ANT}/policy")).json()["version"] == 3
    pin = await admin.put(f"{ANT}/policy/pin", json={"version": 2})
    assert pin.json() == {"version": 2}
    assert (await admin.get(f"{ANT}/policy")).json() == second
    problem(await admin.put(f"{ANT}/policy/pin", json={"version": 9}), 404)
    assert (await admin.put(f"{ANT}/policy/pin", json={"version": None})).status_code == 200
    assert (await admin.get(f"{ANT}/policy")).json()["version"] == 3
    diff = (await admin.get(f"{ANT}/policies/1/diff", params={"to": 3})).json()["diff"]
    assert diff.splitlines()[-2:] == ["-steps: 5", "+steps: 7"]
    listed = (await admin.get(f"{ANT}/policies")).json()["items"]
    assert [it["version"] for it in listed] == [3, 2, 1]


async def test_a_policy_that_is_wrong_is_told_by_line(admin: httpx.AsyncClient) -> None:
    text = "steps: 5\ntagz: [a]\n"
    found = problem(await admin.post(f"{ANT}/policies", content=text, headers=YAML), 422)
    only = found["problems"][0]
    assert (only["rule"], only["line"], only["hint"]) == ("unknown-key", 2, "did you mean 'tags'?")


async def test_what_a_policy_would_change_is_told_before(admin: httpx.AsyncClient) -> None:
    await put_policy(admin, WIDE)
    for number in range(12):
        assert (await put_workflow(admin, f"w{number:02}", PYTHON)).status_code == 201
    assert (await put_workflow(admin, "w00", DOCUMENT)).status_code == 201
    path = f"{ANT}/policies/evaluate"
    answer = await admin.post(path, content="steps: 5", headers=YAML)
    found = answer.json()
    assert found["counts"] == {"refused": 11, "still-admitted": 2}
    assert [it["reference"] for it in found["items"]] == [f"w{it:02}@1" for it in range(1, 12)]
    first = found["items"][0]
    assert (first["change"], first["problems"][0]["rule"]) == ("refused", "FORBIDDEN_STAGE")
    assert found["next"] is None
    every = await admin.post(path, content="steps: 5", headers=YAML, params={"over": "versions"})
    assert every.json()["counts"] == {"refused": 12, "still-admitted": 2}
    # The policy in force is not what is proposed: nothing was stored.
    assert (await admin.get(f"{ANT}/policy")).json()["version"] == 2
    await put_policy(admin, "steps: 5")
    back = await admin.post(path, content=WIDE, headers=YAML, params={"unchanged": True})
    assert back.json()["counts"] == {"allowed": 11, "still-admitted": 2}
    assert len(back.json()["items"]) == 13


async def test_an_evaluation_goes_on_by_pages(admin: httpx.AsyncClient) -> None:
    await put_policy(admin, WIDE)
    for number in range(5):
        await put_workflow(admin, f"w{number}", PYTHON)
    told: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        found = await admin.post(
            f"{ANT}/policies/evaluate", content="steps: 5", headers=YAML, params=query
        )
        told += [it["reference"] for it in found.json()["items"]]
        if found.json()["next"] is None:
            break
        query["cursor"] = found.json()["next"]
    assert told == [f"w{it}@1" for it in range(5)]


async def test_a_proposed_policy_is_tried_on_past_runs(admin: httpx.AsyncClient) -> None:
    await put_policy(admin, WIDE)
    ids = [
        (await admin.post(f"{ANT}/runs", json={"document": it})).json()["id"]
        for it in (PYTHON, DOCUMENT)
    ]
    path, query = f"{ANT}/policies/evaluate", {"over": "runs"}
    found = await admin.post(path, content="steps: 5", headers=YAML, params=query)
    assert found.json()["counts"] == {"refused": 1, "still-admitted": 1}
    assert [it["reference"] for it in found.json()["items"]] == ids[:1]
    one = await admin.post(path, content="steps: 5", headers=YAML, params=query | {"limit": 1})
    assert one.json()["next"] is not None


async def test_a_workflow_is_admitted_before_it_is_stored(admin: httpx.AsyncClient) -> None:
    refused = problem(await put_workflow(admin, "code", PYTHON), 422)
    assert refused["type"] == "urn:blockyard:problem:not-admitted"
    assert refused["detail"] == "the tenant's policy (version 1) does not admit the document"
    assert [(it["rule"], it["line"]) for it in refused["problems"]] == [("FORBIDDEN_STAGE", 3)]
    problem(await admin.get(f"{ANT}/workflows/code"), 404)
    await put_policy(admin, WIDE)
    first = await put_workflow(admin, "code", PYTHON)
    again = await put_workflow(admin, "code", PYTHON)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert first.json()["text"] == PYTHON
    as_json = {"name": "code", "stages": [{"run": "x = 2"}]}
    second = await admin.put(f"{ANT}/workflows/code", json=as_json)
    assert (second.status_code, second.json()["version"]) == (201, 2)
    diff = (await admin.get(f"{ANT}/workflows/code/versions/1/diff", params={"to": 2})).json()
    changed = [line for line in diff["diff"].splitlines()[2:] if line[0] in "+-"]
    assert [line.replace(" ", "") for line in changed] == ["--run:x=1", "+-run:x=2"]


async def test_a_tenant_without_a_policy_is_told_so(admin: httpx.AsyncClient) -> None:
    await admin.post("/api/v1/tenants", json={"name": "new"})
    path = "/api/v1/tenants/new"
    for found in (
        await admin.put(f"{path}/workflows/w", content=DOCUMENT, headers=YAML),
        await admin.post(f"{path}/validate", content=DOCUMENT, headers=YAML),
        await admin.get(f"{path}/schema"),
    ):
        assert "has no policy yet" in problem(found, 409)["detail"]


async def test_a_document_is_validated_and_forecast(admin: httpx.AsyncClient) -> None:
    good = (await admin.post(f"{ANT}/plan", content=DOCUMENT, headers=YAML)).json()
    assert (good["valid"], good["policy_version"], good["problems"]) == (True, 1, [])
    assert good["plan"]["workflow"] == "report"
    bad = (await admin.post(f"{ANT}/plan", content=PYTHON, headers=YAML)).json()
    assert (bad["valid"], bad["plan"]) == (False, None)
    told = (await admin.post(f"{ANT}/validate", content=PYTHON, headers=YAML)).json()
    assert told["problems"] == bad["problems"]
    switch = {"kind": "workflow", "name": "report", "reason": "loops"}
    assert (await admin.put("/api/v1/switches", json=switch)).status_code == 200
    stopped = (await admin.post(f"{ANT}/validate", content=DOCUMENT, headers=YAML)).json()
    assert [it["rule"] for it in stopped["problems"]] == ["stopped"]
    lift = {"kind": "workflow", "name": "report"}
    assert (await admin.post("/api/v1/switches/lift", json=lift)).status_code == 204
    assert (await admin.post(f"{ANT}/validate", content=DOCUMENT, headers=YAML)).json()["valid"]


async def test_the_schema_is_sent_once(admin: httpx.AsyncClient) -> None:
    await put_policy(admin, WIDE)
    first = await admin.get(f"{ANT}/schema")
    assert first.headers["content-type"] == "application/schema+json"
    assert first.headers["cache-control"] == "private, no-cache"
    assert is_valid({"name": "a", "stages": [{"run": "x = 1"}]}, first.json())
    assert not is_valid({"name": "a", "stages": [{"bash": "x"}]}, first.json())
    tag = first.headers["etag"]
    for known in (tag, f'"x", W/{tag}', "*"):
        again = await admin.get(f"{ANT}/schema", headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    other = await admin.get("/api/v1/tenants/bee/schema", headers={"If-None-Match": tag})
    assert other.status_code == 200
    await put_policy(admin, "steps: 9")
    changed = await admin.get(f"{ANT}/schema", headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag


async def test_the_catalog_is_what_the_policy_allows(admin: httpx.AsyncClient) -> None:
    await put_policy(admin, 'tags: [text]\nblocks: {"text.upper": 0, "text.*": 3}\nstages: [call]')
    whole = (await admin.get(f"{ANT}/catalog", params={"limit": 500})).json()
    names = [it["name"] for it in whole["items"]]
    assert names == sorted(names)
    assert "text.join" in names
    assert "text.upper" not in names
    assert {it["limit"] for it in whole["items"]} == {3}
    assert {tag for it in whole["items"] for tag in it["tags"]} == {"text"}
    assert whole["next"] is None


async def test_a_token_is_shown_once_and_works(
    admin: httpx.AsyncClient, app: FastAPI, database: Database
) -> None:
    asked = {"tenant": "ant", "role": "author", "label": "ci", "scopes": ["workflows:*"]}
    made = (await admin.post("/api/v1/tokens", json=asked)).json()
    text, token = made["text"], made["token"]
    for path in ("/api/v1/tokens", f"/api/v1/tokens/{token['id']}", "/api/v1/audit/export"):
        assert text.split("_")[2] not in (await admin.get(path)).text
    mine = {"Authorization": f"Bearer {text}"}
    me = (await admin.get("/api/v1/me", headers=mine)).json()
    assert me == {
        "who": token["id"],
        "tenant": "ant",
        "role": "author",
        "scopes": ["workflows:*"],
        "actions": ["workflows:read", "workflows:write"],
    }
    ended = (await admin.delete(f"/api/v1/tokens/{token['id']}")).json()
    assert (
        ended["revoked"] == (await admin.delete(f"/api/v1/tokens/{token['id']}")).json()["revoked"]
    )
    problem(await admin.get("/api/v1/me", headers=mine), 401)
    for role in ("service", "root", ""):
        problem(await admin.post("/api/v1/tokens", json={"tenant": None, "role": role}), 422)
    past = {**asked, "expires": "2001-01-01T00:00:00Z"}
    problem(await admin.post("/api/v1/tokens", json=past), 422)
    naive = {**asked, "expires": "2100-01-01T00:00:00"}
    problem(await admin.post("/api/v1/tokens", json=naive), 422)
    later = await admin.post(
        "/api/v1/tokens", json={**asked, "expires": "2100-01-01T01:00:00+01:00"}
    )
    assert later.json()["token"]["expires"] == "2100-01-01T00:00:00Z"


async def test_a_tenants_admin_cannot_make_a_token_that_may_do_more(
    client: httpx.AsyncClient, token: Token
) -> None:
    mine = token("admin", "ant")
    for asked in ({"tenant": None, "role": "viewer"}, {"tenant": "bee", "role": "viewer"}):
        found = await client.post("/api/v1/tokens", json=asked, headers=mine)
        assert found.status_code in (403, 404)


async def test_a_secret_goes_in_and_never_out(
    admin: httpx.AsyncClient, database: Database, parts: Parts
) -> None:
    for version, value in enumerate(("hunter2", "pässwörd\nof two lines"), 1):
        found = await admin.put(f"{ANT}/secrets/db", json={"value": value})
        assert found.json()["version"] == version
        with database.reading() as work:
            opened = sealed.reveal(work, SERVICE, "ant", "db", opener(parts.keys))
        assert opened == value
    for path in (f"{ANT}/secrets", "/api/v1/audit/export", f"{ANT}/secrets/db"):
        assert "hunter2" not in (await admin.get(path)).text
    problem(await admin.get(f"{ANT}/secrets/db"), 405)
    problem(await admin.put(f"{ANT}/secrets/a.b", json={"value": "x"}), 422)
    assert (await admin.delete(f"{ANT}/secrets/db")).status_code == 204
    problem(await admin.delete(f"{ANT}/secrets/db"), 404)


async def test_a_schedule_says_when_it_is_due(admin: httpx.AsyncClient) -> None:
    asked = {"workflow": "report", "cron": "30 2 * * *", "timezone": "Europe/Paris"}
    made = (await admin.put(f"{ANT}/schedules/nightly", json=asked)).json()
    assert made["next_at"] == "2027-01-16T01:30:00Z"
    assert (made["missed"], made["overlap"], made["enabled"]) == ("once", "skip", True)
    times = await admin.get(f"{ANT}/schedules/nightly/next", params={"count": 2})
    assert times.json() == {"items": ["2027-01-16T01:30:00Z", "2027-01-17T01:30:00Z"]}
    for wrong, words in (
        ({"cron": "61 * * * *"}, "61"),
        ({"timezone": "Mars/Olympus"}, "Mars/Olympus"),
        ({"workflow": "other"}, "other"),
        ({"version": 9}, "report@9"),
        ({"missed": "never"}, "/missed"),
        ({"enabled": "yes"}, "/enabled"),
    ):
        found = await admin.put(f"{ANT}/schedules/other", json=asked | wrong)
        assert words in problem(found, 422)["detail"]
    assert (await admin.delete(f"{ANT}/schedules/nightly")).status_code == 204
    problem(await admin.get(f"{ANT}/schedules/nightly"), 404)


async def test_the_audit_log_is_verified_here_and_elsewhere(
    admin: httpx.AsyncClient, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(5):
        await admin.post("/api/v1/tenants", json={"name": f"t{number}"})
    head = (await admin.get("/api/v1/audit/head")).json()
    whole = (await admin.get("/api/v1/audit/verify")).json()
    assert whole == {"valid": True, "wrong": None, "end": head, "more": False}
    part = (await admin.get("/api/v1/audit/verify", params={"limit": 3})).json()
    assert (part["end"]["seq"], part["more"]) == (3, True)
    rest: dict[str, str | int] = {"seq": 3, "after": part["end"]["hash"]}
    assert (await admin.get("/api/v1/audit/verify", params=rest)).json() == whole
    wrong: dict[str, str | int] = {"seq": 3, "after": "0" * 64}
    assert (await admin.get("/api/v1/audit/verify", params=wrong)).json()["wrong"] == 4
    lines = (await admin.get("/api/v1/audit/export")).text.splitlines()
    assert verify(read_lines(lines), Head(head["seq"], head["hash"])) is None
    altered = [json.dumps(json.loads(lines[0]) | {"who": "me"}), *lines[1:]]
    assert verify(read_lines(altered), base=BEGINNING) == 0
    file = tmp_path / "log"
    file.write_text("".join(f"{line}\n" for line in lines))
    end = f"{head['seq']}:{head['hash']}"
    assert invoke(["audit", str(file), "--head", end, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said == {"valid": True, "rows": len(lines), "wrong": None}
    file.write_text("".join(f"{line}\n" for line in lines[:-1]))
    assert invoke(["audit", str(file)]) == 0
    assert invoke(["audit", str(file), "--head", end]) == 1
    assert f"Row {len(lines)} is not" in capsys.readouterr().err
    file.write_bytes(b"\xff\n")
    assert invoke(["audit", str(file)]) == 1
    assert invoke(["audit", str(file), "--head", "5"]) == 2


async def test_a_run_that_waits_for_its_group_says_so(admin: httpx.AsyncClient) -> None:
    document = {"name": "one", "concurrency": "deploy", "stages": [{"echo": "hi"}]}
    runs = [(await admin.post(f"{ANT}/runs", json={"document": document})).json() for _ in range(3)]
    found = [(await admin.get(f"{ANT}/runs/{it['id']}")).json() for it in runs]
    assert [it["queued"] and it["queued"]["position"] for it in found] == [None, 1, 2]
    assert [it["state"] for it in found[1:]] == ["waiting", "waiting"]
    assert found[1]["queued"]["reason"] == "group"
    assert "'deploy'" in found[1]["queued"]["words"]
    assert runs[1]["queued"] == found[1]["queued"]
