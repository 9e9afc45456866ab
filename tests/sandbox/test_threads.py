"""Blocking work in threads of its own, and what comes back from it."""

import asyncio
import threading

import pytest

from blockyard_sandbox.threads import in_loop, in_thread


async def test_the_work_is_done_in_a_thread_of_that_name_which_keeps_no_process_alive() -> None:
    thread = await in_thread(threading.current_thread, "some-work")
    assert (thread.name, thread.daemon) == ("some-work", True)
    assert thread is not threading.current_thread()


@pytest.mark.parametrize(
    ("raised", "kind", "words"),
    [
        (KeyError("k"), KeyError, "'k'"),
        (SystemExit(3), RuntimeError, "it raised SystemExit"),
        (StopIteration(), RuntimeError, "it raised StopIteration"),
    ],
)
async def test_what_it_raises_is_raised_here(
    raised: BaseException, kind: type[Exception], words: str
) -> None:
    def work() -> None:
        raise raised

    with pytest.raises(kind) as caught:
        await in_thread(work, "work")
    assert str(caught.value) == words


async def test_who_is_cancelled_leaves_the_work_to_itself() -> None:
    going, done = threading.Event(), threading.Event()

    def work() -> None:
        going.wait(60)
        done.set()

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(in_thread(work, "work"), 0.01)
    going.set()
    await in_thread(lambda: done.wait(60), "look")
    assert done.is_set()


def test_a_closed_loop_is_told_nothing() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    told: list[int] = []
    in_loop(loop, told.append, 1)
    assert told == []
