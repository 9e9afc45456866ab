"""How a process of the service treats its memory and its threads."""

import gc
import subprocess
import sys

import pytest

from blockyard_platform.service import process

_PROGRAM = """
import gc, sys
gc.set_threshold(200_000, 10, 10)  # as the command line does
from blockyard_platform.service import process
process.prepare()
kept = [[number] for number in range(1_000)]
process.settle()
print(sys.getswitchinterval() <= 0.001, gc.get_freeze_count() >= 1_000, len(kept))
print(gc.get_threshold()[0] <= 10_000)
"""


def test_threads_take_turns_sooner_and_what_stays_is_not_looked_at_again() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["True", "True", "1000", "True"]


def test_garbage_is_looked_for_again_when_a_start_is_over_or_has_failed() -> None:
    with process.starting():
        assert not gc.isenabled()
        process.settle()
        assert gc.isenabled()
    gc.unfreeze()
    with pytest.raises(KeyError), process.starting():
        raise KeyError
    assert gc.isenabled()


def test_a_library_without_the_function_is_left_alone() -> None:
    process._allocator("no_such_function_anywhere", 1)  # pyright: ignore[reportPrivateUsage]
