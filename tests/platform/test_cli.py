"""The command line: exit codes, the one JSON object, and messages that say what to do."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
COMMAND = str(Path(sys.executable).parent / "blockyard")
HELLO = """
name: hello
params: {n: {type: integer, default: 2}}
stages:
  - id: a
    run: |
      print("hi")
      result = n * 21
    vars: {n: "${{ params.n }}"}
outputs: {answer: "${{ stages.a.outputs.result }}"}
"""


def call(*words: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *words], capture_output=True, text=True, check=False, cwd=ROOT, input=given
    )


def one_object(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.stdout.count("\n") == 1
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_run_prints_one_object_of_the_agreed_form() -> None:
    done = call("run", "-", "--json", given=HELLO)
    found = one_object(done)
    assert done.returncode == 0
    assert list(found) == ["run_id", "workflow", "status", "outputs", "jobs", "problems"]
    assert (found["workflow"], found["status"], found["outputs"]) == (
        "hello",
        "SUCCESS",
        {"answer": 42},
    )
    stage = found["jobs"]["main"]["stages"]["a"]
    assert set(stage) == {"status", "code", "outputs", "error", "started", "seconds", "attempts"}
    assert (stage["code"], stage["outputs"], stage["error"], stage["attempts"]) == (
        0,
        {"result": 42},
        None,
        1,
    )
    assert "hi" in done.stderr


@pytest.mark.parametrize("verb", ["run", "validate"])
def test_the_bound_on_documents_is_the_policy_s_in_every_verb(verb: str, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("name: narrow\ndocument_kib: 1\nstages: [empty]\n")
    text = "name: x\nstages: [{echo: '" + 2000 * "x" + "'}]\n"
    done = call(verb, "-", "--json", "--policy", str(policy), given=text)
    assert done.returncode == 3
    assert one_object(done)["problems"][0]["rule"] == "policy-limit"


def test_params_take_their_declared_type(tmp_path: Path) -> None:
    assert one_object(call("run", "-", "--json", "--param", "n=3", given=HELLO))["outputs"] == {
        "answer": 63
    }
    (tmp_path / "params.yaml").write_text("n: 4\n")
    done = call("run", "-", "--json", "--params", str(tmp_path / "params.yaml"), given=HELLO)
    assert one_object(done)["outputs"] == {"answer": 84}


@pytest.mark.parametrize(
    ("text", "code", "rule", "line", "words"),
    [
        ("name: x\nstages: [{rnu: 1}]", 2, "unknown-key", 2, "no stage has a key 'rnu'"),
        ("name: x\nstages: [{uses: text.jion}]", 2, "BLOCK_NOT_FOUND", 2, "BLOCK_NOT_FOUND 102"),
        (
            "name: x\nstages: [{id: a}, {id: a}]",
            2,
            "DUPLICATE_STEP_IDS",
            2,
            "DUPLICATE_STEP_IDS 104",
        ),
        ("name: x\nstages: [{image: alpine}]", 3, "FORBIDDEN_IMAGE", 2, "FORBIDDEN_IMAGE 130"),
        ("name: x\nname: y\nstages: []", 2, "duplicate-key", 2, "name"),
        ("name: [", 2, "yaml", None, ""),
        ("", 2, "empty", None, ""),
    ],
)
def test_a_wrong_document_is_refused(
    text: str, code: int, rule: str, line: int | None, words: str
) -> None:
    for verb in ("run", "validate"):
        done = call(verb, "-", "--json", given=text)
        problems = one_object(done)["problems"]
        assert done.returncode == code
        found = next(problem for problem in problems if problem["rule"] == rule)
        assert set(found) == {"rule", "pointer", "line", "column", "message", "hint"}
        assert line is None or found["line"] == line
        assert words in found["message"]


def test_a_policy_refuses_with_3(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("name: strict\nstages: [empty, call]\nsteps: 1\n")
    text = "name: x\nstages: [{uses: text.upper, with: {text: a}}, {run: result = 1}]"
    done = call("run", "-", "--json", "--policy", str(tmp_path / "policy.yaml"), given=text)
    rules = {problem["rule"] for problem in one_object(done)["problems"]}
    assert rules == {"FORBIDDEN_BLOCK", "FORBIDDEN_STAGE", "STEP_LIMIT_EXCEED"}
    assert done.returncode == 3


def test_a_failed_run_gives_1_and_says_where() -> None:
    done = call(
        "run",
        "-",
        "--json",
        given="name: x\nstages: [{id: a, run: 'x = 1\\ny = 1 / 0'}]".replace("'", '"'),
    )
    error = one_object(done)["jobs"]["main"]["stages"]["a"]["error"]
    assert done.returncode == 1
    assert (error["line"], error["text"]) == (2, "y = 1 / 0")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_gives_130_and_still_one_object(
    tmp_path: Path, number: signal.Signals
) -> None:
    (tmp_path / "loop.yaml").write_text("name: loop\nstages: [{id: a, sleep: 600}]\n")
    process = subprocess.Popen(
        [COMMAND, "run", str(tmp_path / "loop.yaml"), "--json", "--events"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    while "stage-started" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(number)
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 130
    assert json.loads(out)["status"] == "CANCEL"


def test_events_are_lines_of_json() -> None:
    done = call("run", "-", "--events", given=HELLO)
    events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert {"stage-started", "stage-finished", "job-finished"} <= {
        event["event"] for event in events
    }
    assert len({event["run_id"] for event in events}) == 1


def test_blocks_and_schema_follow_the_policy(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("name: few\ntags: [text]\nstages: [call]\n")
    blocks = json.loads(call("blocks", "--json", "--policy", str(tmp_path / "policy.yaml")).stdout)
    assert {tag for block in blocks for tag in block["tags"]} == {"text"}
    schema = json.loads(call("schema", "--policy", str(tmp_path / "policy.yaml")).stdout)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert call("blocks").stdout.count("\n") > 200


def test_a_folder_of_blocks_is_taken(tmp_path: Path) -> None:
    (tmp_path / "words.py").write_text(
        "from blockyard_blocks import block\n\n\n@block(tags={'text'})\ndef twice(*, text: str) -> str:\n"
        "    '''Return a text twice.\n\n    - text: the text\n    '''\n    return text * 2\n"
    )
    text = "name: x\nstages: [{id: a, uses: words.twice, with: {text: ab}}]\noutputs: {t: '${{ stages.a.outputs.result }}'}"
    done = call("run", "-", "--json", "--catalog", str(tmp_path), given=text)
    assert one_object(done)["outputs"] == {"t": "abab"}, done.stderr


def test_the_doctor_speaks_json() -> None:
    done = call("doctor", "--json")
    assert one_object(done)["engine"]["place"].startswith("unix://")
    found = one_object(done)
    assert (done.returncode, found["level"]) == (0, "full")
    assert {"name", "holds", "detail", "stops"} == set(found["layers"][0])


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("rn",), "Did you mean 'run'?"),
        (("run", "nowhere.yaml"), "there is no such file"),
        (("run", "examples"), "not a regular file"),
        (("run", "-", "--param", "n"), "write --param month=2026-01"),
        (("run", "-", "--param", "m=1"), "no param 'm'"),
        (("run", "-", "--catalog", "nowhere"), "there is no such folder"),
    ],
)
def test_a_wrong_call_gives_2_and_says_what_to_do(words: tuple[str, ...], text: str) -> None:
    done = call(*words, given=HELLO)
    assert done.returncode == 2
    assert text in done.stderr
