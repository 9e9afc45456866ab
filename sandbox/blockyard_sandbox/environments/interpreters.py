"""Interpreters of this machine: the platform's own, and those that uv finds or may fetch."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from blockyard_sandbox.environments.errors import EnvironmentUnavailableError
from blockyard_schemas.statuses import Code

REQUEST = re.compile(r"[23](\.[0-9]{1,3}){0,2}")
"""What a document may ask for: a version, or the beginning of one."""

_FACTS = (
    "import json, platform, sys; from importlib.util import MAGIC_NUMBER;"
    " print(json.dumps([platform.python_implementation(), platform.python_version(),"
    " MAGIC_NUMBER.hex(), sys.base_prefix, sys.base_exec_prefix]))"
)
_FETCH_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python of this machine: its real path, version, the mark of its bytecode, and the folders that it needs beside its own."""

    path: str
    implementation: str
    version: str
    magic: str
    prefixes: tuple[str, ...]

    @property
    def identity(self) -> str:
        """What tells it from any other, and from itself after an upgrade."""
        facts = os.stat(self.path)
        text = (
            f"{self.implementation} {self.version} {self.path} {facts.st_size} {facts.st_mtime_ns}"
        )
        return hashlib.sha256(text.encode()).hexdigest()

    def answers(self, request: str) -> bool:
        """Whether it is what a request such as 3.12 asks for."""
        return f"{self.version}.".startswith(f"{request}.")


class Interpreters:
    """Interpreters by request, each looked for once."""

    def __init__(self, uv: str, fetched: Path) -> None:
        """``uv`` is the program, ``fetched`` the folder of interpreters that it has fetched."""
        self._uv = uv
        self._fetched = fetched
        self._found: dict[str, Interpreter] = {}

    async def find(self, request: str | None, *, fetch: bool) -> Interpreter:
        """Return an interpreter; ``None`` asks for the platform's own. Raises EnvironmentUnavailableError."""
        known = self._found.get(request or "")
        if known is not None and os.path.exists(known.path):
            return known
        own = await self._own()
        if request is None or own.answers(request):
            found = own
        else:
            found = await self._look(request, fetch=fetch)
        self._found[request or ""] = found
        return found

    async def _own(self) -> Interpreter:
        if "" not in self._found:
            self._found[""] = await _ask(os.path.realpath(sys.executable))
        return self._found[""]

    async def _look(self, request: str, *, fetch: bool) -> Interpreter:
        if not REQUEST.fullmatch(request):
            raise _missing(request, "a version such as 3.12 is asked for")
        find = ("python", "find", "--no-project", "--system", "--no-python-downloads", request)
        status, output = await self._call(*find)
        if status != 0 and fetch:
            status, output = await self._call("python", "install", "--no-bin", request)
            if status != 0:
                raise _missing(request, f"it could not be fetched: {_last(output)}")
            status, output = await self._call(*find)
        if status != 0:
            reason = "uv finds none on this machine"
            raise _missing(
                request, reason if fetch else f"{reason}, and the policy lets none be fetched"
            )
        return await _ask(os.path.realpath(output.strip().splitlines()[-1]))

    async def _call(self, *words: str) -> tuple[int, str]:
        environment = os.environ | {"UV_PYTHON_INSTALL_DIR": str(self._fetched)}
        return await _run([self._uv, *words], environment)


async def _ask(path: str) -> Interpreter:
    status, output = await _run([path, "-I", "-S", "-c", _FACTS], dict(os.environ))
    if status != 0:
        raise _missing(path, f"it does not start: {_last(output)}")
    implementation, version, magic, *prefixes = json.loads(output)
    return Interpreter(path, implementation, version, magic, tuple(dict.fromkeys(prefixes)))


async def _run(words: list[str], environment: dict[str, str]) -> tuple[int, str]:
    """Run a program of the platform's own; return its status, and what it printed (its errors when it failed)."""
    process = await asyncio.create_subprocess_exec(
        *words,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )
    try:
        async with asyncio.timeout(_FETCH_SECONDS):
            output, errors = await process.communicate()
    except BaseException:
        if process.returncode is None:
            process.kill()
            await process.wait()
        raise
    status = process.returncode or 0
    return status, (errors if status else output).decode(errors="replace")


def _missing(request: str, reason: str) -> EnvironmentUnavailableError:
    return EnvironmentUnavailableError(
        Code.INVALID_ARGUMENT, f"Python {request} cannot be had: {reason}"
    )


def _last(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it said nothing"
