"""Containers when the worker dies, the engine goes, or another runtime is asked for."""

import asyncio
import gc
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from engines import (
    BUSYBOX,
    PYTHON,
    Engine,
    make_busybox,
    make_python,
    restarted,
    start_engine,
    unavailable,
)

from blockyard_platform import LogLine, Runner, RunResult
from blockyard_sandbox.containers import staging
from blockyard_sandbox.containers.doctor import examine_engine
from blockyard_schemas.policy import Policy, load_policy, personal_policy
from blockyard_schemas.policy_containers import ImageRule, NetworkRule

WORKER = """
import sys
from blockyard_platform import run
from blockyard_schemas.policy import load_policy
policy = load_policy(sys.argv[1])
stage = {"image": "local/busybox:1", "command": ["sh", "-c", "echo up; sleep 600"], "volume": {"data": "/in"}}
run({"name": "t", "stages": [stage]}, policy=policy, on_log=lambda line: print(line.text, flush=True))
"""

JOURNALED = """
import asyncio, sys
from blockyard_platform import Runner
from blockyard_schemas.policy import load_policy
async def main():
    async with Runner(policy=load_policy(sys.argv[1]), journal=sys.argv[3]) as runner:
        await runner.run(sys.argv[2], run_id="one", on_log=lambda line: print(line.text, flush=True))
asyncio.run(main())
"""


def allowing(**more: Any) -> Policy:
    policy = personal_policy()
    images = (ImageRule(name="local/*", tags=("*",)),)
    limits = policy.container.model_copy(update=more.pop("container", {}))
    return policy.model_copy(update={"images": images, "container": limits, **more})


async def ran(policy: Policy, *command: str, **more: Any) -> RunResult:
    stage = {"id": "a", "image": BUSYBOX, "command": list(command), **more}
    async with Runner(policy=policy) as runner:
        return await runner.run({"name": "t", "stages": [stage]})


def stage(result: RunResult) -> Any:
    assert result.problems == ()
    return result.as_dict()["jobs"]["main"]["stages"]["a"]


@pytest.fixture
def other(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Engine]]:
    """Yield an engine for one test alone, which may kill it; the last in the list is ended."""
    found = [start_engine()]
    make_busybox(found[0])
    monkeypatch.setenv("DOCKER_HOST", found[0].url)
    yield found
    found[-1].end()
    # The client of an engine that has gone leaves a socket that could not connect to the collector: here it is known why.
    gc.collect()


GOING = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


async def test_what_a_dead_worker_left_is_removed(engine: Engine, tmp_path: Path) -> None:
    policy = (
        "stages: [docker]\nimages: [{name: local/busybox, tags: ['1']}]\n"
        f"volumes: [{{name: data, source: {tmp_path}}}]\nstage: {{wall_seconds: 900}}"
    )
    command = [sys.executable, "-c", WORKER, policy]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:  # noqa: ASYNC220
        assert worker.stdout is not None
        assert worker.stdout.readline() == "up\n"
        (left,) = engine.containers()
        await ran(allowing(), "true")
        assert engine.containers() == [left]  # its worker is alive
        worker.send_signal(signal.SIGKILL)
    assert engine.containers() == [left]
    assert staging.left_behind() == [left.lstrip("/")]
    await ran(allowing(), "true")
    assert engine.containers() == []
    assert staging.left_behind() == []
    assert "blockyard-volumes" not in Path("/proc/self/mountinfo").read_text()


