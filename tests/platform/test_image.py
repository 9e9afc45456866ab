"""The container stage through documents: a real engine, images of our own, everything closed in."""

import asyncio
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from engines import BUSYBOX, Engine

from blockyard_platform import Runner, RunResult
from blockyard_schemas.policy import Policy, personal_policy
from blockyard_schemas.policy_containers import ImageRule, VolumeRule

pytestmark = pytest.mark.usefixtures("engine")


def allowing(**more: Any) -> Policy:
    """Return the personal policy with the test images, and with changes."""
    policy = personal_policy()
    images = (ImageRule(name="local/*", tags=("*",)),)
    limits = policy.container.model_copy(update=more.pop("container", {}))
    stage = policy.stage.model_copy(update=more.pop("stage", {}))
    return policy.model_copy(update={"images": images, "container": limits, "stage": stage, **more})


async def ran(policy: Policy, *command: str, **more: Any) -> RunResult:
    stage = {"id": "a", "image": BUSYBOX, "command": list(command), **more}
    async with Runner(policy=policy) as runner:
        return await runner.run({"name": "t", "stages": [stage]})


def stage(result: RunResult) -> Any:
    assert result.problems == ()
    return result.as_dict()["jobs"]["main"]["stages"]["a"]


async def test_a_container_says_what_it_did(engine: Engine) -> None:
    result = await ran(allowing(), "sh", "-c", "echo out; echo err >&2; printf ' end'")
    outputs = stage(result)["outputs"]
    image = engine.client.inspect_image(BUSYBOX)["Id"]
    assert outputs == {"return_code": 0, "stdout": "out\n end", "stderr": "err\n", "digest": image}
    assert sorted(line.text for line in result.logs) == [" end", "err", "out"]
    assert engine.containers() == []


async def test_an_exit_code_and_a_signal_are_told_apart() -> None:
    ended = stage(await ran(allowing(), "sh", "-c", "echo why >&2; exit 3"))
    assert (ended["status"], ended["code"], ended["outputs"]["return_code"]) == ("FAILED", 125, 3)
    assert ended["error"]["message"] == "the program ended with 3: why"
    killed = stage(await ran(allowing(), "sh", "-c", "kill -TERM $$"))
    assert (killed["code"], killed["outputs"]["return_code"]) == (126, 143)
    assert killed["error"]["message"] == "the program was killed by SIGTERM"


async def test_a_program_that_is_not_there_is_named() -> None:
    ended = stage(await ran(allowing(), "no-such-program", "x"))
    assert (ended["code"], ended["outputs"]["return_code"]) == (125, 127)
    assert "exec no-such-program failed" in ended["error"]["message"]


async def test_values_reach_the_program_as_words_and_variables() -> None:
    document = {
        "name": "t",
        "params": {"v": {"type": "string", "default": "a b; $(id) '\"\n-rf"}},
        "stages": [
            {
                "id": "a",
                "image": "local/busybox",
                "tag": "1",
                "command": ["sh", "-c", 'printf "%s|%s" "$1" "$V"', "sh", "${{ params.v }}"],
                "env": {"V": "${{ params.v }}", "N": 1.5},
                "workdir": "/tmp",  # noqa: S108
            }
        ],
    }
    async with Runner(policy=allowing()) as runner:
        ended = stage(await runner.run(document))
    value = "a b; $(id) '\"\n-rf"
    assert ended["outputs"]["stdout"] == f"{value}|{value}"


async def test_a_command_in_one_text_is_cut_into_words() -> None:
    stages = [{"id": "a", "image": BUSYBOX, "command": "echo 'a  b' $HOME"}]
    async with Runner(policy=allowing()) as runner:
        ended = stage(await runner.run({"name": "t", "stages": stages}))
    assert ended["outputs"]["stdout"] == "a  b $HOME\n"


async def test_lines_are_told_while_the_container_runs() -> None:
    seen = asyncio.Event()
    stages = [{"id": "a", "image": BUSYBOX, "command": ["sh", "-c", "echo first; sleep 600"]}]
    async with Runner(policy=allowing()) as runner:
        handle = runner.start({"name": "t", "stages": stages}, on_log=lambda line: seen.set())
        await asyncio.wait_for(seen.wait(), 60)
        handle.cancel()
        assert (await handle.result()).status == "CANCEL"


async def test_cancelling_removes_the_container(engine: Engine) -> None:
    await test_lines_are_told_while_the_container_runs()
    assert engine.containers() == []


async def test_a_timeout_ends_the_container(engine: Engine) -> None:
    assert stage(await ran(allowing(), "sleep", "600", timeout="2s"))["code"] == 121
    limits = {"wall_seconds": 2.0}
    ended = stage(await ran(allowing(stage=limits), "sh", "-c", "trap '' TERM; sleep 600"))
    assert ended["code"] == 121
    assert "stage.wall_seconds" in ended["error"]["message"]
    assert engine.containers() == []


