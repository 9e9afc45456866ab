"""Documents as a user of ddeutil-workflow has them: each is converted, and does here what it is meant to do."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from blockyard_blocks import Catalog
from blockyard_platform import Runner
from blockyard_platform.api import validate
from blockyard_platform.convert import Converted, convert
from blockyard_platform.convert.writing import to_yaml
from blockyard_schemas.compiler import compile_schema
from blockyard_schemas.kinds import Kind
from blockyard_schemas.policy import personal_policy
from blockyard_schemas.reader import read
from blockyard_schemas.validation import is_valid

HERE = Path(__file__).parent
FILES = HERE / "ddeutil"


@dataclass(frozen=True)
class Outcome:
    """What a document comes to: the params it is given, its status, and what its stages leave, by ``job/stage``.

    Of a stage the outputs are told, or the name of its status when it has none.
    """

    stages: dict[str, Any]
    params: dict[str, Any] = field(default_factory=dict[str, Any])
    status: str = "SUCCESS"
    logs: tuple[str, ...] = ()


def nested(**outputs: Any) -> dict[str, Any]:
    return {"status": "SUCCESS", "code": 0, "outputs": outputs, "error": None}


RUNS: dict[str, Outcome] = {
    "wf-echo": Outcome(
        {"first-job/greet": {}, "first-job/shout": {}, "first-job/3": {}},
        {"name": "ada", "loud": 4},
        logs=("hello ada", "HELLO ADA"),
    ),
    "wf-py": Outcome(
        {
            "compute/count": {"total": 6, "who": "Ada", "day": "2026-01-31"},
            "compute/use": {"words": ["Ada!", "6!"]},
            "compute/types": {"doubled": 12, "again": 6},
        }
    ),
    "wf-call": Outcome(
        {
            "load-job/load": {"result": {"records": 20, "source": "API"}},
            "load-job/hand": {"result": {"value": {"count": 20, "source": "api"}}},
            "load-job/check": {"count": 20},
        },
        {"source": "api"},
    ),
    "wf-foreach": Outcome(
        {"each-table/pick": {"users": 5, "last": 4}},
        logs=("0: Orders has 6", "1: Users has 5"),
    ),
    "wf-until": Outcome(
        {
            "first-job/grow": {
                "until": {
                    "1": {
                        "status": "SUCCESS",
                        "loop": 1,
                        "item": 1,
                        "stages": {"double": nested(item=2)},
                    },
                    "2": {
                        "status": "SUCCESS",
                        "loop": 2,
                        "item": 2,
                        "stages": {"double": nested(item=4)},
                    },
                    "3": {
                        "status": "SUCCESS",
                        "loop": 3,
                        "item": 4,
                        "stages": {"double": nested(item=8)},
                    },
                },
                "loops": 3,
            },
            "first-job/never": "FAILED",
        },
        status="FAILED",
    ),
    "wf-case": Outcome(
        {
            "choose/choose": {"case": "file", "stages": {"file": nested(rows=5)}},
            "choose/skipped": "SKIP",
            "choose/taken": {"found": 5},
        },
        {"source": "file"},
    ),
    "wf-parallel": Outcome(
        {
            "side-by-side/both": {
                "parallel": {
                    "branch01": {
                        "status": "SUCCESS",
                        "branch": "branch01",
                        "stages": {"one": nested(x=1), "which": nested(name="branch01")},
                    },
                    "branch02": {
                        "status": "SUCCESS",
                        "branch": "branch02",
                        "stages": {"two": nested(x=2)},
                    },
                }
            },
            "side-by-side/sum": {"total": 3},
        }
    ),
    "wf-raise": Outcome(
        {"guard/measure": {"used": 7}, "guard/stop": "used 7 of 5", "guard/never": "SKIP"},
        status="FAILED",
    ),
    "wf-filters": Outcome(
        {
            "filters/all": {},
            "filters/keep": {
                "kept": {
                    "upper": "THE OLD BOOK",
                    "lower": "the old book",
                    "title": "<The Old Book>",
                    "number": 12,
                    "keys": ["host", "ports"],
                    "host": "db",
                    "user": "nobody",
                    "port": 443,
                    "maybe": "/",
                    "quoted": "'the OLD book'",
                    "dollars": "costs ${PRICE} dollars",
                }
            },
        }
    ),
    "wf-params": Outcome(
        {
            "show/show": {
                "seen": [
                    "one",
                    2,
                    1.5,
                    "12.5",
                    "2026-02-03",
                    "2026-02-03T10:00:00+07:00",
                    "slow",
                    {"a": 1},
                    [1, "two"],
                    3,
                ]
            }
        },
        {
            "s": "one",
            "i": 2,
            "at": "2026-02-03T10:00:00+07:00",
            "mode": "slow",
            "undeclared": {"deep": 3},
        },
    ),
    "wf-skip": Outcome(
        {
            "first-job/first": {},
            "first-job/second": "SKIP",
            "first-job/third": "SKIP",
            "first-job/fourth": {},
            "first-job/fifth": "SKIP",
        }
    ),
    "wf-needs": Outcome(
        {
            "extract/read": {"rows": [1, 2, 3]},
            "transform/sum": {"total": 6},
            "report/say": {"text": "total 6"},
        }
    ),
    "wf-matrix": Outcome(
        {"multi[2]/load": {"place": "dev.users"}, "multi[3]/load": {"place": "dev.logs"}}
    ),
    "wf-bash": Outcome(
        {
            "shell/greet": {
                "return_code": 0,
                "stdout": "hello ADA and Ada ADA",
                "stderr": "",
            },
            "shell/use": {"length": 21},
        }
    ),
    "wf-nested": Outcome({"walk/pick": {"eu": ["left eu", "right"]}}),
}
"""Documents of the kinds that work."""

WAITING: dict[str, Outcome] = {
    "wf-schedule": Outcome({"tick/tick": {"ok": True}}),
}
"""Documents that start by themselves. An entry moves to RUNS when its kinds work."""

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


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog.builtin().with_folder(HERE / "catalog")


@pytest.fixture
async def runner(catalog: Catalog) -> AsyncIterator[Runner]:
    async with Runner(catalog=catalog) as found:
        yield found


def left(record: dict[str, Any]) -> Any:
    """Return what a test tells of a stage: its outputs, its message, or its status."""
    if record["status"] == "FAILED" and record["code"] == 127:
        return record["error"]["message"]
    return record["outputs"] if record["status"] == "SUCCESS" else record["status"]


def records(jobs: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the stages of a job, or of one combination of its matrix, as in ``name[2]``."""
    job, _, place = name.rstrip("]").partition("[")
    found: dict[str, Any] = jobs[job]["matrix"][int(place)] if place else jobs[job]
    return dict(found["stages"])


