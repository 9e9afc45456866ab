"""The same documents here and in ddeutil-workflow, whose files run here as they are."""

import asyncio
import json
import statistics
import subprocess
import time

import peering
from documents import SIZES, document
from goals import Goal

from blockyard_platform import Runner
from blockyard_platform.convert import convert
from blockyard_schemas.policy import personal_policy
from blockyard_schemas.reader import from_data


def table(rounds: int) -> list[Goal]:
    """Return for each document our time as a part of theirs; theirs has failed where there is no goal."""
    python = peering.install("ddeutil_workflow")
    command = [str(python), str(peering.HERE / "peers" / "ddeutil_cases.py"), str(min(rounds, 3))]
    given = json.dumps([document(case, size) for case, size in SIZES])
    done = subprocess.run(command, check=True, capture_output=True, text=True, input=given)  # noqa: S603
    theirs: list[float | str] = json.loads(done.stdout.splitlines()[-1])
    ours = asyncio.run(_ours(rounds))
    found: list[Goal] = []
    for (case, size), mine, other in zip(SIZES, ours, theirs, strict=True):
        if not isinstance(other, str):
            name = (
                f"{case} {size:,} ({mine * 1e3:.1f} ms) / ddeutil-workflow ({other * 1e3:.1f} ms)"
            )
            found.append(Goal(name, mine / other, 1.0, "x"))
    return found


async def _ours(rounds: int) -> list[float]:
    policy = personal_policy().model_copy(update={"executed_steps": 1_000_000})
    found: list[float] = []
    async with Runner(policy=policy) as runner:
        await runner.run({"name": "warm", "stages": [{"run": "x = 1"}, {"bash": "true"}]})
        for case, size in SIZES:
            given = convert("ddeutil", from_data(document(case, size))).document
            seconds: list[float] = []
            for _ in range(rounds):
                begun = time.perf_counter()
                result = await runner.run(given)
                seconds.append(time.perf_counter() - begun)
                if not result.success:
                    raise RuntimeError(f"{case}: {result.status}: {result.problems}")
            found.append(statistics.median(seconds))
    return found
