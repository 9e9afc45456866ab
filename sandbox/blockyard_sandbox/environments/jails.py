"""The two jails of environments: one in which a script runs, and one in which uv resolves and installs."""

from __future__ import annotations

import os
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from blockyard_sandbox.guest.script import ENVIRONMENT, RUNNER
from blockyard_sandbox.programs import program_spec
from blockyard_sandbox.spec import Bind, JailSpec

if TYPE_CHECKING:
    from blockyard_sandbox.environments.interpreters import Interpreter
    from blockyard_sandbox.spec import Level

UV = "/blockyard/uv"
_SYSTEM = ("/usr", "/")
"""Prefixes whose folders every jail that starts programs shows."""
_TAKEN = ("/tmp", "/scratch", "/dev", "/proc", "/environment", "/blockyard", "/zoneinfo")  # noqa: S108  (of the jail)
_PARTS = ("bin", "lib", "lib64", "include")


def script_spec(level: Level, interpreter: Interpreter, environments: Path) -> JailSpec:
    """Return the spec of a sandbox whose guests run a script (operation ``script``) in one of the environments, which they cannot change."""
    spec = program_spec(level)
    runner = str(files("blockyard_sandbox.guest").joinpath("runner.py"))
    return replace(
        spec,
        extensions={"script": ("blockyard_sandbox.guest.script:make", None)},
        binds=(
            *spec.binds,
            *_interpreter(interpreter),
            Bind(runner, RUNNER, kind="file"),
            Bind(str(environments), ENVIRONMENT, execute=True, kind="store"),
        ),
    )


def builder_spec(level: Level, interpreter: Interpreter, uv: str, building: Path) -> JailSpec:
    """Return the spec of a sandbox whose guests run uv (operations ``tool`` and ``bytecode``) and write into one folder of ``building``."""
    spec = program_spec(level)
    return replace(
        spec,
        extensions={
            "tool": ("blockyard_sandbox.guest.tool:make", None),
            "bytecode": ("blockyard_sandbox.guest.bytecode:make", None),
        },
        binds=(
            *spec.binds,
            *_interpreter(interpreter),
            Bind(uv, UV, execute=True, kind="file"),
            Bind(str(building), ENVIRONMENT, execute=True, kind="store", writable=True),
        ),
    )


def inside(interpreter: Interpreter) -> str:
    """Return the path of an interpreter in these jails."""
    for prefix, place in _places(interpreter).items():
        if Path(interpreter.path).is_relative_to(prefix):
            return place + interpreter.path.removeprefix(prefix)
    return interpreter.path


def variables(interpreter: Interpreter) -> dict[str, str]:
    """Return what an interpreter has to be told in these jails.

    One that looks for its library beside itself asks ``/proc`` where it is, which there is not; the loader then asks this variable.
    """
    return {"LD_ORIGIN_PATH": str(Path(inside(interpreter)).parent)}


def _interpreter(interpreter: Interpreter) -> list[Bind]:
    """Return the folders of an interpreter that lies elsewhere than the system's own programs."""
    folders = [
        (f"{prefix}/{part}", f"{place}/{part}")
        for prefix, place in _places(interpreter).items()
        for part in _PARTS
    ]
    return [
        Bind(source, target, execute=True)
        for source, target in folders
        if os.path.isdir(source) and not os.path.islink(source)
    ]


def _places(interpreter: Interpreter) -> dict[str, str]:
    """Return where each prefix is shown: at its own path, unless the jail has something of its own there."""
    taken = [Path(each) for each in _TAKEN]
    return {
        prefix: f"/blockyard/python{number}"
        if any(Path(prefix).is_relative_to(each) for each in taken)
        else prefix
        for number, prefix in enumerate(interpreter.prefixes)
        if prefix not in _SYSTEM
    }
