"""A run that parks at any of its waits, however they are nested, comes to the same end as one that never does."""

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blockyard_blocks import Catalog, block
from blockyard_platform import Answer, RunResult, RunView, Waiting
from blockyard_platform.store.store import Store

from .parked import Parked

Draw = st.DrawFn


@st.composite
def documents(draw: Draw) -> tuple[dict[str, Any], int]:
    """Return a document, and how many waits it has: each lasts as long as its param says."""
    maker = _Maker(draw)
    if draw(st.booleans()):
        document: dict[str, Any] = {"stages": maker.row(0)}
    else:
        document = {"jobs": maker.jobs(), "max-parallel": draw(st.integers(1, 3))}
    params = {f"w{n}": {"type": "string", "default": "0s"} for n in range(maker.waits)}
    return {"params": params, **document}, maker.waits


class _Maker:
    def __init__(self, draw: Draw) -> None:
        self.draw = draw
        self.waits = 0
        self.count = 0

    def jobs(self) -> dict[str, Any]:
        jobs: dict[str, Any] = {}
        for number in range(self.draw(st.integers(1, 3))):
            needs = self.draw(st.lists(st.sampled_from(sorted(jobs)), unique=True)) if jobs else []
            job: dict[str, Any] = {"stages": self.row(0), "needs": needs}
            if self.draw(st.booleans()):
                job["strategy"] = {"matrix": {"m": [1, 2]}, "fail-fast": False}
            if self.draw(st.booleans()):
                job["trigger-rule"] = "all_done"
            jobs[f"j{number}"] = job
        return jobs

    def row(self, depth: int) -> list[Any]:
        return [self.stage(depth) for _ in range(self.draw(st.integers(1, 3)))]

    def stage(self, depth: int) -> dict[str, Any]:
        self.count += 1
        leaves = ["wait", "wait", "ask", "effect", "fails"]
        kind = self.draw(
            st.sampled_from(
                leaves + (["foreach", "parallel", "try", "until", "case"] if depth < 2 else [])
            )
        )
        stage: dict[str, Any] = {"id": f"{kind}{self.count}"}
        if self.draw(st.integers(0, 3)) == 0:
            stage["continue-on-error"] = True
        body: dict[str, Any] = getattr(self, f"_{kind}")(depth)
        return stage | body

    def _wait(self, depth: int) -> dict[str, Any]:
        self.waits += 1
        return {"wait": f"${{{{ params.w{self.waits - 1} }}}}"}

    def _ask(self, depth: int) -> dict[str, Any]:
        return {"wait": {"approval": {"message": "go?"}}}

    def _effect(self, depth: int) -> dict[str, Any]:
        return {"uses": "mine.note"}

    def _fails(self, depth: int) -> dict[str, Any]:
        return {"raise": "no"}

    def _foreach(self, depth: int) -> dict[str, Any]:
        concurrent = self.draw(st.integers(1, 3))
        more = {"concurrent": concurrent, "fail-fast": concurrent == 1}
        return {"foreach": [1, 2, 3], "stages": self.row(depth + 1), **more}

    def _parallel(self, depth: int) -> dict[str, Any]:
        return {"parallel": {"l": self.row(depth + 1), "r": self.row(depth + 1)}}

    def _try(self, depth: int) -> dict[str, Any]:
        parts = {"try": self.row(depth + 1), "finally": self.row(depth + 1)}
        return parts | ({"catch": self.row(depth + 1)} if self.draw(st.booleans()) else {})

    def _until(self, depth: int) -> dict[str, Any]:
        return {"until": "${{ stages.last.outputs.x? }}", "max-loop": 2, "stages": [*self.row(depth + 1), {"id": "last"}]}  # fmt: skip

    def _case(self, depth: int) -> dict[str, Any]:
        return {"case": 1, "match": [{"case": 1, "stages": self.row(depth + 1)}]}


def answer(path: str) -> Answer:
    """Answer an approval: the same whenever it is asked."""
    return Answer(approved=sum(path.encode()) % 3 > 0, by="ann", at=1.0)


def at_once(_run: RunView, waiting: Waiting) -> Answer:
    """Answer it in the process."""
    return answer(waiting.path)


def told(place: Path, result: RunResult) -> tuple[Any, ...]:
    """Return what a run has come to, but for the moments."""
    store = Store(place)
    journal, past = store.take("r")
    journal.close()
    store.close()
    records = {
        path: (it.status, it.code, it.error, it.attempts)
        for path, it in past.records.items()
        if it.status != "CANCEL"
    }
    jobs = {name: job.status for name, job in result.jobs.items()}
    return result.status, jobs, records


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a journal that is ready, to be copied."""
    place = tmp_path_factory.mktemp("empty") / "runs.db"
    Store(place).close()
    return place


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(documents(), st.data())
def test_it_comes_to_the_same_end(
    empty: Path, tmp_path: Path, made: tuple[dict[str, Any], int], data: st.DataObject
) -> None:
    document, waits = made
    parks = data.draw(st.lists(st.booleans(), min_size=waits, max_size=waits))
    params = {f"w{number}": "1h" for number, each in enumerate(parks) if each}
    notes: dict[str, list[str]] = {"whole": [], "parked": []}

    def run(name: str) -> Parked:
        @block(tags=set(), runs="host", name="mine.note")
        async def note(context: Any) -> None:
            """Note that it was called."""
            notes[name].append(context.stage)

        place = tmp_path / f"{name}.db"
        shutil.copy(empty, place)
        return Parked(place, Catalog.of(note))

    async def whole() -> tuple[Any, ...]:
        parked = run("whole")
        result = await parked.begin(document, parking=None, on_approval=at_once)
        assert result.problems == ()
        return told(Path(parked.place), result)

    async def in_parts() -> tuple[Any, ...]:
        parked = run("parked")
        first = await parked.begin(document, params=params)
        result, _ = await parked.to_end(first, answer)
        return told(Path(parked.place), result)

    assert asyncio.run(in_parts()) == asyncio.run(whole())
    assert sorted(notes["parked"]) == sorted(notes["whole"])
