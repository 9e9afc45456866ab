"""Documents as a user of ddeutil-workflow has them: each does here what it is meant to do."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from blockyard_blocks import Catalog
from blockyard_platform import Runner
from blockyard_platform.convert import Converted, convert
from blockyard_platform.convert.writing import to_yaml
from blockyard_schemas.reader import read

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
    "wf-schedule": Outcome({"tick/tick": {"ok": True}}),
}
"""Documents of the kinds that work."""


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
    assert names == {*RUNS, "wf-images", "wf-lost", "wf-trigger"}


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


async def test_a_matrix_runs_once_a_combination(runner: Runner) -> None:
    result = await runner.run(FILES / "wf-matrix.yml")
    combinations = result.jobs["multi"].matrix or ()
    assert [each.stages["load"].outputs["place"] for each in combinations] == [
        "dev.orders",
        "prod.orders",
        "dev.users",
        "dev.logs",
    ]


async def test_a_document_with_something_lost_does_not_run(runner: Runner) -> None:
    result = await runner.run(FILES / "wf-lost.yml")
    assert result.run_id is None
    lost = [it.pointer for it in converted("wf-lost").lost]
    assert [it.pointer for it in result.problems] == lost != []
    assert {it.rule for it in result.problems} == {"no-equal"}
    assert all("blockyard convert --from ddeutil" in str(it.hint) for it in result.problems)
