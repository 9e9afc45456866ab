"""The language beyond single stages: kinds that hold stages, jobs, journals, resuming, and Python callables as tasks."""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

from goals import Goal

from blockyard_blocks import Catalog, block
from blockyard_platform import Runner
from blockyard_platform.manager import Manager, Task, action
from blockyard_schemas.policy import Policy, personal_policy

T = TypeVar("T")

Document = dict[str, Any]
_MANY = 1_000

KINDS: dict[str, Any] = {
    "foreach, an item": {"foreach": list(range(200)), "stages": [{"id": "x"}]},
    "parallel, a branch": {"parallel": {f"b{n}": [{"id": "x"}] for n in range(200)}},
    "case": [{"case": 1, "match": [{"case": 1, "stages": [{"id": "x"}]}]}] * 200,
    "try": [{"try": [{"id": "x"}]}] * 200,
    "wait": [{"wait": 0}] * 200,
    "trigger": [{"trigger": "child"}] * 200,
    "bash": [{"bash": "true"}] * 200,
}


@block(tags=set(), runs="host", name="bench.effect")
async def effect() -> int:
    """Do nothing, outside of the jail."""
    return 1


@action
def step() -> int:
    """Return a number."""
    return 1


def generous() -> Policy:
    """Return the personal policy with room for the largest document here."""
    return personal_policy().model_copy(update={"executed_steps": 1_000_000})


def document(stages: Any, **more: Any) -> Document:
    """Return a workflow of these stages."""
    return {"name": "bench", "stages": stages, **more}


def kinds(rounds: int) -> dict[str, float]:
    """Return by kind the seconds of one stage in a run of 200."""

    async def measure() -> dict[str, float]:
        children = {"child": document([{"id": "x"}])}
        async with Runner(policy=generous(), workflows=children) as runner:
            await runner.run(document([{"bash": "true"}]))
            return {
                name: await _seconds(
                    runner, document(given if type(given) is list else [given]), rounds
                )
                / 200
                for name, given in KINDS.items()
            }

    return asyncio.run(measure())


async def _seconds(runner: Runner, given: Document, rounds: int, **more: Any) -> float:
    async def once() -> None:
        result = await runner.run(given, **more)
        if not result.success:
            raise RuntimeError(f"a run ended with {result.status}: {result.problems}")

    return await _median(once, rounds)


async def _median(once: Callable[[], Awaitable[None]], rounds: int) -> float:
    seconds: list[float] = []
    for _ in range(rounds):
        begun = time.perf_counter()
        await once()
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds)


def reckon(rounds: int, dotflow: dict[str, float | str]) -> list[Goal]:
    """Return the goals of the language; ``dotflow`` has that package's seconds for 1,000 tasks, by case."""
    goals = [it for each in (_loops, _jobs, _journal) for it in _apart(_awaited, each, rounds)]
    memory, kept = _apart(_manager, rounds)
    for name, mine, most in (("memory", memory, 2.0), ("file", kept, 1.0)):
        theirs = dotflow.get(name, "not measured")
        if not isinstance(theirs, str):
            goals.append(
                Goal(
                    f"1,000 callables, {name} ({mine / _MANY * 1e6:.0f} us each) / dotflow's ({theirs / _MANY * 1e6:.0f} us)",
                    mine / theirs,
                    most,
                    "x",
                )
            )
    return goals


