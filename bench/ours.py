"""Our own figures: whole runs, single stages, the first stage, and whole processes."""

import asyncio
import itertools
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from blockyard_platform import Runner, validate

ROOT = Path(__file__).parents[1]
Make = Callable[[int], dict[str, Any]]

KINDS: dict[str, Make] = {
    "python, fresh source": lambda number: {"run": f"x = {number}"},
    "python, one source": lambda number: {"run": "x = 1"},
    "guest block": lambda number: {"uses": "text.join", "with": {"items": ["a", "b"]}},
    "empty": lambda number: {},
}


def document(make: Make, stages: int) -> dict[str, Any]:
    """Return a workflow of so many stages of a kind."""
    return {
        "name": "bench",
        "stages": [{"id": f"s{number}", **make(number)} for number in range(stages)],
    }


async def runs(sizes: list[int], rounds: int) -> dict[str, dict[int, tuple[float, float]]]:
    """Return by kind and size the median seconds of a whole run, and of one stage after the first."""
    found: dict[str, dict[int, tuple[float, float]]] = {kind: {} for kind in KINDS}
    async with Runner() as runner:
        await runner.run(document(KINDS["guest block"], 1))
        for size in sizes:
            for kind, make in KINDS.items():
                wholes, stages = zip(
                    *[await _run(runner, document(make, size)) for _ in range(rounds)], strict=True
                )
                found[kind][size] = (statistics.median(wholes), statistics.median(stages))
    return found


async def _run(runner: Runner, given: dict[str, Any]) -> tuple[float, float]:
    begun = time.perf_counter()
    result = await runner.run(given)
    whole = time.perf_counter() - begun
    if not result.success:
        raise RuntimeError(f"a run ended with {result.status}: {result.problems}")
    times = [record.started or 0.0 for record in result.jobs["main"].stages.values()]
    steps = [after - before for before, after in itertools.pairwise(times[1:])]
    return whole, statistics.median(steps) if steps else whole


async def first_stage(rounds: int) -> float:
    """Return the median seconds of a run of one python stage with a warm zygote: fork, jail, run, answer."""
    async with Runner() as runner:
        given = document(KINDS["python, one source"], 1)
        await runner.run(given)
        seconds: list[float] = []
        for _ in range(rounds):
            result = await runner.run(given)
            seconds.append(result.jobs["main"].stages["s0"].seconds)
        return statistics.median(seconds)


def process(command: list[str], rounds: int) -> float:
    """Return the median seconds of a whole process."""
    seconds: list[float] = []
    for _ in range(rounds + 1):
        begun = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, cwd=ROOT)  # noqa: S603
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds[1:])


def validation(stages: int, rounds: int) -> float:
    """Return the median seconds of reading and admitting a document of so many stages."""
    text = json.dumps(document(KINDS["guest block"], stages))
    seconds: list[float] = []
    for _ in range(rounds):
        begun = time.perf_counter()
        if not validate(text).valid:
            raise RuntimeError("the document is not valid")
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds)


def floor(rounds: int) -> float:
    """Return the median seconds of a bare fork into the jail, measured by a process of its own."""
    command = [sys.executable, "-I", str(ROOT / "bench" / "floor.py"), str(rounds)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)  # noqa: S603
    return float(done.stdout.split()[-1])


def measure(sizes: list[int], rounds: int) -> dict[str, dict[int, tuple[float, float]]]:
    """Measure runs in a fresh event loop."""
    return asyncio.run(runs(sizes, rounds))
