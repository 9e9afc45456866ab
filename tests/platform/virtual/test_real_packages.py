"""Packages that people use, from the index that this machine is set up for: compiled parts, threads, and the example as it stands."""

import os
from pathlib import Path
from typing import Any

import httpx
import pytest
from virtual_stages import only

from blockyard_platform import Runner
from blockyard_platform.caching import machine_index
from blockyard_schemas.policy import Policy
from blockyard_schemas.statuses import Code

EXAMPLES = Path(__file__).parents[3] / "examples" / "packages"


def _has_index() -> bool:
    if os.environ.get("BLOCKYARD_REQUIRE") == "all":
        return True
    try:
        return httpx.get(f"{machine_index().indexes[0].url}/six/", timeout=10).is_success
    except (httpx.HTTPError, IndexError):
        return False


@pytest.fixture(autouse=True, scope="module")
def index() -> None:
    if not _has_index():
        pytest.skip("the package index of this machine does not answer")


NUMPY = """
import numpy as np
square = np.arange(90_000, dtype=float).reshape(300, 300)
result = {"trace": float((square @ np.eye(300)).trace()), "sorted": np.sort([3, 1, 2]).tolist()}
"""
LXML = """
from lxml import etree
result = etree.fromstring("<a><b>1</b><b>2</b></a>").xpath("//b/text()")
"""
PYDANTIC = """
import pydantic

class Order(pydantic.BaseModel):
    amount: int

result = [Order(amount="3").amount, pydantic.TypeAdapter(list[int]).validate_json("[1, 2]")]
"""


@pytest.mark.parametrize(
    ("deps", "code", "expected"),
    [
        (["numpy"], NUMPY, {"trace": sum(n * 301 for n in range(300)) * 1.0, "sorted": [1, 2, 3]}),
        (["lxml"], LXML, ["1", "2"]),
        (["pydantic>=2"], PYDANTIC, [3, [1, 2]]),
    ],
    ids=["numpy", "lxml", "pydantic"],
)
async def test_packages_with_compiled_parts_work(deps: list[str], code: str, expected: Any) -> None:
    policy = Policy.model_validate(
        {
            "stages": ["virtual-python"],
            "packages": [{"name": "*"}],
            "stage": {"processes": 16, "cpu_seconds": 120, "wall_seconds": 300},
        }
    )
    async with Runner(policy=policy) as runner:
        stage: dict[str, Any] = {"id": "a", "deps": deps, "run": code}
        record = only(await runner.run({"name": "t", "stages": [stage]}))
    assert record.code is Code.DONE, record
    assert record.outputs["result"] == expected


async def test_the_example_reports_with_pandas() -> None:
    async with Runner(policy=EXAMPLES / "policy.yaml") as runner:
        result = await runner.run(EXAMPLES / "pandas-report.yaml")
    assert result.outputs == {
        "sums": {"north": 220.0, "south": 80.0, "west": 10.25},
        "line": "north leads with 220.00; 1 amount is not known",
    }
    assert result.jobs["main"].stages["report"].outputs["result"]["average"] == 77.56
