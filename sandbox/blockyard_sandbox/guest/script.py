"""The operation ``script``: full Python, run by the interpreter of the environment that this guest is shown.

The text and its variables lie in files: neither is ever part of a command.
"""

import json
import os
import stat
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from blockyard_sandbox.guest import programs
from blockyard_sandbox.guest.failures import RESULT, TYPE, GuestError
from blockyard_sandbox.guest.plain import encode

ENVIRONMENT = "/environment"
RUNNER = "/blockyard/runner.py"
PYTHON = ENVIRONMENT + "/bin/python"
_SCRIPT = programs.SCRATCH + "/script.py"
_VARIABLES = programs.SCRATCH + "/.variables.json"
_RESULT = programs.SCRATCH + "/result.json"


def make(_: Any) -> Callable[[dict[str, Any]], Any]:
    """Return the operation: {"code", "vars", "env", "result_bytes"} -> what ``shell`` answers, with ``result`` when there is one."""
    return script


def script(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Run one script; raise GuestError when it cannot be started, or its result file is no plain JSON."""
    before = programs.used()
    programs.write(_SCRIPT, payload["code"])
    variables = {
        "PATH": f"{ENVIRONMENT}/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        "VIRTUAL_ENV": ENVIRONMENT,
        "PYTHONTZPATH": "/zoneinfo",
        "BLOCKYARD_RESULT": _RESULT,
        **payload["env"],
    }
    words = [PYTHON, "-I", "-X", "utf8", RUNNER, _SCRIPT]
    if payload["vars"]:
        programs.write(_VARIABLES, json.dumps(payload["vars"]))
        words.append(_VARIABLES)
    answer = programs.run(words, variables)
    if answer["return_code"] == 0:
        answer |= _result(payload["result_bytes"])
    return {**answer, "cpu_seconds": programs.used() - before, "clean": programs.empty()}


def _result(most: int) -> dict[str, Any]:
    """Return what the script has written to its result file, if it has; the file is the script's, and may be anything."""
    try:
        place = os.open(_RESULT, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise GuestError(TYPE, f"the result file cannot be read: {error.strerror}") from None
    if not stat.S_ISREG(os.fstat(place).st_mode):
        os.close(place)
        raise GuestError(TYPE, "the result file is no plain file")
    with os.fdopen(place, "rb") as stream:
        data = stream.read(most + 1)
    if len(data) > most:
        raise GuestError(RESULT, f"the result file has more than {most} bytes; write less")
    return {"result": encode(_parsed(data))}


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data.decode("utf-8"), parse_constant=_refuse, object_pairs_hook=_unique)
    except RecursionError:
        raise GuestError(RESULT, "the result file is nested too deep") from None
    except ValueError as error:
        raise GuestError(TYPE, f"the result file is not JSON: {error}") from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found
