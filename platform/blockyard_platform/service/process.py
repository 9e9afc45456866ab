"""How a process of the service treats its memory and its threads."""

from __future__ import annotations

import ctypes
import gc
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

_SWITCH_SECONDS = 0.001
_ARENA_MAX = -8
_ARENAS = 2
_YOUNG = 10_000
"""Objects after which the collector looks for garbage. The command line begins with many more, since most of its processes end at once."""


@contextmanager
def starting() -> Generator[None]:
    """Have no garbage looked for until :func:`settle`, or the end: what a start loads stays, and to look at it again and again takes a tenth of its time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def prepare() -> None:
    """Set what holds for all threads; to be called before there are any.

    A run goes through several threads, one after the other: each waits for the interpreter at most a fifth of what Python lets it wait.
    And each thread would take memory from an arena of its own, which is never given back.
    """
    sys.setswitchinterval(_SWITCH_SECONDS)
    _allocator("mallopt", _ARENA_MAX, _ARENAS)


def settle() -> None:
    """Give back what the start has used, and spare the collector what stays: modules, models, routes."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, 10, 10)
    gc.enable()
    _allocator("malloc_trim", 0)


def _allocator(name: str, *given: int) -> None:
    """Ask the C library for something, if it knows it: others than glibc do without."""
    function = getattr(ctypes.CDLL(None), name, None)
    if function is not None:
        function(*given)
