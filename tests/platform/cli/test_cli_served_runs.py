"""Runs of a server: submitted, followed, listed, cancelled, done again."""

import json
from pathlib import Path

import pytest

from ..client.served import FAILING, HELLO, SLOW
from .conftest import Call


@pytest.fixture
def hello(tmp_path: Path) -> Path:
    (tmp_path / "hello.yaml").write_text(HELLO)
    return tmp_path / "hello.yaml"


def test_a_file_is_submitted_and_waited_for(call: Call, hello: Path) -> None:
    done = call("submit", hello, "--param", "n=3", "--wait")
    assert (done.code, done.out) == (0, "answer: 63\n")
    assert "a | hi 3" in done.err
    assert "hello: SUCCESS" in done.err
    found = call("submit", "-", "--wait", "--json", given=HELLO).json
    assert (found["status"], found["outputs"]) == ("SUCCESS", {"answer": 42})


def test_a_stored_workflow_is_submitted_and_followed(call: Call, tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("n: 5\n")
    words = ("submit", "--workflow", "hello", "--version", "1", "--priority", "7")
    done = call(*words, "--params", tmp_path / "params.yaml", "--key", "k")
    run = done.out.strip()
    assert done.code == 0
    assert call(*words, "--params", tmp_path / "params.yaml", "--key", "k").out.strip() == run
    assert call("logs", run, "-f").out == "a | hi 5\n"
    lines = [json.loads(it) for it in call("logs", run, "-f", "--json").out.splitlines()]
    assert [it["data"]["text"].strip() for it in lines] == ["hi 5"]
    assert call("logs", run, "--json", "--after", lines[0]["seq"]).json == {"items": []}
    kinds = [it["kind"] for it in call("logs", run, "--json", "--events").json["items"]]
    assert "stage-finished" in kinds
    assert call("logs", run, "--events").out.count("\t") == 2 * len(kinds)
    shown = call("runs", "show", run, "--json").json
    assert (shown["priority"], shown["params"], shown["outputs"]) == (7, {"n": 5}, {"answer": 105})
    assert "outputs:" in call("runs", "show", run).out
    assert call("runs", "stages", run).out.startswith("a\tpython\tSUCCESS\t0\t")
    assert call("runs", "document", run).json["name"] == "hello"


def test_runs_are_listed_and_deleted(call: Call, tenant: str) -> None:
    ids = [call("submit", "--workflow", "hello").out.strip() for _ in range(3)]
    for run in ids:
        assert call("logs", run, "-f").code == 0
    rows = [line.split("\t") for line in call("runs").out.splitlines()]
    assert [it[0] for it in rows] == ids[::-1]
    assert [it[1:5] for it in rows] == [[tenant, "hello", "ended", "SUCCESS"]] * 3
    done = call("runs", "--limit", "2", "--json")
    assert (len(done.json["items"]), done.json["more"]) == (2, True)
    assert "more than these 2" in call("runs", "--limit", "2").err
    assert call("runs", "list", "--status", "FAILED", "--json").json["items"] == []
    assert len(call("runs", "--since", "1h", "--workflow", "hello").out.splitlines()) == 3
    assert call("runs", "--since", "2020-01-01").code == 2
    assert call("runs", "delete", ids[0], "--json").json == {"id": ids[0], "deleted": True}
    assert call("runs", "delete", ids[0]).code == 2


def test_a_run_that_fails_gives_1_and_is_done_again(call: Call, tmp_path: Path) -> None:
    (tmp_path / "failing.yaml").write_text(FAILING)
    done = call("submit", tmp_path / "failing.yaml", "--wait", "--json")
    assert (done.code, done.json["status"]) == (1, "FAILED")
    run = done.json["id"]
    assert call("resume", run, "--wait", "--json").json["status"] == "FAILED"
    assert call("resume", run, "--from", "nowhere").code == 2
    assert call("resume", run, "--from", "a", "--wait").code == 1
    assert call("resume", run, "--from", "a", "--on-input-change", "reset").code == 2


def test_a_run_that_failed_says_where_and_why(call: Call) -> None:
    text = "name: x\nstages: [{id: a, raise: 'no \\x1b[2J luck'}, {id: b, echo: x}]\n".replace(
        "'", '"'
    )
    run = call("submit", "-", "--wait", "--json", given=text).json["id"]
    said = "RAISED 127: no \\x1b[2J luck"
    assert call("runs", "show", run).out.splitlines()[-1] == f"a failed: {said}"
    rows = [line.split("\t") for line in call("runs", "stages", run).out.splitlines()]
    assert [(it[0], it[-1]) for it in rows] == [("a", said), ("b", "SKIPPED 100")]
    assert call("runs", "show", run, "--json").json["problems"] == []


def test_a_finished_run_is_done_again_with_other_params(call: Call) -> None:
    run = call("submit", "--workflow", "hello", "--wait", "--json").json["id"]
    words = ("resume", run, "--param", "n=4", "--on-input-change", "reset", "--wait")
    done = call(*words)
    assert (done.code, done.out) == (0, "answer: 84\n")
    assert "hi 2" not in done.err
    assert call("resume", run, "--param", "m=4").code == 2
    assert call("resume", run, "--on-input-change", "raise").code == 2
    done = call("resume", run, "--policy", "x", "--events")
    assert (done.code, "--policy, --events" in done.err) == (2, True)


def test_a_run_that_waits_for_another_says_so(call: Call) -> None:
    grouped = "concurrency: k\n" + SLOW
    first = call("submit", "-", given=grouped).out.strip()
    done = call("submit", "-", given=grouped)
    words = "waiting, at position 1: 1 of its group 'k' are under way, and 1 may be"
    assert done.err.startswith(f"It is {words}. Follow it: ")
    second = done.out.strip()
    assert call("runs", "show", second).out.splitlines()[-1] == words.replace("ing,", "s")
    assert call("cancel", second).code == 0
    done = call("resume", second)
    assert done.err.startswith(f"{second}: {words}. Follow it: ")
    assert call("cancel", second).code == call("cancel", first, "--wait").code == 0


def test_a_run_is_cancelled(call: Call) -> None:
    run = call("submit", "-", given=SLOW).out.strip()
    done = call("cancel", run, "--reason", "enough", "--wait", "--json")
    assert (done.code, done.json["status"]) == (0, "CANCEL")
    assert call("cancel", run).code == 0


@pytest.mark.parametrize(
    ("words", "given", "code", "rule"),
    [
        (("-",), "name: x\nstages: [{image: alpine}]", 3, "FORBIDDEN_STAGE"),
        (("-",), "name: x\nstages: [{rnu: 1}]", 2, "unknown-key"),
        (("-",), "name: [", 2, "yaml"),
        (("--workflow", "nobody"), "", 2, "not-found"),
        (("--workflow", "../tenants"), "", 2, "not-found"),
        (("--workflow", "hello", "--param", "n=x"), "", 2, "param"),
        (("--workflow", "hello", "--param", "m=1"), "", 2, "param"),
        (("--workflow", "hello", "--param", "n=1", "--param", "n=2"), "", 2, "param"),
        (("--workflow", "hello", "--tenant", "nobody"), "", 2, "not-found"),
        (("--workflow", "hello", "--tenant", ".."), "", 2, "usage"),
        (("--workflow", "hello", "-", "--key", "k"), "", 2, "usage"),
        (("--workflow", "hello", "--key", ""), "", 2, "usage"),
        (("-", "--version", "1"), "", 2, "usage"),
        ((), "", 2, "usage"),
        (("/nowhere",), "", 2, "file"),
    ],
)
def test_what_cannot_be_run_says_why(
    call: Call, words: tuple[str, ...], given: str, code: int, rule: str
) -> None:
    done = call("submit", *words, "--json", given=given)
    assert (done.code, done.json["problems"][0]["rule"]) == (code, rule)


def test_what_a_tenant_writes_does_not_steer_a_terminal(call: Call) -> None:
    text = 'name: x\nstages:\n  - id: a\n    run: print("\\x1b[2Jgone\\u202e\\rforged")\n'
    done = call("submit", "-", "--wait", given=text)
    run = call("runs").out.split("\t")[0]
    for it in (done.err, call("logs", run).out, call("logs", run, "--events").out):
        assert "\\x1b[2Jgone\\u202e" in it
        assert "\x1b" not in it
        assert "\u202e" not in it


CHATTY = """
name: chatty
stages:
  - {id: long, run: "print('x' * 30000)"}
  - {id: many, run: "print('y' * 500)\\nprint('z' * 500)"}
  - {id: ask, wait: {approval: {message: Go on?}}}
"""


def test_what_is_left_out_of_a_log_is_told(call: Call, tmp_path: Path) -> None:
    words = "The rest of what the run tells is left out: its log is full (policy service.log_kib)."
    (tmp_path / "policy.yaml").write_text(
        'tags: "*"\nstages: [empty, python, wait]\nservice: {log_kib: 5}'
    )
    assert call("policy", "put", tmp_path / "policy.yaml").code == 0
    run = call("submit", "-", given=CHATTY).out.strip()
    assert call("approve", run, "--wait").code == 0  # although it is not told any more that it asks
    for flag in ((), ("-f",)):
        done = call("logs", run, *flag)
        assert done.err == f"{words}\n"
        first = done.out.splitlines()[0]
        assert first == f"long | {'x' * 4_000} … (cut: the line is too long)"
    quiet = CHATTY.replace("wait: {approval: {message: Go on?}}", "echo: x")
    assert f"log | {words}\n" in call("submit", "-", "--wait", given=quiet).err


@pytest.mark.parametrize("words", [("runs",), ("resume", "one")])
def test_a_journal_that_is_not_there_is_not_made(
    bare: Call, tmp_path: Path, words: tuple[str, ...]
) -> None:
    done = bare(*words, "--journal", tmp_path / "rnus.db")
    assert (done.code, f"there is no journal {tmp_path / 'rnus.db'}" in done.err) == (2, True)
    assert not (tmp_path / "rnus.db").exists()


def test_a_journal_is_still_listed(bare: Call, hello: Path, tmp_path: Path) -> None:
    journal = tmp_path / "runs.db"
    assert bare("run", hello, "--journal", journal, "--run-id", "one").code == 0
    rows = json.loads(bare("runs", "--journal", journal, "--json").out)
    assert [it["id"] for it in rows] == ["one"]
    assert bare("runs", "--journal", journal).out.startswith("one  SUCCESS ")
    assert bare("resume", "one", "--journal", journal, "--json").json["status"] == "SUCCESS"
    done = bare("runs", "list", "--journal", journal, "--status", "FAILED")
    assert (done.code, "--status" in done.err) == (2, True)
    assert bare("resume", "one", "--journal", journal, "--wait").code == 2
    for flag in (("--tenant", "ant"), ("--limit", "5"), ("--all-tenants",), ("--plaintext",)):
        done = bare("runs", "--journal", journal, *flag)
        assert (done.code, flag[0] in done.err) == (2, True)
