"""Answers to what a run waits for: which stage is meant, and which types the values have."""

import json
from typing import Any

import pytest

from blockyard_platform.cli.account import Account, keep_account

from ..client.scripted import Scripted, answer, problem
from .conftest import Call, Done


def run(*waits: dict[str, Any]) -> str:
    found: dict[str, Any] = {
        "id": "r",
        "tenant": "ant",
        "workflow": "w",
        "version": None,
        "state": "waiting",
        "status": "WAIT",
        "origin": "api",
        "priority": 0,
        "author": None,
        "created": "2026-01-01T00:00:00Z",
        "ended": None,
        "params": {},
        "policy": 1,
        "concurrency": None,
        "cpu_seconds": 0,
        "outputs": {},
        "problems": [],
        "jobs": {},
        "waits": waits,
        "queued": None,
    }
    return json.dumps(found)


def wait(path: str, kind: str = "approval", given: Any = None, **fields: Any) -> dict[str, Any]:
    asked = {"message": "go on?", "form": {"type": "object", "properties": fields}}
    return {"path": path, "kind": kind, "due": None, "asked": asked, "answer": given}


ONE = run(wait("gate", amount={"type": "integer"}, why={"type": "string"}), wait("t", "timer"))
TWO = run(wait("a"), wait("b"), wait("c", given={"approved": True}))


def approve(bare: Call, found: str, *words: str, last: bytes | None = None) -> tuple[Done, Any]:
    """Answer with a server that has this run; return what the command left, and the body that it sent."""
    said = answer(run()) if last is None else last
    with Scripted([answer(found), said]) as server:
        keep_account(Account(server.url, "token", "ant"))
        done = bare("approve", "r", *words)
    sent = json.loads(server.bodies[1]) if len(server.bodies) > 1 else None
    if sent is not None:
        assert server.heads[1].startswith("POST /api/v1/tenants/ant/runs/r/answers ")
    return done, sent


def test_the_one_that_waits_is_approved(bare: Call) -> None:
    words = ("--value", "amount=3", "--value", "why=3", "--comment", "fine")
    done, sent = approve(bare, ONE, *words)
    assert (done.code, done.err) == (0, "gate is approved.\n")
    assert sent == {
        "path": "gate",
        "approved": True,
        "values": {"amount": 3, "why": "3"},
        "comment": "fine",
    }


def test_a_run_says_how_it_is_answered(bare: Call) -> None:
    due = {**wait("t[0]", "timer"), "due": "2026-01-02T00:00:00Z"}
    evil = wait("e", x={"type": "string"})
    evil["asked"]["message"] = "sure?\x1b[2J"
    gate = wait("gate", n={}, why={})
    gate["asked"]["approvers"] = ["lead", "accounting"]
    waits = (gate, due, wait("c", given={"approved": True}), evil)
    with Scripted([answer(run(*waits))]) as server:
        keep_account(Account(server.url, "token", "ant"))
        done = bare("runs", "show", "r")
    assert [line for line in done.out.splitlines() if line.startswith("wait")] == [
        "waits at gate: go on? From: lead, accounting. Answer: blockyard approve r gate --value n=... --value why=...",
        "waits at t[0] until 2026-01-02T00:00:00Z",
        "waits at c: it is answered",
        "waits at e: sure?\\x1b[2J Answer: blockyard approve r e --value x=...",
    ]


def test_one_of_several_is_refused(bare: Call) -> None:
    done, sent = approve(bare, TWO, "b", "--refuse", "--json")
    assert (done.code, done.json["id"]) == (0, "r")
    assert sent == {"path": "b", "approved": False, "values": {}, "comment": None}


@pytest.mark.parametrize(
    ("found", "words", "said"),
    [
        (run(), (), "waits for no approval"),
        (run(wait("t", "timer")), (), "waits for no approval"),
        (TWO, (), "name one: a, b"),
        (TWO, ("c",), "these do: a, b"),
        (ONE, ("--value", "amount=many"), "not a whole number"),
        (ONE, ("--value", "other=1"), "fields: amount, why"),
        (TWO, ("a", "--value", "x=1"), "it asks for nothing"),
        (ONE, ("--value", "amount"), "--value 'amount' is not of the form NAME=VALUE"),
    ],
)
def test_what_cannot_be_answered_is_not_sent(
    bare: Call, found: str, words: tuple[str, ...], said: str
) -> None:
    done, sent = approve(bare, found, *words)
    assert (done.code, sent) == (2, None)
    assert said in done.err


def test_whom_the_server_does_not_let_answer(bare: Call) -> None:
    done, sent = approve(bare, ONE, last=problem(403, "forbidden", "you are no approver"))
    assert (done.code, sent["path"]) == (5, "gate")
    assert "you are no approver" in done.err
    assert approve(bare, ONE, last=problem(409, "conflict"))[0].code == 2
