"""Attacks by scripts, as a tenant's documents have them: each fails, and the next script finds nothing of it."""

import asyncio
import os
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from blockyard_platform import Runner
from blockyard_schemas.policy import personal_policy
from blockyard_schemas.statuses import Code

CANARY = "CANARY-of-the-host"
TEXT = Path(__file__).with_name("scripts.txt").read_text(encoding="utf-8")
CASES = {
    head.strip(): script
    for head, _, script in (part.partition("\n") for part in TEXT.split("\n=== ")[1:])
}
LIMITS = {"cpu_seconds": 60.0, "wall_seconds": 120.0, "memory_mib": 64, "processes": 16}
CPU_SECONDS = 1.0
WALL_SECONDS = 4
"""For what a clock is to end, or may; all else has time enough on a machine that is slow, or that stands still for a while."""


@dataclass(frozen=True)
class Host:
    """A runner, and what a script must not reach: a readable file, a listening port and socket."""

    loop: asyncio.Runner
    runner: Runner
    facts: dict[str, str]
    listeners: tuple[socket.socket, ...]

    def run(self, *scripts: str, **more: Any) -> list[Any]:
        """Run scripts as the stages of one document, of which the first has ``more``; return their records."""
        stages = [
            {"id": f"s{n}", "bash": script, "always": True} for n, script in enumerate(scripts)
        ]
        stages[0] |= more
        result = self.loop.run(self.runner.run({"name": "t", "stages": stages}))
        assert result.problems == ()
        return [record.as_dict() for record in result.jobs["main"].stages.values()]


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    os.environ["BLOCKYARD_TEST_SECRET"] = CANARY
    folder = Path(tempfile.mkdtemp(prefix="blockyard-scripts-"))
    folder.chmod(0o755)
    secret = folder / "readable.txt"
    secret.write_text(CANARY)
    local = socket.socket(socket.AF_UNIX)
    local.bind(str(folder / "socket"))
    local.listen()
    port = socket.create_server(("127.0.0.1", 0))
    facts = {
        "canary": str(secret),
        "folder": str(folder),
        "socket": str(folder / "socket"),
        "port": str(port.getsockname()[1]),
    }
    with asyncio.Runner() as loop:
        runner = runner_of(LIMITS)
        yield Host(loop, runner, facts, (local, port))
        loop.run(runner.close())
    for listener in (local, port):
        listener.close()


@pytest.fixture(scope="module")
def hasty(host: Host) -> Iterator[Host]:
    """Yield the same with few seconds of processors."""
    runner = runner_of(LIMITS | {"cpu_seconds": CPU_SECONDS})
    yield replace(host, runner=runner)
    host.loop.run(runner.close())


def runner_of(limits: dict[str, Any]) -> Runner:
    policy = personal_policy()
    stage = policy.stage.model_copy(update=limits)
    return Runner(policy=policy.model_copy(update={"stage": stage}))


def filled(script: str, facts: dict[str, str]) -> str:
    for name, value in facts.items():
        script = script.replace("{" + name + "}", value)
    return script


@pytest.mark.parametrize("title", CASES)
def test_a_script_reaches_nothing(title: str, host: Host) -> None:
    look = 'ls -A "$HOME"; pwd; kill -0 -- -1 2>/dev/null || echo alone'
    _, attack, after = host.run("true", filled(CASES[title], host.facts), look)
    said = attack["outputs"]["stdout"] + attack["outputs"]["stderr"]
    assert "BROKEN" not in attack["outputs"]["stdout"], said
    assert CANARY not in said
    assert attack["outputs"]["stdout"].splitlines()[-1] == "held", said
    assert after["outputs"]["stdout"].split() == [".stage.sh", "/scratch", "alone"]
    for listener in host.listeners:
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_there_are_many_cases() -> None:
    attempts = sum(script.count("BROKEN") for script in CASES.values())
    assert len(CASES) >= 40
    assert attempts >= 130


