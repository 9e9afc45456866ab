"""The other systems: each in a virtual environment of its own, pinned with hashes, timed by its own interpreter."""

import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).parent
STAGES = {"ddeutil_workflow": 10_000, "pyconduit": 1_000, "dotflow": 10_000}
"""The peers, and the most stages each is asked for by default; pyconduit's cost grows with the square."""


def install(name: str) -> Path:
    """Return the interpreter of a peer's environment, made when it is not there. Raises CalledProcessError."""
    folder = HERE / ".venvs" / name
    python = folder / "bin" / "python"
    if not (folder / ".ready").exists():
        print(f"installing {name} ...", file=sys.stderr, flush=True)
        venv.create(folder, with_pip=True, clear=True)
        lock = HERE / "peers" / f"{name}.lock"
        options = ["--quiet", "--require-hashes", "--no-deps", "-r", str(lock)]
        command = [str(python), "-m", "pip", "install", *options]
        subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
        (folder / ".ready").touch()
    return python


def seconds(python: Path, name: str, stages: int, rounds: int) -> float:
    """Return the median seconds of a peer for so many trivial stages. Raises CalledProcessError."""
    script = HERE / "peers" / f"{name}.py"
    command = [str(python), str(script), str(stages), str(rounds)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    return float(done.stdout.split()[-1])
