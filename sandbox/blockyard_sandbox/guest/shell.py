"""The operation ``shell``: a script run by bash."""

import contextlib
import os
import time
from collections.abc import Mapping
from typing import Any

from blockyard_sandbox.guest import programs
from blockyard_sandbox.guest.ahead import PRELUDE, Waiting
from blockyard_sandbox.guest.failures import GuestError

BASH = "/bin/bash"
_SCRIPT = programs.SCRATCH + "/.stage.sh"
_WORDS = (BASH, "--noprofile", "--norc", _SCRIPT)


def make(_: Any) -> "Shell":
    """Return the operation: {"script", "env"} -> {"return_code", "stdout", "stderr", "cpu_seconds", "clean"}.

    ``clean`` tells that nothing is left of the script, so that another one of the same run may follow.
    """
    return Shell()


class Shell:
    """Runs scripts; once there were two, the bash of the next one is started while the platform goes on.

    That is when nothing of the scripts before it is left: neither a process that could reach it, nor a file.
    """

    def __init__(self) -> None:
        """Start nothing."""
        self._scripts = 0
        self._clean = False
        self._waiting: Waiting | None = None
        self._seconds = 0.0

    def __call__(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Run one script; raise GuestError when there is no bash."""
        before = programs.used() - self._seconds
        self._clean, self._seconds = False, 0.0
        self._scripts += 1
        programs.write(_SCRIPT, payload["script"])
        waiting, self._waiting = self._waiting, None
        process = waiting.go_on(payload["env"]) if waiting else None
        ended = programs.finish(process or programs.start(_WORDS, payload["env"]))
        spent = programs.used() - before
        self._clean = programs.empty()
        return {**ended, "cpu_seconds": spent, "clean": self._clean}

    def prepare(self) -> None:
        """Start the next script's bash, when there is likely to be one; what that takes of this process is counted with it."""
        if self._scripts < 2 or not self._clean or not os.access(PRELUDE, os.R_OK):
            return
        begun = time.process_time()
        with contextlib.suppress(GuestError, OSError):
            self._waiting = Waiting(_WORDS)
        self._seconds = time.process_time() - begun
