"""Programs started by a guest: their lines are sent on while they run, and what they leave behind is ended and removed.

A program and all that it starts are inside of the same jail as this process, which they cannot trace or reach into.
"""

import codecs
import itertools
import os
import resource
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from blockyard_sandbox.guest.failures import TYPE, GuestError

SCRATCH = "/scratch"
_CHUNK = 65_536
_FEW = 200
"""Entries of a folder that are removed one by one; a fuller one goes with its guest."""
_ENVIRONMENT = {
    "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
    "HOME": SCRATCH,
    "TMPDIR": SCRATCH,
    # The same as LANG=C.UTF-8, whose other categories are those of C: but programs load one file instead of twelve.
    "LC_CTYPE": "C.UTF-8",
}


def run(words: Sequence[str], variables: Mapping[str, str], *, says: bool = True) -> dict[str, Any]:
    """Run a program to its end; return {"return_code", "stdout", "stderr"}. Raises GuestError when it cannot be started.

    What it ``says`` is also passed on, line by line.

    A negative ``return_code`` is the signal that killed it. Processes that it leaves behind are ended.
    """
    return finish(start(words, variables), says=says)


def start(
    words: Sequence[str], variables: Mapping[str, str], stdin: int = subprocess.DEVNULL
) -> subprocess.Popen[bytes]:
    """Start a program. Raises GuestError when it cannot be."""
    try:
        return subprocess.Popen(  # noqa: S603  (a tenant's own program, inside the jail)
            list(words),
            env=_ENVIRONMENT | dict(variables),
            cwd=SCRATCH,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except OSError as error:
        raise GuestError(TYPE, f"{words[0]} cannot be started: {error}") from None


def finish(process: subprocess.Popen[bytes], *, says: bool = True) -> dict[str, Any]:
    """Follow a program to its end, and return what :func:`run` does."""
    stdout, stderr = _follow(process, says=says)
    code = process.wait()
    end_all()
    return {"return_code": code, "stdout": stdout, "stderr": stderr}


def write(path: str, text: str) -> None:
    """Write a file, whatever characters its text has."""
    data = text.encode("utf-8", "surrogateescape")
    place = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        while data:
            data = data[os.write(place, data) :]
    finally:
        os.close(place)


def used() -> float:
    """Return the CPU seconds of all processes that were started here and have been waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def end_all() -> None:
    """End every process that is left: this one is the first of its namespace, so that -1 means all others."""
    if os.getpid() != 1:
        return  # without a namespace of its own, the guest is not used again and ends with what it started
    try:
        os.kill(-1, signal.SIGKILL)
        while True:
            os.waitpid(-1, 0)
    except (ChildProcessError, ProcessLookupError):
        return


def empty(folder: str = SCRATCH) -> bool:
    """Remove what a program has left in its folder; return False when that is too much to be done here."""
    if os.getpid() != 1:
        return False
    try:
        for entry in _few(folder):
            if entry.is_dir(follow_symlinks=False):
                for inner in _few(entry.path):
                    os.unlink(inner.path)
                os.rmdir(entry.path)
            else:
                os.unlink(entry.path)
    except OSError:
        return False
    return True


def _few(folder: str) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        found = list(itertools.islice(entries, _FEW + 1))
    if len(found) > _FEW:
        raise OSError
    return found


def _follow(process: subprocess.Popen[bytes], *, says: bool) -> tuple[str, str]:
    """Read both streams until the program has ended, whatever it leaves running, and pass each piece on as it comes."""
    assert process.stdout is not None  # noqa: S101  (for type checkers: both are pipes)
    assert process.stderr is not None  # noqa: S101
    ended = os.pidfd_open(process.pid)
    streams = {each.fileno(): _Stream(says=says) for each in (process.stdout, process.stderr)}
    poll = select.poll()
    for descriptor in (*streams, ended):
        poll.register(descriptor, select.POLLIN)
    left = set(streams)
    timeout: int | None = None
    while left and (ready := poll.poll(timeout)):
        for descriptor, _ in ready:
            if descriptor == ended:
                poll.unregister(ended)
                timeout = 0
            elif not streams[descriptor].take(os.read(descriptor, _CHUNK)):
                poll.unregister(descriptor)
                left.discard(descriptor)
    os.close(ended)
    return (
        streams[process.stdout.fileno()].text(),
        streams[process.stderr.fileno()].text(),
    )


class _Stream:
    """What one of the two streams has given so far; whole lines are passed on, so that the streams do not mix within one."""

    def __init__(self, *, says: bool) -> None:
        self._says = says
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._parts: list[str] = []
        self._line = ""

    def take(self, data: bytes) -> bool:
        """Take a piece; return False at the end."""
        text = self._decoder.decode(data, final=not data)
        self._parts.append(text)
        whole, newline, self._line = (self._line + text).rpartition("\n")
        if newline and self._says:
            sys.stdout.write(whole + newline)
        if len(self._line) > _CHUNK:
            self._pass_on()
        return bool(data)

    def text(self) -> str:
        """Pass on what is left, and return all of it."""
        self._pass_on()
        return "".join(self._parts)

    def _pass_on(self) -> None:
        if self._line and self._says:
            sys.stdout.write(self._line + "\n")
        self._line = ""
