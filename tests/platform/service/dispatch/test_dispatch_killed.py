"""Workers that are killed, stopped and continued, or terminated: another one takes their runs up, and each ends once."""

import os
import signal
from collections import Counter

from blockyard_platform.service.dispatch.port import State

from .conftest import PATIENCE, Here, Workers

RUNS = ("held-0", "held-1", "held-2", "held-3")


async def submit(here: Here, *names: str) -> None:
    """Submit from this process, which executes nothing."""
    dispatcher = await here.begin(slots=0)
    for name in names:
        dispatcher.submit(name, "t")


def counted(workers: Workers, word: str) -> Counter[str]:
    return Counter(line.split()[1] for line in workers.lines() if line.split()[0] == word)


async def test_another_process_takes_over_what_a_killed_one_had(
    here: Here, workers: Workers
) -> None:
    await submit(here, *RUNS)
    # Nobody waits for the end of a lease: it is longer than the patience of this test.
    first = workers.begin("first")
    workers.wait(*(f"begin {it} first" for it in RUNS))
    workers.begin("second")
    first.kill()
    first.wait()
    workers.wait(*(f"begin {it} second" for it in RUNS))
    workers.let_go()
    for name in RUNS:
        await here.reach(name, State.ENDED)
    assert counted(workers, "end") == dict.fromkeys(RUNS, 1)
    assert {it.number for it in here.dispatcher.list()} == {2}


async def test_a_process_that_is_started_again_finds_its_runs(here: Here, workers: Workers) -> None:
    await submit(here, *RUNS, "waits")
    first = workers.begin("same")
    workers.wait(*(f"begin {it} same" for it in RUNS))
    first.kill()
    first.wait()
    workers.let_go()
    workers.begin("same")
    for name in (*RUNS, "waits"):
        await here.reach(name, State.ENDED)
    assert counted(workers, "end") == dict.fromkeys((*RUNS, "waits"), 1)


async def test_a_stopped_process_that_goes_on_learns_that_its_runs_are_lost(
    here: Here, workers: Workers
) -> None:
    await submit(here, *RUNS)
    # Of two that may take each other for dead, one that was only slow could have lost its runs before, or lose them afterwards.
    zombie = workers.begin("zombie")
    workers.wait(*(f"begin {it} zombie" for it in RUNS))
    workers.stop(zombie)
    workers.begin("heir", lease=1.5)
    workers.wait(*(f"begin {it} heir" for it in RUNS))
    os.kill(zombie.pid, signal.SIGCONT)
    workers.wait(*(f"{word} {it} zombie" for it in RUNS for word in ("lost", "dropped")))
    entries = here.dispatcher.list(state=State.RUNNING)
    assert {(it.worker or "").split("-")[0] for it in entries} == {"heir"}
    workers.let_go()
    for name in RUNS:
        await here.reach(name, State.ENDED)
    assert counted(workers, "end") == dict.fromkeys(RUNS, 1)
    # It has a lease again, and is given runs as before.
    more = [f"later-{number}" for number in range(40)]
    for name in more:
        here.dispatcher.submit(name, "t")
    for name in more:
        await here.reach(name, State.ENDED)
    assert zombie.poll() is None


async def test_a_process_that_is_terminated_hands_over(here: Here, workers: Workers) -> None:
    await submit(here, *RUNS)
    first = workers.begin("first")
    workers.wait(*(f"begin {it} first" for it in RUNS))
    second = workers.begin("second")
    first.terminate()
    assert first.wait(PATIENCE) == 0
    workers.wait(*(f"begin {it} second" for it in RUNS))
    assert counted(workers, "lost") == dict.fromkeys(RUNS, 1)
    workers.let_go()
    for name in RUNS:
        await here.reach(name, State.ENDED)
    assert {it.failures for it in here.dispatcher.list()} == {0}
    second.terminate()
    assert second.wait(PATIENCE) == 0


async def test_what_a_living_worker_has_can_be_handed_over_by_hand(
    here: Here, workers: Workers
) -> None:
    await submit(here, *RUNS)
    workers.begin("first")
    workers.wait(*(f"begin {it} first" for it in RUNS))
    (holder,) = {it.worker for it in here.dispatcher.list(state=State.RUNNING)}
    assert holder is not None
    assert here.dispatcher.recover(holder) == RUNS
    workers.wait(*(f"lost {it} first" for it in RUNS))
    workers.let_go()
    for name in RUNS:
        await here.reach(name, State.ENDED)


async def test_a_run_is_cancelled_in_another_process(here: Here, workers: Workers) -> None:
    await submit(here, "held")
    workers.begin("first")
    workers.wait("begin held first")
    assert here.dispatcher.cancel("held") is State.RUNNING
    workers.wait("cancel held first")
    workers.let_go()
    await here.reach("held", State.CANCELLED)