@pytest.mark.parametrize("missed", [False, True])
async def test_too_much_memory_is_told_from_a_kill(
    missed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    sdk: Any = import_module("docker")
    look = sdk.APIClient.inspect_container

    def inspect(client: Any, name: str) -> Any:
        """Tell what the engine does, or what it does when it was too late to hear of a lack of memory."""
        told = look(client, name)
        if missed:
            told["State"]["OOMKilled"] = False
        return told

    monkeypatch.setattr(sdk.APIClient, "inspect_container", inspect)
    eat = "x=$(head -c 60000000 /dev/zero | tr '\\0' a); echo ${#x}"
    ended = stage(await ran(allowing(container={"memory_mib": 24}), "sh", "-c", eat))
    assert (ended["code"], ended["outputs"]["return_code"]) == (122, 137)
    assert ended["error"]["message"] == "the container used more than 24 MiB of memory"
    killed = stage(await ran(allowing(), "sh", "-c", "kill -KILL $$"))
    assert killed["code"] == 126


async def test_too_much_output_ends_the_container(engine: Engine) -> None:
    ended = stage(await ran(allowing(stage={"output_kib": 8}), "yes"))
    assert ended["code"] == 124
    assert (len(ended["outputs"]["stdout"]), ended["outputs"]["return_code"]) == (8192, 137)
    short = stage(await ran(allowing(stage={"output_kib": 8}), "head", "-c", "9000", "/dev/zero"))
    assert short["code"] == 124
    assert engine.containers() == []


async def test_cpu_seconds_end_the_program() -> None:
    ended = stage(
        await ran(allowing(stage={"cpu_seconds": 1.0}), "sh", "-c", "while :; do :; done")
    )
    assert ended["code"] == 123


async def test_the_cpu_seconds_of_containers_count_for_the_run() -> None:
    policy = allowing(stage={"cpu_seconds": 1.0})
    little = policy.run.model_copy(update={"cpu_seconds": 0.5})
    busy = {"id": "a", "image": BUSYBOX, "command": ["sh", "-c", "while :; do :; done"]}
    stages = [busy | {"continue-on-error": True}, {"id": "b", "image": BUSYBOX, "command": "true"}]
    async with Runner(policy=policy.model_copy(update={"run": little})) as runner:
        result = await runner.run({"name": "t", "stages": stages})
    found = result.as_dict()["jobs"]["main"]["stages"]
    assert [found[it]["code"] for it in "ab"] == [123, 123]
    assert found["a"]["error"]["message"] == "the program used more than 1 CPU seconds"
    assert found["b"]["error"]["message"] == (
        "the run has spent its 0.5 CPU seconds (policy run.cpu_seconds)"
    )


async def test_processes_are_bounded() -> None:
    bomb = "i=0; while [ $i -lt 40 ]; do sleep 30 & i=$((i+1)); done; echo none refused"
    ended = stage(await ran(allowing(container={"pids": 16}), "sh", "-c", bomb))
    assert ended["status"] == "FAILED"
    assert "none refused" not in ended["outputs"]["stdout"]


async def test_scratch_space_is_bounded() -> None:
    fill = "dd if=/dev/zero of=/tmp/x bs=1M count=64"
    ended = stage(await ran(allowing(container={"tmpfs_mib": 4}), "sh", "-c", fill))
    assert "No space left on device" in ended["outputs"]["stderr"]


async def test_a_volume_is_read_and_another_written(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "names").write_text("ada\nbob\n")
    (tmp_path / "out").mkdir()
    (tmp_path / "out").chmod(0o777)
    volumes = (
        VolumeRule(name="data", source=str(tmp_path / "in")),
        VolumeRule(name="results", source=str(tmp_path / "out"), mode="rw", per_tenant=True),
    )
    script = "wc -l < /in/names > /out/count; touch /in/x; true"
    result = await ran(
        allowing(volumes=volumes), "sh", "-c", script, volume={"data": "/in", "results": "/out"}
    )
    assert stage(result)["outputs"]["stderr"] == "touch: /in/x: Read-only file system\n"
    assert (tmp_path / "out" / "personal" / "count").read_text() == "2\n"
    assert sorted(it.name for it in (tmp_path / "in").iterdir()) == ["names"]


async def test_a_dry_run_starts_no_container() -> None:
    stages = [{"id": "a", "image": BUSYBOX, "command": ["false"]}]
    async with Runner(policy=allowing()) as runner:
        result = await runner.run({"name": "t", "stages": stages}, dry_run=True)
    assert result.success


async def test_the_folders_of_volumes_are_let_go(tmp_path: Path) -> None:
    volumes = (VolumeRule(name="data", source=str(tmp_path)),)
    await ran(allowing(volumes=volumes), "true", volume={"data": "/in"})
    mounts = Path("/proc/self/mountinfo").read_text()
    assert "blockyard-volumes" not in mounts