@pytest.mark.parametrize(("retry", "code"), [(None, 135), ({"attempts": 3}, 0)])
async def test_a_worker_that_died_leaves_an_effect_that_is_known(
    engine: Engine, tmp_path: Path, retry: Any, code: int
) -> None:
    journal = str(tmp_path / "runs.db")
    shown = tmp_path / "shown"
    shown.mkdir()
    tmp_path.chmod(0o755)
    script = "echo up; [ -e /in/again ] || sleep 600"
    stage_data = {"id": "a", "image": BUSYBOX, "command": ["sh", "-c", script]}
    stage_data |= {"volume": {"data": "/in"}} | ({} if retry is None else {"retry": retry})
    document = json.dumps({"name": "t", "stages": [stage_data]})
    policy = (
        "stages: [docker]\nimages: [{name: local/busybox, tags: ['1']}]\n"
        f"volumes: [{{name: data, source: {shown}}}]\nstage: {{wall_seconds: 900}}"
    )
    command = [sys.executable, "-c", JOURNALED, policy, document, journal]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:  # noqa: ASYNC220
        assert worker.stdout is not None
        assert worker.stdout.readline() == "up\n"
        worker.send_signal(signal.SIGKILL)
    (shown / "again").touch()
    async with Runner(policy=load_policy(policy), journal=journal) as runner:
        ended = stage(await runner.resume("one"))
        await runner.run({"name": "t", "stages": [{"image": BUSYBOX, "command": ["true"]}]})
    assert ended["code"] == code
    assert engine.containers() == []


async def test_others_containers_are_never_removed(engine: Engine) -> None:
    labels = {"blockyard.owner": "another-boot/1/1/1"}
    made = engine.client.create_container(BUSYBOX, command=["true"], name="mine", labels=labels)
    named = engine.client.create_container(BUSYBOX, command=["true"], name="blockyard-mine")
    odd = engine.client.create_container(
        BUSYBOX, command=["true"], name="blockyard-odd", labels={"blockyard.owner": "../../x"}
    )
    try:
        await ran(allowing(), "true")
        assert sorted(engine.containers()) == ["/blockyard-mine", "/blockyard-odd", "/mine"]
    finally:
        for each in (made, named, odd):
            engine.client.remove_container(each["Id"])


async def test_an_engine_that_is_gone_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    ended = stage(await ran(allowing(), "true"))
    assert ended["code"] == 134
    assert ended["error"]["message"] == (
        "the container engine does not answer (No such file or directory);"
        " `blockyard doctor` tells what is there"
    )


