"""``blockyard convert``, and foreign documents given to the other verbs."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from blockyard_platform.convert import recognise
from blockyard_schemas.reader import read

HERE = Path(__file__).parent
COMMAND = str(Path(sys.executable).parent / "blockyard")
ECHO = str(HERE / "ddeutil" / "wf-echo.yml")
LOST = str(HERE / "ddeutil" / "wf-lost.yml")
JOB = str(HERE / "pyconduit" / "greeting.json")


def call(*words: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *words], capture_output=True, text=True, check=False, input=given
    )


def test_yaml_goes_to_standard_output_and_the_report_to_standard_error() -> None:
    done = call("convert", "--from", "ddeutil", ECHO)
    assert done.returncode == 0
    assert done.stdout == (
        "name: wf-echo\n"
        "desc: Says hello when it is asked to.\n"
        "params:\n"
        "  name: str\n"
        "  loud:\n"
        "    type: int\n"
        "    default: 0\n"
        "jobs:\n"
        "  first-job:\n"
        "    desc: One job, three stages.\n"
        "    stages:\n"
        "    - name: Greet\n"
        "      id: greet\n"
        '      if: ${{ params.name != "" }}\n'
        "      echo: hello ${{ params.name }}\n"
        "    - name: Shout\n"
        "      id: shout\n"
        '      if: ${{ params.loud > 3 and params.name.upper() == "ADA" }}\n'
        "      echo: HELLO ${{ params.name | upper }}\n"
        "      sleep: 0.001\n"
        "    - name: Only a label\n"
    )
    assert done.stderr == "0 without an equal, 0 that differ.\n"


def test_the_report_names_file_line_and_column() -> None:
    done = call("convert", "--from", "ddeutil", LOST)
    assert done.returncode == 0
    assert f"{LOST}:3:3: 'tags' of a workflow has no equal [no-equal]\n" in done.stderr
    assert "    hint: labels of workflows have no equal: say them in `desc`\n" in done.stderr
    assert "16 without an equal, " in done.stderr


def test_output_goes_into_a_file_that_runs(tmp_path: Path) -> None:
    target = tmp_path / "job.yaml"
    done = call("convert", "--from", "pyconduit", JOB, "--output", str(target))
    assert (done.returncode, done.stdout) == (0, "")
    ran = call("run", str(target), "--json")
    stages = json.loads(ran.stdout)["jobs"]["main"]["stages"]
    assert stages["upper"]["outputs"] == {"result": "HELLO ADA"}
    done = call(
        "convert", "--from", "pyconduit", JOB, "--output", str(tmp_path / "no" / "job.yaml")
    )
    assert done.returncode == 2
    assert "cannot write" in done.stderr


def test_json_gives_one_object() -> None:
    done = call("convert", "--from", "ddeutil", LOST, "--json")
    assert done.stdout.count("\n") == 1
    found = json.loads(done.stdout)
    assert list(found) == ["document", "report"]
    assert found["document"]["name"] == "wf-lost"
    assert found["report"][0] == {
        "rule": "no-equal",
        "pointer": "/wf-lost/tags",
        "line": 3,
        "column": 3,
        "message": "'tags' of a workflow has no equal",
        "hint": "labels of workflows have no equal: say them in `desc`",
    }


@pytest.mark.parametrize(
    ("system", "text", "rule"),
    [
        ("ddeutil", "a: [", "yaml"),
        ("ddeutil", "name: x\nstages: []", "outline"),
        ("ddeutil", "a: {type: Workflow}\nb: {type: Workflow}", "outline"),
        ("ddeutil", "a: &a [*a]", "alias"),
        ("pyconduit", '{"name": "x"}', "outline"),
        ("pyconduit", '{"steps": [], "steps": []}', "duplicate-key"),
        ("pyconduit", "steps: !!python/object:os.system [ls]", "tag"),
    ],
)
def test_what_cannot_be_read_gives_2(system: str, text: str, rule: str) -> None:
    done = call("convert", "--from", system, "-", "--json", given=text)
    assert done.returncode == 2
    found = json.loads(done.stdout)
    assert found["document"] is None
    assert rule in {problem["rule"] for problem in found["report"]}


def test_a_foreign_system_that_is_not_known_is_an_error() -> None:
    done = call("convert", "--from", "airflow", ECHO, "--json")
    assert done.returncode == 2
    assert "pyconduit" in done.stderr
    found = json.loads(done.stdout)
    assert list(found) == ["document", "report"]
    assert found["report"][0]["rule"] == "usage"


def test_run_and_validate_take_the_document_as_it_is() -> None:
    assert call("validate", ECHO).returncode == 0
    done = call("run", ECHO, "--param", "name=Ada", "--param", "loud=9", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["workflow"] == "wf-echo"
    assert "HELLO ADA" in done.stderr


def test_run_and_validate_refuse_what_would_be_lost() -> None:
    for verb in ("run", "validate"):
        done = call(verb, LOST, "--json")
        assert done.returncode == 2
        problems = json.loads(done.stdout)["problems"]
        assert {problem["rule"] for problem in problems} == {"no-equal"}
        assert problems[0]["line"] == 3
        assert "blockyard convert --from ddeutil" in problems[0]["hint"]


@pytest.mark.parametrize(
    ("text", "system"),
    [
        ("wf: {type: Workflow, jobs: {}}", "ddeutil"),
        ("wf: {type: Workflow}", "ddeutil"),
        ("{name: wf, type: Workflow, jobs: {}}", "ddeutil"),
        ("{name: wf, type: Workflow, stages: []}", None),
        ("{name: wf, type: Workflow, jobs: {}, outputs: {}}", None),
        ("{name: wf, type: Workflow, jobs: {}, max-parallel: 2}", None),
        ("{name: wf, jobs: {}}", None),
        ("{type: Workflow, jobs: {}}", None),
        ("{wf: {type: Workflow}, other: 1}", None),
        ("wf: {type: Schedule}", None),
        ("[]", None),
        ("text", None),
    ],
)
def test_a_document_is_recognised_by_its_outline(text: str, system: str | None) -> None:
    value: Any = read(text).data
    assert recognise(value) == system