BOMBS = {
    "processes": (":() { : | : & }; :", {126, 125, 121, 123, 0}),
    "memory": ("x=$(head -c 500000000 /dev/zero | tr '\\0' x)", {122, 125, 126}),
    "memory of a folder and of processes": ("for i in 1 2 3 4; do (head -c 45000000 /dev/zero | tail -c 45000000 > f$i) & done; wait; exit 1", {121, 122, 123, 125, 126}),
    "processor": ("while :; do :; done", {123}),
    "processor of a program": ("perl -e '1 while 1'", {123}),
    "processors": ("for i in $(seq 10); do (while :; do :; done) & done; wait", {121, 123, 125, 126}),
    "sleep": ("sleep 100", {121}),
    "output": ("yes", {124}),
    "output of both": ("yes & yes >&2", {124}),
    "one endless line": ("head -c 100000000 /dev/zero | tr '\\0' x", {124, 136}),
    "a stop": ("kill -STOP $$", {121}),
    "a signal to all others": ("kill -KILL -1", {125}),
    "recursion": ("f() { f; }; f", {126, 125, 121, 123, 122}),
    "open files": ("for n in $(seq 3 5000); do eval \"exec $n</dev/null\" || exit 1; done", {125, 126, 123}),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_ends_at_a_limit_and_the_next_script_works(
    name: str, host: Host, hasty: Host
) -> None:
    script, codes = BOMBS[name]
    clock = {"timeout": WALL_SECONDS} if Code.TIMEOUT.value in codes else {}
    place = hasty if Code.CPU_LIMIT.value in codes else host
    bomb, after = place.run(script, "echo fine; ls -A", **clock)
    assert bomb["code"] in codes, bomb["error"]
    assert after["outputs"]["stdout"] == "fine\n.stage.sh\n"


def test_scripts_side_by_side_do_not_see_each_other(host: Host) -> None:
    write = "echo mine > here; sleep 0.3; ls -A; kill -0 -- -1 2>/dev/null || echo alone"
    look = "sleep 0.1; ls -A; kill -9 -1 2>/dev/null; kill -0 -- -1 2>/dev/null || echo alone"
    branches = {"a": [{"id": "a", "bash": write}], "b": [{"id": "b", "bash": look}]}
    document = {"name": "t", "stages": [{"id": "p", "parallel": branches}]}
    result = host.loop.run(host.runner.run(document))
    found = result.as_dict()["jobs"]["main"]["stages"]["p"]["outputs"]["parallel"]
    assert found["a"]["stages"]["a"]["outputs"]["stdout"].split() == [".stage.sh", "here", "alone"]
    assert found["b"]["stages"]["b"]["outputs"]["stdout"].split() == [".stage.sh", "alone"]


@pytest.mark.parametrize(
    "name",
    ["LD_PRELOAD", "LD_LIBRARY_PATH", "BASH_FUNC_x%%", "GLIBC_TUNABLES", "a-b", "", "A=B", "1A"],
)
def test_variables_that_steer_programs_are_refused(name: str, host: Host) -> None:
    stages = [{"id": "a", "bash": "true", "env": {name: "/scratch/x.so"}}]
    result = host.loop.run(host.runner.run({"name": "t", "stages": stages}))
    assert result.status == "FAILED"


@pytest.mark.parametrize(
    "name", ["BASH_ENV", "ENV", "SHELLOPTS", "PS4", "PROMPT_COMMAND", "IFS", "PATH"]
)
def test_variables_that_steer_the_shell_steer_the_tenants_own(name: str, host: Host) -> None:
    stages = [
        {"id": "a", "bash": "echo a", "env": {name: "$(cat /etc/passwd)"}},
        {"id": "b", "bash": "echo b", "always": True},
    ]
    result = host.loop.run(host.runner.run({"name": "t", "stages": stages}))
    records = result.as_dict()["jobs"]["main"]["stages"]
    assert "root:" not in str(records["a"]["outputs"])
    assert records["b"]["outputs"]["stdout"] == "b\n"
