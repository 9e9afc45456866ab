"""A bash that is started before its script comes, since its start takes longer than most scripts.

It reads ``ahead.sh``, as any shell reads what ``BASH_ENV`` names, and waits there; what it is then told makes it as one that has just
been started with the script's variables. A script could tell by two things alone: ``PIPESTATUS`` and ``BASH_ARGC``
are 0 before its first command, not empty.
"""

import contextlib
import os
import re
import subprocess
from collections.abc import Mapping, Sequence

from blockyard_sandbox.guest import programs
from blockyard_sandbox.guest.failures import GuestError

PRELUDE = "/blockyard/ahead.sh"
"""Where the jail shows ``ahead.sh``: read-only, so that no script changes what a later one's shell reads."""

_FIRST = 80
"""Characters that ``ahead.sh`` reads."""

_MOST = 32_768
"""Bytes that a waiting bash is told; a pipe takes as many at once."""

_AT_START = re.compile(
    "(BASH|COMP|EPOCH|GCONV|HIST|HOST|LANG|LC_|LOC|MAIL|MALLOC_|OPT|POSIX|PROMPT|PS|READLINE|RES_|SHELL|TERM|TEXTDOMAIN|TZ).*"
    "|_|CDPATH|CHILD_MAX|COLUMNS|COPROC|DIRSTACK|EMACS|ENV|EUID|EXECIGNORE|FCEDIT|FIGNORE|FUNCNAME|FUNCNEST|GETCONF_DIR|GLOBIGNORE"
    "|GROUPS|HOME|IFS|IGNOREEOF|INPUTRC|INSIDE_EMACS|LINENO|LINES|MACHTYPE|MAPFILE|NLSPATH|OLDPWD|OSTYPE|OUTPUT_CHARSET|PATH"
    "|PIPESTATUS|PPID|PWD|RANDOM|SECONDS|SHLVL|SRANDOM|TIMEFORMAT|TMOUT|TMPDIR|UID|auto_resume|histchars"
)
"""Variables, and some beside them, that bash or its libraries look at when they start, or have a meaning of their own for: "Shell Variables" of bash(1)."""

_PLAIN = re.compile(rb"[^A-Za-z0-9 _./:=,@%+-]")


class Waiting:
    """A bash that waits for its words. Raises GuestError when it cannot be started."""

    def __init__(self, words: Sequence[str]) -> None:
        """Start it."""
        reader, self._writer = os.pipe()
        try:
            self._process = programs.start(words, {"BASH_ENV": PRELUDE}, stdin=reader)
        except GuestError:
            os.close(self._writer)
            raise
        finally:
            os.close(reader)

    def go_on(self, variables: Mapping[str, str]) -> subprocess.Popen[bytes] | None:
        """Let it run its script with these variables; or end it, and return nothing, when it could not be as one started with them."""
        told = words_of(variables)
        with contextlib.closing(os.fdopen(self._writer, "wb", 0)) as writer:
            if told is not None:
                with contextlib.suppress(BrokenPipeError):
                    writer.write(told)
                    return self._process
        programs.end_all()
        self._process.wait()
        return None


def words_of(variables: Mapping[str, str]) -> bytes | None:
    """Return what makes a waiting bash as one that was started with these variables; nothing when that cannot be."""
    if any(_AT_START.fullmatch(name) for name in variables):
        return None
    if sum(map(len, variables.values())) > _MOST:
        return None
    exported = "".join(f"; export {name}={quoted(value)}" for name, value in variables.items())
    told = f"exec <>/dev/null; unset BASH_ENV REPLY; SECONDS=0{exported}"
    if len(told) > _FIRST:
        told = f'read -r -N {len(told)}; eval "$REPLY"'.ljust(_FIRST) + told
    return told.ljust(_FIRST).encode("ascii") if len(told) <= _MOST else None


def quoted(text: str) -> str:
    """Return a text as a word of bash, of printable ASCII alone, in which nothing but the escapes of ``$''`` has a meaning."""
    data = text.encode("utf-8", "surrogateescape")
    escaped = _PLAIN.sub(lambda found: b"\\%03o" % found[0][0], data)
    return "$'" + escaped.decode("ascii") + "'"
