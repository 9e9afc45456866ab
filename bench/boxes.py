"""A container stage beside the same ``docker run``: same engine, image, options and volume, one after the other."""

import asyncio
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from blockyard_platform import Runner
from blockyard_schemas.policy import Policy, load_policy

sys.path.append(str(Path(__file__).parents[1] / "tests" / "attack"))

from engines import BUSYBOX, Engine, make_busybox, start_engine

OPTIONS = (
    *("--rm", "--network", "none", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
    *("--read-only", "--init", "--memory", "256m", "--memory-swap", "256m", "--shm-size", "64m"),
    *("--cpu-period", "100000", "--cpu-quota", "100000", "--pids-limit", "65", "--ipc", "private"),
    *("--ulimit", "nofile=64", "--ulimit", "core=0", "--ulimit", "fsize=1073741824"),
    *("--ulimit", "cpu=10:15", "--log-driver", "none", "--no-healthcheck"),
    *("--user", "65534:65534", "--hostname", "container", "--label", "blockyard.owner=bench"),
    *("--tmpfs", "/tmp:rw,nosuid,nodev,noexec,mode=1777,uid=65534,gid=65534,size=67108864"),  # noqa: S108
)
"""What our stage asks for, in the words of the command line."""


def possible() -> bool:
    """Whether a private engine can be started here."""
    programs = ("dockerd", "docker", "busybox")
    return os.geteuid() == 0 and all(shutil.which(each) is not None for each in programs)


def measure(rounds: int) -> tuple[float, float]:
    """Return the median seconds of our stage and of ``docker run``. Raises RuntimeError when the engine does not start."""
    engine = start_engine()
    try:
        make_busybox(engine)
        with tempfile.TemporaryDirectory() as folder:
            Path(folder).chmod(0o755)
            return asyncio.run(_measure(engine, folder, rounds))
    finally:
        engine.end()


async def _measure(engine: Engine, folder: str, rounds: int) -> tuple[float, float]:
    os.environ["DOCKER_HOST"] = engine.url
    mount = f"type=bind,source={folder},target=/in,readonly,bind-nonrecursive"
    command = ["docker", "run", *OPTIONS, "--mount", mount, BUSYBOX, "echo", "hello"]
    ours: list[float] = []
    theirs: list[float] = []
    async with Runner(policy=_policy(folder)) as runner:
        for _ in range(rounds + 1):
            ours.append(await _stage(runner))
            begun = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)  # noqa: ASYNC221, S603
            theirs.append(time.perf_counter() - begun)
    return statistics.median(ours[1:]), statistics.median(theirs[1:])


def _policy(folder: str) -> Policy:
    return load_policy(
        "stages: [docker]\nimages: [{name: local/busybox, tags: ['1']}]\n"
        f"volumes: [{{name: data, source: {folder}}}]\n"
    )


async def _stage(runner: Runner) -> float:
    stage = {"id": "a", "image": BUSYBOX, "command": ["echo", "hello"], "volume": {"data": "/in"}}
    result = await runner.run({"name": "bench", "stages": [stage]})
    record = result.jobs["main"].stages["a"]
    if record.outputs.get("stdout") != "hello\n":
        raise RuntimeError(f"a container stage ended with {record.error}")
    return record.seconds


if __name__ == "__main__":
    for name, seconds in zip(("stage", "docker run"), measure(int(sys.argv[1])), strict=True):
        print(f"{name:<12}{seconds * 1e3:8.1f} ms")
