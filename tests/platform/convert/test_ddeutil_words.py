"""Documents as a user of ddeutil-workflow has them: what their words become, and what is told to have no equal."""

from pathlib import Path

import pytest

from blockyard_platform.convert import Converted, convert
from blockyard_platform.convert.writing import to_yaml
from blockyard_schemas.reader import read

FILES = Path(__file__).parent / "ddeutil"

LOST: dict[str, list[str]] = {
    "wf-images": [
        "/wf-images/jobs/images/stages/0/volume/~1srv~1data",
        "/wf-images/jobs/images/stages/0/auth",
    ],
    "wf-lost": [
        "/wf-lost/tags",
        "/wf-lost/params/day/precision",
        "/wf-lost/on/schedule/0/cronjob",
        "/wf-lost/on/schedule/1",
        "/wf-lost/jobs/big job/runs-on",
        "/wf-lost/jobs/big job/extras",
        "/wf-lost/jobs/big job/stages/0/echo",
        "/wf-lost/jobs/big job/stages/0/echo",
        "/wf-lost/jobs/big job/stages/1/echo",
        "/wf-lost/jobs/big job/stages/2/id",
        "/wf-lost/jobs/big job/stages/2/echo",
        "/wf-lost/jobs/big job/stages/3/run",
        "/wf-lost/jobs/big job/stages/3/bsh",
        "/wf-lost/jobs/big job/stages/5/echo",
        "/wf-lost/jobs/big job/stages/5/if",
        "/wf-lost/jobs/big job/stages/6/uses",
    ],
}
"""Documents with something that has no equal, and where; all others have nothing of the kind."""


def converted(name: str) -> Converted:
    return convert("ddeutil", read((FILES / f"{name}.yml").read_bytes()))


@pytest.mark.parametrize("name", sorted(path.stem for path in FILES.iterdir()))
def test_all_that_has_no_equal_is_told(name: str) -> None:
    found = converted(name)
    assert [it.pointer for it in found.lost] == LOST.get(name, [])
    assert all(it.line and it.hint and it.rule in ("no-equal", "differs") for it in found.report)


@pytest.mark.parametrize("name", sorted(path.stem for path in FILES.iterdir()))
def test_what_is_written_is_read_again_as_the_same(name: str) -> None:
    document = converted(name).document
    assert read(to_yaml(document)).data == document


def test_the_nested_document_gathers_from_its_branches() -> None:
    found = converted("wf-nested").document["jobs"]["walk"]["stages"][0]["stages"][0]
    assert found["match"][0]["stages"][1]["vars"] == {
        "a": "${{ stages.two.outputs.parallel.left.stages.l.outputs.v }}",
        "b": "${{ stages.two.outputs.parallel.right.stages.r.outputs.result.value }}",
    }


def test_a_job_keeps_needs_rules_and_conditions() -> None:
    found = converted("wf-needs")
    jobs = found.document["jobs"]
    assert list(jobs) == ["extract", "transform", "report"]
    assert jobs["transform"]["needs"] == ["extract"]
    assert jobs["transform"]["if"] == "${{ list(jobs.extract.stages.read.outputs.rows) != [] }}"
    assert "runs-on" not in jobs["report"]
    assert [(it.rule, it.pointer) for it in found.report] == [
        ("differs", "/wf-needs/jobs/report/trigger-rule")
    ]


def test_a_strategy_says_what_is_usual_there() -> None:
    text = "w: {type: Workflow, jobs: {j: {strategy: {matrix: {a: [1]}}, stages: []}}}"
    assert convert("ddeutil", read(text)).document["jobs"]["j"]["strategy"] == {
        "matrix": {"a": [1]},
        "max-parallel": 1,
        "fail-fast": False,
    }


def test_a_matrix_a_shell_and_a_trigger_keep_their_words() -> None:
    assert converted("wf-matrix").document["jobs"]["multi"]["strategy"] == {
        "max-parallel": 2,
        "fail-fast": True,
        "matrix": {"table": ["orders", "users"], "env": ["dev", "prod"]},
        "exclude": [{"table": "users", "env": "prod"}],
        "include": [{"table": "logs", "env": "dev"}],
    }
    shell = converted("wf-bash").document["jobs"]["shell"]["stages"]
    assert shell[0] == {
        "name": "Greet",
        "id": "greet",
        "bash": 'printf "hello $NAME and ${V_params_name} ${NAME}"\n',
        "env": {"NAME": "${{ params.name | upper }}", "V_params_name": "${{ params.name }}"},
        "retry": 2,
    }
    assert converted("wf-trigger").document["jobs"]["call-other"]["stages"] == [
        {
            "name": "Run the other one",
            "id": "other",
            "trigger": "wf-echo",
            "params": {"name": "${{ params.who }}", "loud": 4},
        },
        {"name": "Go on", "id": "after", "run": "done = True"},
    ]


def test_a_schedule_takes_our_words() -> None:
    found = converted("wf-schedule")
    assert found.document["on"] == {
        "schedule": [
            {"cron": "0 6 * * 1-5", "timezone": "Asia/Bangkok"},
            {"interval": "daily", "time": "01:30", "timezone": "UTC"},
        ],
        "after": ["wf-params"],
    }
    assert [it.rule for it in found.report] == ["differs"] * 3


def test_containers_and_environments_keep_what_a_document_may_say() -> None:
    image, packages = converted("wf-images").document["jobs"]["images"]["stages"]
    assert image == {
        "name": "In a container",
        "id": "image",
        "image": "python",
        "tag": "3.12-slim",
        "env": {"MODE": "fast"},
        "volume": {"cache": "/cache"},
    }
    assert (packages["python"], packages["deps"]) == ("3.12", ["httpx"])
