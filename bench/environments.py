"""Virtual-python stages beside bare Python, and building an environment beside bare uv: same wheel, same index, warm caches."""

import asyncio
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from goals import Goal
from uv import find_uv_bin

from blockyard_platform import Runner
from blockyard_sandbox.environments.environments import BuildLimits, Environments, Wanted
from blockyard_sandbox.environments.interpreters import Interpreter
from blockyard_sandbox.index.settings import Index, IndexSettings

sys.path.append(str(Path(__file__).parents[1] / "tests" / "attack"))

from local_index import LocalIndex
from virtual_stages import GREETING, policy_of

HELLO = "import greeting\nprint(greeting.greet('you'))\n"
ORDINARY = """\
import asyncio, csv, dataclasses, decimal, email.message, html, json, logging, statistics, zoneinfo
import greeting
rows = [{"n": n, "half": str(decimal.Decimal(n) / 2)} for n in range(2_000)]
text = json.dumps(rows)
print(greeting.greet(str(statistics.mean(row["n"] for row in json.loads(text)))))
"""
"""What a small script does: some of the standard library, some thousand values."""

_SAID = {HELLO: "hello you\n", ORDINARY: "hello 999.5\n"}


def goals(rounds: int) -> list[Goal]:
    """Return the figures of environments, each from the median of so many rounds."""
    with tempfile.TemporaryDirectory() as folder, LocalIndex(GREETING) as index:
        place = Path(folder)
        try:
            build, bare_build = asyncio.run(_builds(place / "builds", index, rounds))
            hello, _, built = asyncio.run(_scripts(place / "hellos", index, HELLO, rounds))
            ours, bare, _ = asyncio.run(_scripts(place / "scripts", index, ORDINARY, rounds))
        finally:
            _open(place)
    return [
        Goal("virtual-python stage, hello", hello * 1e3, 60, "ms"),
        Goal(f"virtual-python stage / bare python ({bare * 1e3:.0f} ms)", ours / bare, 1.3, "x"),
        Goal("environment of one small wheel", build * 1e3, 600, "ms"),
        Goal("environment of one small wheel / bare uv", build / bare_build, 1.3, "x"),
        Goal("builds for ten first uses at once", built, 1, "x"),
    ]


async def _builds(cache: Path, index: LocalIndex, rounds: int) -> tuple[float, float]:
    """Return the seconds of resolving and building here, and of uv's own commands for the same."""
    environments = Environments(cache, "full", lambda: IndexSettings((Index(index.url),)))
    interpreter = await environments.interpreter(None, fetch=False)
    ours: list[float] = []
    bare: list[float] = []
    for _ in range(rounds + 1):
        for kept in ("wanted", "environments", "facts"):
            _open(cache / kept)
            for each in (cache / kept).glob("*"):
                shutil.rmtree(each) if each.is_dir() else each.unlink()
        begun = time.perf_counter()
        async with (
            environments.session(
                interpreter, Wanted(("greeting",)), BuildLimits(), lambda _: None
            ) as session,
            session.use(await session.lock()),
        ):
            ours.append(time.perf_counter() - begun)
        bare.append(_bare(cache.parent, index, interpreter))
    await environments.close()
    return statistics.median(ours[1:]), statistics.median(bare[1:])


def _bare(folder: Path, index: LocalIndex, interpreter: Interpreter) -> float:
    place = folder / "bare"
    shutil.rmtree(place, ignore_errors=True)
    environ = os.environ | {"UV_CACHE_DIR": str(folder / "cache-of-uv")}
    python = str(place / "bin" / "python")
    begun = time.perf_counter()
    for words in (
        ["venv", "-q", "--python", interpreter.path, str(place)],
        ["pip", "install", "-q", "--python", python, "--default-index", index.url, "greeting"],
    ):
        subprocess.run([find_uv_bin(), *words], check=True, env=environ)  # noqa: S603
    return time.perf_counter() - begun


async def _scripts(
    cache: Path, index: LocalIndex, code: str, rounds: int
) -> tuple[float, float, int]:
    """Return the seconds of a script here and in bare Python, and how many environments ten first uses have built."""
    os.environ["BLOCKYARD_CACHE"] = str(cache)
    stages: list[dict[str, Any]] = [{"id": "a", "deps": ["greeting"], "run": code}]
    ours: list[float] = []
    bare: list[float] = []
    async with Runner(policy=policy_of(index)) as runner:
        first = await asyncio.gather(
            *(runner.run({"name": "bench", "stages": stages}) for _ in range(10))
        )
        said = [line.text for result in first for line in result.logs]
        (built,) = (cache / "environments").iterdir()
        script = cache / "script.py"
        script.write_text(code)
        for _ in range(rounds):
            result = await runner.run({"name": "bench", "stages": stages})
            record = result.jobs["main"].stages["a"]
            if record.outputs.get("stdout") != _SAID[code]:
                raise RuntimeError(f"a virtual-python stage does not work: {record}")
            ours.append(record.seconds)
            begun = time.perf_counter()
            subprocess.run(  # noqa: ASYNC221, S603
                [str(built / "bin" / "python"), str(script)], check=True, capture_output=True
            )
            bare.append(time.perf_counter() - begun)
    count = sum(line.startswith("Installed ") for line in said)
    return statistics.median(ours), statistics.median(bare), count


def _open(folder: Path) -> None:
    """Make everything below a folder removable."""
    for place, _, _ in os.walk(folder):
        Path(place).chmod(0o700)


if __name__ == "__main__":
    from goals import show

    for goal in goals(15):
        print(show(goal))