@pytest.mark.parametrize(
    "place", ["tcp://10.0.0.1:2375", "ssh://root@host", "http://x", "unix://x"]
)
async def test_an_engine_elsewhere_is_refused(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.setenv("DOCKER_HOST", place)
    ended = stage(await ran(allowing(), "true", retry=3))
    assert (ended["code"], ended["attempts"]) == (134, 1)
    assert "is not on this machine" in ended["error"]["message"]


@GOING
async def test_an_engine_that_goes_in_the_middle_is_tried_again(other: list[Engine]) -> None:
    begun = asyncio.Event()
    script = "[ -e /seen/x ] && echo again && exit; echo up; sleep 600"
    stages = [
        {
            "id": "a",
            "image": BUSYBOX,
            "command": ["sh", "-c", script],
            "retry": {
                # The last attempts come after minutes: the engine is up again by then, on any machine.
                "attempts": 20,
                "delay": "250ms",
                "backoff": 1.4,
                "max-delay": "20s",
                "on": "SANDBOX_UNAVAILABLE",
            },
        }
    ]

    def look(line: LogLine) -> None:
        if line.text == "up":
            begun.set()

    async with Runner(policy=allowing()) as runner:
        handle = runner.start({"name": "t", "stages": stages}, on_log=look)
        await asyncio.wait_for(begun.wait(), 60)
        begun.clear()
        await asyncio.to_thread(other[0].kill)
        other.append(await asyncio.to_thread(restarted, other[0]))
        await asyncio.wait_for(begun.wait(), 240)
        handle.cancel()
        result = await handle.result()
    assert any("SANDBOX_UNAVAILABLE" in line.text for line in result.logs)
    assert other[-1].containers() == []


@GOING
async def test_an_engine_that_goes_without_retry_fails_the_stage(other: list[Engine]) -> None:
    begun = asyncio.Event()
    stages = [{"id": "a", "image": BUSYBOX, "command": ["sh", "-c", "echo up; sleep 600"]}]
    async with Runner(policy=allowing()) as runner:
        handle = runner.start({"name": "t", "stages": stages}, on_log=lambda line: begun.set())
        await asyncio.wait_for(begun.wait(), 60)
        await asyncio.to_thread(other[0].kill)
        ended = stage(await handle.result())
    assert ended["code"] == 134
    assert "the container engine does not answer" in ended["error"]["message"]


async def test_a_runtime_that_the_engine_lacks_is_refused(engine: Engine) -> None:
    ended = stage(await ran(allowing(container={"runtime": "kata"}), "true", retry=3))
    assert (ended["code"], ended["attempts"]) == (134, 1)
    assert "the policy asks for the runtime 'kata'" in ended["error"]["message"]


async def test_gvisor_runs_the_container_in_a_kernel_of_its_own(
    engine: Engine, tmp_path: Path
) -> None:
    if shutil.which("runsc") is None:
        unavailable("no runsc on this machine")
    tmp_path.chmod(0o755)
    (tmp_path / "f").write_text("from the volume\n")
    policy = (
        "stages: [docker]\nimages: [{name: local/busybox, tags: ['1']}]\ncontainer: {runtime: runsc}\n"
        f"volumes: [{{name: data, source: {tmp_path}}}]\n"
    )
    script = "dmesg | grep -c gVisor; cat /in/f; id -u; touch /in/x || exit 4"
    stages = [
        {"id": "a", "image": BUSYBOX, "command": ["sh", "-c", script], "volume": {"data": "/in"}}
    ]
    async with Runner(policy=load_policy(policy)) as runner:
        ended = stage(await runner.run({"name": "t", "stages": stages}))
    assert ended["outputs"]["stdout"] == "1\nfrom the volume\n65534\n"
    assert (ended["code"], ended["outputs"]["return_code"]) == (125, 4)


async def test_a_network_of_the_policy_is_joined_and_no_other(engine: Engine) -> None:
    engine.client.create_network("tests-net", driver="bridge", internal=True)
    try:
        policy = allowing(networks=(NetworkRule(name="inner", network="tests-net"),))
        script = "ls /sys/class/net | tr '\\n' ' '"
        alone = stage(await ran(policy, "sh", "-c", script))
        joined = stage(await ran(policy, "sh", "-c", script, network="inner"))
    finally:
        engine.client.remove_network("tests-net")
    assert (alone["outputs"]["stdout"], joined["outputs"]["stdout"]) == ("lo ", "eth0 lo ")


async def test_python_of_an_image_runs(engine: Engine) -> None:
    make_python(engine)
    code = "import json, ssl, sys; print(json.dumps(sys.argv[1:]))"
    ended = stage(await ran(allowing(), "python3", "-c", code, "a b", image=PYTHON))
    assert ended["outputs"]["stdout"] == '["a b"]\n'


async def test_folders_that_an_image_declares_are_scratch_of_bounded_size(engine: Engine) -> None:
    make_busybox(engine, "local/volumes:1", Volumes={"/data": {}}, User="root")
    fill = "id -u; dd if=/dev/zero of=/data/x bs=1M count=64 2>&1 | tail -1"
    policy = allowing(container={"tmpfs_mib": 4})
    ended = stage(await ran(policy, "sh", "-c", fill, image="local/volumes:1"))
    assert "65534" in ended["outputs"]["stdout"]
    assert engine.client.volumes()["Volumes"] in ([], None)
    full = stage(await ran(policy, "sh", "-c", "df -m /data | tail -1", image="local/volumes:1"))
    assert full["outputs"]["stdout"].split()[:2] == ["tmpfs", "4"]


def test_the_doctor_tells_of_the_engine(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    found = examine_engine()
    assert (found.usable, found.place) == (True, engine.url)
    assert "runc" in found.runtimes
    assert found.images >= 1
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    gone = examine_engine()
    assert (gone.usable, gone.version) == (False, None)
    assert gone.detail == "the container engine does not answer (No such file or directory)"
