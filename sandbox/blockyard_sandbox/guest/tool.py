"""The operation ``tool``: a program of the platform's own choice, with files that it reads and files that it writes."""

from collections.abc import Callable, Mapping
from typing import Any

from blockyard_sandbox.guest import programs


def make(_: Any) -> Callable[[dict[str, Any]], Any]:
    """Return the operation: {"words", "env", "files"} -> {"return_code", "stdout", "stderr", "cpu_seconds"}; ``files`` are texts by path."""
    return tool


def tool(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Run the program once; raise GuestError when it cannot be started."""
    before = programs.used()
    for path, text in payload["files"].items():
        programs.write(path, text)
    answer = programs.run(payload["words"], payload["env"], says=False)
    return {**answer, "cpu_seconds": programs.used() - before}
