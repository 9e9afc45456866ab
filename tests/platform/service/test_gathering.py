"""Calls of several threads done together."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock

import pytest

from blockyard_platform.service.gathering import Gathered

PATIENCE = 120


class Slow:
    """Doubles numbers; the first group is held until it is let go."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.begun = Event()
        self.go_on = Event()

    def __call__(self, numbers: Sequence[int]) -> list[int]:
        self.groups.append(list(numbers))
        self.begun.set()
        assert self.go_on.wait(PATIENCE)
        if any(it < 0 for it in numbers):
            raise ValueError(f"{min(numbers)} is less than nothing")
        return [2 * it for it in numbers]


def waiting(gathered: Gathered[int, int]) -> int:
    return len(gathered._waiting)  # pyright: ignore[reportPrivateUsage]


def together(
    numbers: Sequence[int], most: int = 64, pause: Callable[[], float] | None = None
) -> tuple[Slow, list[int | str]]:
    """Ask for the first, and while it is under way for the others; return what came of each."""
    slow = Slow()
    gathered = Gathered(slow, most, pause)

    def ask(number: int) -> int | str:
        try:
            return gathered(number)
        except ValueError as error:
            return str(error)

    with ThreadPoolExecutor(len(numbers)) as threads:
        answers = [threads.submit(ask, numbers[0])]
        assert slow.begun.wait(PATIENCE)
        for count, number in enumerate(numbers[1:], 1):
            answers.append(threads.submit(ask, number))
            while waiting(gathered) < count:
                pass
        slow.go_on.set()
        return slow, [it.result(PATIENCE) for it in answers]


def test_what_comes_while_a_call_is_under_way_is_one_group() -> None:
    slow, answers = together([1, 2, 3, 4])
    assert answers == [2, 4, 6, 8]
    assert slow.groups == [[1], [2, 3, 4]]


def test_a_group_has_a_bound() -> None:
    slow, answers = together([1, 2, 3, 4, 5, 6], most=2)
    assert answers == [2, 4, 6, 8, 10, 12]
    assert slow.groups == [[1], [2, 3], [4, 5], [6]]


def test_an_error_reaches_the_one_caller_whose_it_is() -> None:
    slow, answers = together([1, 2, -3, 4])
    assert answers == [2, 4, "-3 is less than nothing", 8]
    assert slow.groups[:2] == [[1], [2, -3, 4]]
    assert sorted(slow.groups[2:]) == [[-3], [2], [4]]


def test_a_group_that_has_formed_meanwhile_waits_for_more() -> None:
    pauses: list[str] = []

    def pause() -> float:
        pauses.append("pause")
        return 0.0

    slow, answers = together([1, 2, 3, 4, 5], most=3, pause=pause)
    assert answers == [2, 4, 6, 8, 10]
    assert slow.groups == [[1], [2, 3, 4], [5]]
    assert pauses == ["pause", "pause"]


def test_what_comes_in_the_pause_is_in_the_group() -> None:
    slow, paused = Slow(), Event()

    def pause() -> float:
        paused.set()
        assert come.wait(PATIENCE)
        return 0.0

    come = Event()
    gathered = Gathered(slow, pause=pause)
    with ThreadPoolExecutor(3) as threads:
        answers = [threads.submit(gathered, 1)]
        assert slow.begun.wait(PATIENCE)
        answers.append(threads.submit(gathered, 2))
        while waiting(gathered) < 1:
            pass
        slow.go_on.set()
        assert paused.wait(PATIENCE)
        answers.append(threads.submit(gathered, 3))
        while waiting(gathered) < 2:
            pass
        come.set()
        assert [it.result(PATIENCE) for it in answers] == [2, 4, 6]
    assert slow.groups == [[1], [2, 3]]


def test_who_fails_alone_leaves_the_lead_to_the_next() -> None:
    slow, answers = together([-1, 2, 3])
    assert answers == ["-1 is less than nothing", 4, 6]
    assert slow.groups == [[-1], [2, 3]]


def test_a_call_that_comes_alone_is_done_by_its_own_thread() -> None:
    gathered = Gathered[int, int](lambda numbers: [it + 1 for it in numbers])
    assert [gathered(it) for it in range(3)] == [1, 2, 3]


def test_every_call_of_many_threads_is_done_once() -> None:
    lock, seen = Lock(), list[int]()

    def note(numbers: Sequence[int]) -> list[int]:
        with lock:
            seen.extend(numbers)
        return [-it for it in numbers]

    gathered = Gathered(note, 5)
    with ThreadPoolExecutor(16) as threads:
        assert list(threads.map(gathered, range(2_000))) == [-it for it in range(2_000)]
    assert sorted(seen) == list(range(2_000))


def test_too_few_answers_are_an_error() -> None:
    gathered = Gathered[int, int](lambda _: [])
    with pytest.raises(ValueError, match="zip"):
        gathered(1)
