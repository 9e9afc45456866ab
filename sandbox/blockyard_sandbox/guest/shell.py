"""The operation ``shell``: a script run by bash."""

from collections.abc import Callable, Mapping
from typing import Any

from blockyard_sandbox.guest import programs

BASH = "/bin/bash"
_SCRIPT = programs.SCRATCH + "/.stage.sh"


def make(_: Any) -> Callable[[dict[str, Any]], Any]:
    """Return the operation: {"script", "env"} -> {"return_code", "stdout", "stderr", "cpu_seconds", "clean"}.

    ``clean`` tells that nothing is left of the script, so that another one of the same run may follow.
    """
    return shell


def shell(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Run one script; raise GuestError when there is no bash."""
    before = programs.used()
    programs.write(_SCRIPT, payload["script"])
    ended = programs.run([BASH, "--noprofile", "--norc", _SCRIPT], payload["env"])
    return {**ended, "cpu_seconds": programs.used() - before, "clean": programs.empty()}