def test_every_document_has_its_outcome() -> None:
    names = {path.stem for path in FILES.iterdir()}
    assert len(names) >= 12
    assert names == {*RUNS, *WAITING, *LOST, "wf-trigger"}


@pytest.mark.parametrize("name", RUNS)
async def test_a_document_runs_converted_and_as_it_is(name: str, runner: Runner) -> None:
    expected = RUNS[name]
    for document in (to_yaml(converted(name).document), FILES / f"{name}.yml"):
        result = await runner.run(document, params=expected.params)
        assert result.problems == ()
        assert result.status == expected.status
        assert result.workflow == name
        jobs = result.as_dict()["jobs"]
        for place, outputs in expected.stages.items():
            job, _, stage = place.partition("/")
            record = records(jobs, job)[stage]
            assert left(record) == outputs, place
        assert {line.text for line in result.logs} >= set(expected.logs)


async def test_a_workflow_triggers_another_by_its_name(catalog: Catalog) -> None:
    async with Runner(catalog=catalog, workflows=FILES) as runner:
        result = await runner.run(FILES / "wf-trigger.yml", params={"who": "eve"})
    assert (result.status, result.problems) == ("SUCCESS", ())
    assert left(records(result.as_dict()["jobs"], "call-other")["after"]) == {"done": True}
    assert "hello eve" in {line.text for line in result.logs}


@pytest.mark.parametrize("name", WAITING)
def test_a_document_for_what_is_not_built_yet_is_refused_for_that_alone(
    name: str, catalog: Catalog
) -> None:
    document = converted(name).document
    everything = personal_policy().model_copy(update={"stages": frozenset(Kind)})
    assert is_valid(document, compile_schema(everything, catalog.interfaces()))
    rules = {problem.rule for problem in validate(document, catalog=catalog).problems}
    assert "unsupported" in rules


@pytest.mark.parametrize("name", sorted(path.stem for path in FILES.iterdir()))
def test_all_that_has_no_equal_is_told(name: str) -> None:
    found = converted(name)
    assert [it.pointer for it in found.lost] == LOST.get(name, [])
    assert all(it.line and it.hint and it.rule in ("no-equal", "differs") for it in found.report)


@pytest.mark.parametrize("name", sorted(path.stem for path in FILES.iterdir()))
def test_what_is_written_is_read_again_as_the_same(name: str) -> None:
    document = converted(name).document
    assert read(to_yaml(document)).data == document


def test_the_nested_document_gathers_from_its_branches(catalog: Catalog) -> None:
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


async def test_a_matrix_runs_once_a_combination(runner: Runner) -> None:
    result = await runner.run(FILES / "wf-matrix.yml")
    combinations = result.jobs["multi"].matrix or ()
    assert [each.stages["load"].outputs["place"] for each in combinations] == [
        "dev.orders",
        "prod.orders",
        "dev.users",
        "dev.logs",
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


async def test_a_document_with_something_lost_does_not_run(runner: Runner) -> None:
    result = await runner.run(FILES / "wf-lost.yml")
    assert result.run_id is None
    assert [it.pointer for it in result.problems] == LOST["wf-lost"]
    assert {it.rule for it in result.problems} == {"no-equal"}
    assert all("blockyard convert --from ddeutil" in str(it.hint) for it in result.problems)