def _apart(work: Callable[..., T], *arguments: Any) -> T:
    """Return what a function returns in a process of its own: what other rows leave in memory is not measured."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def _awaited(measure: Callable[[int], Coroutine[Any, Any, T]], rounds: int) -> T:
    return asyncio.run(measure(rounds))


async def _loops(rounds: int) -> list[Goal]:
    def loop(items: int) -> Document:
        stages = [{"id": "each", "foreach": list(range(items)), "stages": [{"id": "x"}]}]
        return document(stages, params={"much": {"type": "string", "default": ""}})

    much = {"much": "x" * 1_000_000}
    seconds: dict[str, list[float]] = {"few": [], "many": [], "taken": [], "heavy": []}
    async with Runner(policy=generous()) as runner:
        for _ in range(rounds):  # in turn: what becomes of the machine meanwhile meets them all
            seconds["few"].append(await _seconds(runner, loop(1_000), 5))
            seconds["many"].append(await _seconds(runner, loop(10_000), 1))
            seconds["taken"].append(await _seconds(runner, loop(1), 1, params=much))
            seconds["heavy"].append(await _seconds(runner, loop(10_000), 1, params=much))
    median = {name: statistics.median(each) for name, each in seconds.items()}
    few, many = median["few"] / 1_000, median["many"] / 10_000
    heavy = (median["heavy"] - median["taken"]) / 10_000
    return [
        Goal(f"foreach, an item at 10,000 ({many * 1e6:.1f} us) / at 1,000", many / few, 1.2, "x"),
        Goal("foreach, an item beside a param of 1 MB / without", heavy / many, 1.2, "x"),
    ]


async def _jobs(rounds: int) -> list[Goal]:
    side = {f"j{n}": {"stages": [{"id": "x"}]} for n in range(300)}
    chain = {
        f"j{n}": {"needs": [f"j{n - 1}"][: bool(n)], "stages": [{"id": "x"}]} for n in range(100)
    }
    async with Runner(policy=generous()) as runner:
        plain = await _seconds(runner, document([{"id": f"s{n}"} for n in range(300)]), rounds)
        parallel = await _seconds(runner, {"name": "bench", "jobs": side}, rounds)
        chained = await _seconds(runner, {"name": "bench", "jobs": chain}, rounds)
    return [
        Goal(
            f"300 jobs side by side ({parallel * 1e3:.1f} ms) / 300 stages",
            parallel / plain,
            10.0,
            "x",
        ),
        Goal("a chain of 100 jobs", chained * 1e3, 50, "ms"),
    ]


async def _journal(rounds: int) -> list[Goal]:
    pure = document([{"id": f"s{n}"} for n in range(_MANY)])
    effects = document([{"id": f"s{n}", "uses": "bench.effect"} for n in range(_MANY)])
    found: dict[tuple[str, bool], float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for kept in (False, True):
            journal = Path(folder) / "runs.db" if kept else None
            async with Runner(
                policy=generous(), catalog=Catalog.of(effect), journal=journal
            ) as runner:
                found["pure", kept] = await _seconds(runner, pure, rounds) / _MANY
                found["effect", kept] = await _seconds(runner, effects, rounds) / _MANY
        resumed = await _resumed(Path(folder) / "long.db")
    more = {name: (found[name, True] - found[name, False]) * 1e6 for name in ("pure", "effect")}
    return [
        Goal("SQL journal (SQLite): added to a pure stage", more["pure"], 150, "us"),
        Goal("SQL journal (SQLite): added to a stage with an effect", more["effect"], 1_000, "us"),
        Goal("resume of a run with 10,000 records", resumed, 1.0, "s"),
    ]


async def _resumed(journal: Path) -> float:
    """Return the seconds until a run with 10,000 finished stages has begun its next one, and ended."""
    stages: list[Any] = [{"id": f"s{n}"} for n in range(9_999)]
    stages.append({"id": "last", "if": "${{ not params.ready }}", "raise": "not ready"})
    params = {"ready": {"type": "boolean", "default": False}}
    async with Runner(policy=generous(), journal=journal) as runner:
        await runner.run(document(stages, params=params), run_id="long")
        begun = time.perf_counter()
        result = await runner.resume("long", params={"ready": True})
        seconds = time.perf_counter() - begun
    if not result.success:
        raise RuntimeError(f"the run ended with {result.status}: {result.problems}")
    return seconds


def _manager(rounds: int) -> tuple[float, float]:
    """Return the seconds of 1,000 tasks, their making counted: in memory, and with a journal."""
    memory: list[float] = []
    kept: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds + 1):
            begun = time.perf_counter()
            Manager([Task(step) for _ in range(_MANY)])
            memory.append(time.perf_counter() - begun)
            begun = time.perf_counter()
            Manager([Task(step) for _ in range(_MANY)], journal=Path(folder) / f"{number}.db")
            kept.append(time.perf_counter() - begun)
    return statistics.median(memory[1:]), statistics.median(kept[1:])
