"""Images that do more than they say, and containers that are looked at from outside."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from container_stages import SECRET, policy_of, printed, ran, stage_of
from engines import BUSYBOX, Engine, make_busybox

from blockyard_platform import Runner
from blockyard_schemas.policy import personal_policy
from blockyard_schemas.policy_containers import VolumeRule


@pytest.fixture
async def odd(engine: Engine) -> AsyncIterator[str]:
    """Yield an image whose settings ask for all that an image can ask for."""
    labels = {"blockyard.owner": "gone/1/1/1", "blockyard.tenant": "other"}
    make_busybox(
        engine,
        "local/busybox:odd",
        User="0:0",
        Labels=labels,
        Env=["SECRET_OF_IMAGE=1", "HOSTNAME=other"],
        Volumes={"/data": {}},
        Healthcheck={"Test": ["CMD-SHELL", "echo ran > /tmp/health"], "Interval": 1_000_000_000},
        WorkingDir="/tmp",  # noqa: S108
        ExposedPorts={"80/tcp": {}},
        StopSignal="SIGCONT",
    )
    yield "local/busybox:odd"
    engine.client.remove_image("local/busybox:odd", force=True)


async def test_an_image_cannot_choose_its_user_or_check_its_health(odd: str) -> None:
    result = await ran(policy_of(), "id -u; sleep 2; cat /tmp/health 2>/dev/null; true", image=odd)
    assert printed(result) == "65534\n"


async def test_an_image_cannot_bring_labels_of_ours(engine: Engine, odd: str) -> None:
    begun = asyncio.Event()
    stages = [{"id": "a", "image": odd, "command": ["sh", "-c", "echo up; sleep 600"]}]
    async with Runner(policy=policy_of(name="tenant one")) as runner:
        handle = runner.start({"name": "t", "stages": stages}, on_log=lambda line: begun.set())
        await asyncio.wait_for(begun.wait(), 60)
        (found,) = engine.client.containers()
        await ran(policy_of())
        assert [it["Id"] for it in engine.client.containers()] == [found["Id"]]
        handle.cancel()
        await handle.result()
    assert found["Labels"]["blockyard.tenant"] == "tenant one"
    assert found["Labels"]["blockyard.owner"] != "gone/1/1/1"
    assert engine.client.containers(all=True) == []


async def test_an_image_leaves_no_volume_behind(engine: Engine, odd: str) -> None:
    result = await ran(policy_of(), "echo x > /data/x; mount | grep -c 'tmpfs on /data'", image=odd)
    assert printed(result) == "1\n"
    assert engine.client.volumes()["Volumes"] in ([], None)


@pytest.mark.parametrize(
    ("declared", "volume", "code"),
    [
        ("/in/inner", "/in", 131),
        ("/in", "/in", 0),
        ("/proc/x", "/in", 130),
        ("/dev/shm", "/in", 130),  # noqa: S108
    ],
)
async def test_what_an_image_declares_lands_in_no_volume(
    engine: Engine, declared: str, volume: str, code: int, tmp_path: Path
) -> None:
    make_busybox(engine, "local/busybox:odd", Volumes={declared: {}})
    policy = policy_of(VolumeRule(name="data", source=str(tmp_path)))
    ended = stage_of(await ran(policy, image="local/busybox:odd", volume={"data": volume}))
    engine.client.remove_image("local/busybox:odd", force=True)
    assert ended["code"] == code
    assert engine.client.volumes()["Volumes"] in ([], None)


async def test_the_machines_proxy_settings_reach_no_container(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxies = {"proxies": {"default": {"httpProxy": f"http://user:{SECRET}@proxy"}}}
    (tmp_path / "config.json").write_text(json.dumps(proxies))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    assert SECRET not in printed(await ran(policy_of(), "env"))


async def test_the_image_that_was_checked_is_the_one_that_runs(engine: Engine) -> None:
    """A tag that moves between the check and the start: the container is made from the digest."""
    begun = asyncio.Event()
    script = "echo up; sleep 600"
    stages = [{"id": "a", "image": BUSYBOX, "command": ["sh", "-c", script]}]
    async with Runner(policy=policy_of()) as runner:
        handle = runner.start({"name": "t", "stages": stages}, on_log=lambda line: begun.set())
        await asyncio.wait_for(begun.wait(), 60)
        (found,) = engine.client.containers()
        config = engine.client.inspect_container(found["Id"])
        handle.cancel()
        await handle.result()
    assert config["Config"]["Image"].startswith("sha256:")


async def test_what_the_engine_was_told_is_closed(engine: Engine, tmp_path: Path) -> None:
    begun = asyncio.Event()
    policy = policy_of(VolumeRule(name="data", source=str(tmp_path)))
    script = {"image": BUSYBOX, "command": ["sh", "-c", "echo up; sleep 600"]}
    stages = [{"id": "a", **script, "volume": {"data": "/in"}}]
    async with Runner(policy=policy) as runner:
        handle = runner.start({"name": "t", "stages": stages}, on_log=lambda line: begun.set())
        await asyncio.wait_for(begun.wait(), 60)
        (found,) = engine.client.containers()
        told = engine.client.inspect_container(found["Id"])
        handle.cancel()
        await handle.result()
    host = told["HostConfig"]
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert (host["Privileged"], host["ReadonlyRootfs"], host["PublishAllPorts"]) == (
        False,
        True,
        False,
    )
    assert (host["NetworkMode"], host["IpcMode"], host["PidMode"], host["UTSMode"]) == (
        "none",
        "private",
        "",
        "",
    )
    assert (host["Memory"], host["MemorySwap"], host["PidsLimit"]) == (256 << 20, 256 << 20, 65)
    assert host["LogConfig"]["Type"] == "none"
    assert not host["CapAdd"]
    assert not host["Devices"]
    assert not host["Binds"]
    ((mount),) = told["Mounts"]
    assert (mount["RW"], mount["Destination"]) == (False, "/in")
    assert mount["Source"].startswith("/run/blockyard-volumes/")
    assert told["Config"]["User"] == "65534:65534"


async def test_a_stage_that_is_cancelled_while_it_starts_leaves_nothing(engine: Engine) -> None:
    async with Runner(policy=policy_of()) as runner:
        for delay in (0.0, 0.02, 0.05, 0.08, 0.12, 0.16):
            stages = [{"id": "a", "image": BUSYBOX, "command": ["sleep", "600"]}]
            handle = runner.start({"name": "t", "stages": stages})
            await asyncio.sleep(delay)
            handle.cancel()
            assert (await handle.result()).status == "CANCEL"
    assert engine.client.containers(all=True) == []


async def test_many_at_once_are_bounded_by_the_runs_places(engine: Engine) -> None:
    script = "sleep 1; echo done"
    each = [{"id": "b", "image": BUSYBOX, "command": ["sh", "-c", script]}]
    branches = {f"n{number}": each for number in range(8)}
    run = personal_policy().run.model_copy(update={"guests": 2})
    most = 0
    async with Runner(policy=policy_of(run=run)) as runner:
        document = {"name": "t", "stages": [{"id": "p", "parallel": branches, "max-workers": 8}]}
        handle = runner.start(document)
        waiting = asyncio.ensure_future(handle.result())
        while not waiting.done():
            most = max(most, len(await asyncio.to_thread(engine.client.containers)))
            await asyncio.sleep(0.02)
    assert waiting.result().success
    assert 1 <= most <= 2
