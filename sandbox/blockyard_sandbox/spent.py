"""What the processes of a guest have used so far, read before it is killed: nobody can be asked for it afterwards."""

import os
from collections.abc import Iterator
from contextlib import suppress

_MOST = 1_000
"""Processes that are looked at; a guest has a limit of its own, mostly far below."""


def seconds_below(pid: int) -> float:
    """Return the CPU seconds of all processes that come from one, those that they have waited for among them.

    The process itself does not count, and what cannot be read counts as nothing. See proc(5) for the fields.
    """
    ticks = 0
    found = list(_children(pid))
    for each in found:  # which grows meanwhile
        if len(found) < _MOST:
            found += _children(each)
        with suppress(OSError), open(f"/proc/{each}/stat", "rb") as stream:
            fields = stream.read().rpartition(b")")[2].split()
            ticks += sum(int(field) for field in fields[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def _children(pid: int) -> Iterator[int]:
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with suppress(OSError), open(f"/proc/{pid}/task/{thread}/children", "rb") as stream:
                yield from map(int, stream.read().split())
