"""Attacks on container stages, each through a document: on volumes, images, options, variables, names, labels, and races."""

import asyncio
import json
import os
import threading
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from engines import BUSYBOX, Engine, make_busybox

from blockyard_platform import Runner, RunResult, validate
from blockyard_schemas.policy import Policy, personal_policy
from blockyard_schemas.policy_containers import ContainerLimits, ImageRule, VolumeRule

SECRET = "CANARY-of-the-host"  # noqa: S105
RULES = (ImageRule(name="local/*", tags=("1", "odd")),)


def policy_of(*volumes: VolumeRule, **more: Any) -> Policy:
    return personal_policy().model_copy(update={"images": RULES, "volumes": volumes, **more})


def refused(stage: dict[str, Any], policy: Policy | None = None) -> list[tuple[str, str]]:
    """Return rule and pointer of each problem of a stage; nothing is run."""
    outcome = validate({"name": "t", "stages": [stage]}, policy=policy or policy_of())
    return [(it.rule, it.pointer) for it in outcome.problems]


async def ran(policy: Policy, script: str = "true", **more: Any) -> RunResult:
    journal = more.pop("journal", None)
    given = more.pop("given", {})
    params: dict[str, Any] = {name: {} for name in given}
    stage = {"id": "a", "image": BUSYBOX, "command": ["sh", "-c", script], **more}
    async with Runner(policy=policy, journal=journal) as runner:
        return await runner.run({"name": "t", "params": params, "stages": [stage]}, params=given)


def stage_of(result: RunResult) -> Any:
    assert result.problems == ()
    return result.as_dict()["jobs"]["main"]["stages"]["a"]


def printed(result: RunResult) -> str:
    return str(stage_of(result)["outputs"]["stdout"])


# --- What a document may not even say ----------------------------------------------------------------------------

DATA = VolumeRule(name="data", source="/srv/data")
MORE = VolumeRule(name="more", source="/srv/more")


@pytest.mark.parametrize(
    "volume",
    [
        {"/etc": "/in"},
        {"/": "/in"},
        {"..": "/in"},
        {".": "/in"},
        {"data/..": "/in"},
        {"data/sub": "/in"},
        {"DATA": "/in"},
        {"data ": "/in"},
        {"/var/run/docker.sock": "/in"},
        {"/proc": "/in"},
        {"/dev/sda": "/in"},
        {"C:\\": "/in"},
        {"data": "/"},
        {"data": "/proc"},
        {"data": "/proc/self"},
        {"data": "/sys/fs/cgroup"},
        {"data": "/dev"},
        {"data": "/dev/shm"},  # noqa: S108
        {"data": "/etc"},
        {"data": "/etc/passwd"},
        {"data": "/sbin"},
        {"data": "/sbin/docker-init"},
        {"data": "/in/../etc"},
        {"data": "/./proc"},
        {"data": "in"},
        {"data": ""},
        {"data": "//in"},
        {"data": "/in//x"},
        {"data": "/in:/etc:rw"},
        {"data": "/in,readonly=false"},
        {"data": "/in\n/etc"},
        {"data": "/in\\..\\etc"},
        {"data": "/" + "x" * 5000},
        {"data": "/in", "more": "/in"},
        {"data": "/in", "more": "/in/inner"},
        {"data": "/in/inner", "more": "/in"},
    ],
    ids=repr,
)
def test_a_volume_that_is_not_the_policys_is_refused(volume: dict[str, str]) -> None:
    found = refused({"image": BUSYBOX, "volume": volume}, policy_of(DATA, MORE))
    assert {rule for rule, _ in found} == {"FORBIDDEN_VOLUME"}
    assert all(pointer.startswith("/stages/0/volume") for _, pointer in found)


@pytest.mark.parametrize(
    "image",
    [
        {"image": "alpine"},
        {"image": "local/busybox"},
        {"image": "local/busybox:2"},
        {"image": "local/busybox", "tag": "latest"},
        {"image": "local/busybox@sha256:" + "0" * 64},
        {"image": "local/team/busybox:1"},
        {"image": "evil.example/local/busybox:1"},
        {"image": "localhost/local/busybox:1"},
        {"image": "busybox:1"},
        {"image": "docker.io/library/local:1"},
    ],
    ids=repr,
)
def test_an_image_that_is_not_the_policys_is_refused(image: dict[str, str]) -> None:
    assert refused(image) == [("FORBIDDEN_IMAGE", "/stages/0/image")]


@pytest.mark.parametrize(
    "image",
    [
        {"image": "LOCAL/busybox:1"},
        {"image": "local/../busybox:1"},
        {"image": "local//busybox:1"},
        {"image": "/local/busybox:1"},
        {"image": "local/busybox:1\n"},
        {"image": "local/busybox:1 --privileged"},
        {"image": "--privileged"},
        {"image": "local/busybox:1@sha256:short"},
        {"image": "local/busybox:1", "tag": "1"},
        {"image": "local/busybox", "tag": "1@sha256:" + "0" * 64},
        {"image": "local/busybox", "tag": "../1"},
        {"image": "sha256:" + "0" * 64 + "/x:1:2"},
        {"image": "l\u043ecal/busybox:1"},
        {"image": "local/" + "x" * 600},
    ],
    ids=repr,
)
def test_an_image_without_the_form_of_one_is_refused(image: dict[str, str]) -> None:
    assert {rule for rule, _ in refused(image)} <= {"container", "FORBIDDEN_IMAGE"}
    assert refused(image) != []


@pytest.mark.parametrize(
    "key",
    [
        *(
            "privileged",
            "cap_add",
            "cap-add",
            "user",
            "network_mode",
            "pid",
            "ipc",
            "uts",
            "userns_mode",
        ),
        *(
            "devices",
            "device_requests",
            "security_opt",
            "runtime",
            "entrypoint",
            "mounts",
            "volumes",
        ),
        *(
            "volumes_from",
            "ulimits",
            "hostname",
            "dns",
            "extra_hosts",
            "labels",
            "container_name",
            "init",
        ),
        *("sysctls", "tmpfs", "shm_size", "memory", "mem_limit", "cpus", "pids_limit", "read_only"),
        *(
            "restart",
            "log_driver",
            "links",
            "ports",
            "platform",
            "cgroup_parent",
            "oom_score_adj",
            "build",
        ),
    ],
)
def test_no_other_option_of_an_engine_can_be_named(key: str) -> None:
    assert ("unknown-key", f"/stages/0/{key}") in refused({"image": BUSYBOX, key: "x"})


@pytest.mark.parametrize(
    "network",
    [
        "host",
        "bridge",
        "default",
        "container:blockyard",
        "service:x",
        "ns:/proc/1/ns/net",
        "None",
        "",
    ],
)
def test_no_network_but_the_policys_can_be_named(network: str) -> None:
    assert refused({"image": BUSYBOX, "network": network}) == [
        ("FORBIDDEN_HOST", "/stages/0/network")
    ]


@pytest.mark.parametrize(
    "workdir",
    [
        "/proc/self/fd/8",
        "/proc",
        "/sys/../proc/1/cwd",
        "/srv/../proc",
        "relative",
        "",
        "..",
        "//proc/1",
        "/dev/fd/7",
    ],
)
def test_no_folder_of_the_kernel_is_a_working_directory(workdir: str) -> None:
    assert refused({"image": BUSYBOX, "workdir": workdir}) == [("container", "/stages/0/workdir")]


@pytest.mark.parametrize(
    "auth",
    [{"username": "ada", "password": "x"}, {}, "unknown", "../main", "/root/.docker/config.json"],
    ids=repr,
)
def test_credentials_are_names_of_the_policy(auth: Any) -> None:
    ((rule, pointer),) = refused({"image": BUSYBOX, "auth": auth})
    assert rule in ("container", "FORBIDDEN_IMAGE")
    assert pointer == "/stages/0/auth"


@pytest.mark.parametrize(
    "command", ["", "  ", "sh -c 'open", "echo ${{ params.x }}", "${{ params.x }} ${{ params.x }}"]
)
def test_a_command_is_never_pasted_together(command: str) -> None:
    document = {
        "name": "t",
        "params": {"x": "string"},
        "stages": [{"image": BUSYBOX, "command": command}],
    }
    (problem,) = validate(document, policy=policy_of()).problems
    assert (problem.rule, problem.pointer) == ("command", "/stages/0/command")


def test_without_the_kind_nothing_of_it_can_be_used() -> None:
    policy = policy_of().model_copy(update={"stages": frozenset({"empty"})})
    assert ("FORBIDDEN_STAGE", "/stages/0") in refused({"image": BUSYBOX}, policy)


# --- What is known only when the stage starts --------------------------------------------------------------------


@pytest.mark.usefixtures("engine")
class TestAtStart:
    """Values that an expression gives, and folders as they are when the container starts."""

    @pytest.mark.parametrize(
        ("more", "value", "code"),
        [
            ({"image": "${{ params.v }}"}, "alpine", 130),
            ({"image": "${{ params.v }}"}, "local/busybox:2", 130),
            ({"image": "${{ params.v }}"}, "--privileged", 103),
            ({"image": "${{ params.v }}"}, ["local/busybox:1"], 107),
            ({"image": "local/busybox", "tag": "${{ params.v }}"}, "2", 130),
            ({"image": "local/busybox", "tag": "${{ params.v }}"}, "1@sha256:" + "0" * 64, 103),
            ({"volume": {"data": "${{ params.v }}"}}, "/proc", 131),
            ({"volume": {"data": "${{ params.v }}"}}, "/in:/etc", 131),
            ({"volume": {"data": "${{ params.v }}"}}, {"a": 1}, 107),
            ({"volume": "${{ params.v }}"}, {"/etc": "/in"}, 131),
            ({"volume": "${{ params.v }}"}, ["/etc:/in"], 107),
            ({"network": "${{ params.v }}"}, "host", 133),
            ({"network": "${{ params.v }}"}, {"NetworkMode": "host"}, 107),
            ({"workdir": "${{ params.v }}"}, "/proc/self/fd/8", 103),
            ({"command": "${{ params.v }}"}, "sh -c id", 107),
            ({"command": "${{ params.v }}"}, [], 103),
            ({"env": "${{ params.v }}"}, {"LD_PRELOAD": "/in/x.so"}, 103),
            ({"env": "${{ params.v }}"}, {"NVIDIA_VISIBLE_DEVICES": "all"}, 103),
            ({"env": "${{ params.v }}"}, {"_LIBCONTAINER_INITPIPE": "3"}, 103),
            ({"env": "${{ params.v }}"}, {"LISTEN_FDS": "1"}, 103),
            ({"env": "${{ params.v }}"}, {"A=B": "x"}, 103),
            ({"env": "${{ params.v }}"}, {"A\nB": "x"}, 103),
            ({"env": "${{ params.v }}"}, {"": "x"}, 103),
            ({"env": "${{ params.v }}"}, "PATH=/in", 107),
        ],
        ids=repr,
    )
    async def test_a_computed_value_is_checked_as_a_written_one(
        self, more: dict[str, Any], value: Any, code: int, tmp_path: Path
    ) -> None:
        policy = policy_of(VolumeRule(name="data", source=str(tmp_path)))
        ended = stage_of(await ran(policy, given={"v": value}, **more))
        assert (ended["status"], ended["code"]) == ("FAILED", code)

    @pytest.mark.parametrize(
        "source",
        [
            "/",
            "/proc",
            "/proc/1/root",
            "/sys",
            "/dev",
            "/dev/null",
            "/run",
            "/var",
            "/etc",
            "/root",
            "/var/run",
        ],
    )
    async def test_no_policy_can_show_the_system(self, source: str) -> None:
        policy = policy_of(VolumeRule(name="data", source=source))
        assert stage_of(await ran(policy, "ls /in", volume={"data": "/in"}))["code"] == 131

    async def test_the_engines_own_state_and_socket_cannot_be_shown(self, engine: Engine) -> None:
        for source in (engine.folder, engine.folder / "data", engine.folder / "docker.sock"):
            policy = policy_of(VolumeRule(name="data", source=str(source)))
            assert stage_of(await ran(policy, volume={"data": "/in"}))["code"] == 131

    async def test_the_platforms_own_state_cannot_be_shown(self, tmp_path: Path) -> None:
        import blockyard_platform

        code = Path(str(blockyard_platform.__file__)).parent
        for source in (tmp_path, code, code.parents[1]):
            policy = policy_of(VolumeRule(name="data", source=str(source)))
            result = await ran(policy, volume={"data": "/in"}, journal=tmp_path / "runs.db")
            assert stage_of(result)["code"] == 131

    @pytest.mark.parametrize(
        "way", ["itself", "middle", "file", "socket", "device", "missing", "dots"]
    )
    async def test_a_source_that_is_no_plain_folder_is_refused(
        self, way: str, tmp_path: Path
    ) -> None:
        secret = _secret(tmp_path)
        (tmp_path / "link").symlink_to(secret)
        (tmp_path / "file").write_text("x")
        os.mknod(tmp_path / "socket", 0o600 | 0o140000)
        os.mknod(tmp_path / "device", 0o600 | 0o20000, os.makedev(1, 3))
        sources = {
            "itself": "link",
            "middle": "link/inner",
            "file": "file",
            "socket": "socket",
            "device": "device",
            "missing": "none",
            "dots": "secret/../secret",
        }
        policy = policy_of(VolumeRule(name="data", source=f"{tmp_path}/{sources[way]}"))
        ended = stage_of(await ran(policy, "cat /in/*", volume={"data": "/in"}))
        assert ended["code"] == 131
        assert not (tmp_path / "none").exists()

    @pytest.mark.parametrize("target", ["/etc", "..", "../secret", "."])
    async def test_a_tenants_folder_that_is_a_link_is_refused(
        self, target: str, tmp_path: Path
    ) -> None:
        _secret(tmp_path)
        (tmp_path / "all").mkdir()
        (tmp_path / "all" / "personal").symlink_to(target)
        policy = policy_of(VolumeRule(name="data", source=f"{tmp_path}/all", per_tenant=True))
        assert stage_of(await ran(policy, "cat /in/*", volume={"data": "/in"}))["code"] == 131

    async def test_a_tenant_sees_its_own_folder_alone(self, tmp_path: Path) -> None:
        root = tmp_path / "all"
        root.mkdir()
        rule = VolumeRule(name="data", source=str(root), mode="rw", per_tenant=True)
        await ran(policy_of(rule, name="one"), "echo mine > /in/x", volume={"data": "/in"})
        script = "ls /in /in/.. | tr '\\n' ' '; cat /in/../one/x"
        seen = stage_of(await ran(policy_of(rule, name="two"), script, volume={"data": "/in"}))
        assert "mine" not in seen["outputs"]["stdout"]
        assert (root / "one" / "x").read_text() == "mine\n"

    async def test_links_in_a_volume_lead_nowhere_on_the_host(self, tmp_path: Path) -> None:
        secret = _secret(tmp_path)
        shown = tmp_path / "shown"
        shown.mkdir()
        (shown / "link").symlink_to(secret / "inner" / "f")
        (shown / "up").symlink_to("../secret/inner/f")
        (shown / "root").symlink_to("/proc/1/root")
        tmp_path.chmod(0o755)
        policy = policy_of(VolumeRule(name="data", source=str(shown)))
        script = f"cat /in/link /in/up; cat /in/root{secret}/inner/f; cat {secret}/inner/f; true"
        assert SECRET not in printed(await ran(policy, script, volume={"data": "/in"}))

    async def test_mounts_below_a_volume_are_not_shown(self, tmp_path: Path) -> None:
        import subprocess

        shown = tmp_path / "shown"
        (shown / "inner").mkdir(parents=True)
        (_secret(tmp_path) / "inner").chmod(0o755)
        bind = ["mount", "--bind", f"{tmp_path}/secret/inner", f"{shown}/inner"]
        await asyncio.to_thread(subprocess.run, bind, check=True)
        try:
            policy = policy_of(VolumeRule(name="data", source=str(shown)))
            assert printed(await ran(policy, "ls /in/inner", volume={"data": "/in"})) == ""
        finally:
            await asyncio.to_thread(subprocess.run, ["umount", f"{shown}/inner"], check=True)

    async def test_a_swap_between_check_and_start_gains_nothing(self, tmp_path: Path) -> None:
        """One tenant's writable volume holds the folder of another: it is swapped for a link without pause."""
        _secret(tmp_path)
        shown = tmp_path / "shown"
        shown.mkdir()
        (shown / "f").write_text("plain")
        tmp_path.chmod(0o755)
        policy = policy_of(VolumeRule(name="data", source=str(shown)))
        endings: list[Any] = []
        with _swapping(tmp_path):
            for _ in range(12):
                ended = stage_of(await ran(policy, "cat /in/f /in/inner/f", volume={"data": "/in"}))
                endings.append((ended["code"], ended["outputs"].get("stdout")))
        assert not any(SECRET in str(it) for it in endings)
        assert {code for code, _ in endings} <= {125, 131}

    async def test_a_link_put_under_the_mount_point_gains_nothing(self, tmp_path: Path) -> None:
        """What a container writes where the next one's volume will be mounted."""
        (tmp_path / "out").mkdir()
        (tmp_path / "out").chmod(0o777)
        tmp_path.chmod(0o755)
        rule = VolumeRule(name="out", source=f"{tmp_path}/out", mode="rw")
        await ran(
            policy_of(rule), "ln -s /etc /out/sub; ln -s /proc /out/p", volume={"out": "/out"}
        )
        for target in ("/out/sub", "/out/p/self"):
            result = await ran(policy_of(rule), "ls -la /etc", volume={"out": target})
            assert "blockyard" not in printed(result)


def _secret(folder: Path) -> Path:
    inner = folder / "secret" / "inner"
    inner.mkdir(parents=True)
    (inner / "f").write_text(SECRET)
    return folder / "secret"


@contextmanager
def _swapping(folder: Path) -> Generator[None]:
    """Swap ``shown`` for a link to ``secret`` and back, again and again."""
    done = threading.Event()
    (folder / "link").symlink_to("secret")

    def swap() -> None:
        while not done.is_set():
            os.rename(folder / "shown", folder / "kept")
            os.rename(folder / "link", folder / "shown")
            os.rename(folder / "shown", folder / "link")
            os.rename(folder / "kept", folder / "shown")

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


# --- From inside a container -------------------------------------------------------------------------------------

INSIDE = {
    "it is not root, whatever the image says": ("id -u; id -g; id -G", "65534\n65534\n65534\n"),
    "it has no capability": ("grep -h '^Cap' /proc/self/status | grep -cv 0000000000000000", "0\n"),
    "it gains none": ("grep -h NoNewPrivs /proc/self/status | cut -f2", "1\n"),
    "system calls are filtered": ("grep -h '^Seccomp:' /proc/self/status | cut -f2", "2\n"),
    "the root is read-only": ("touch /x /bin/x /usr/x 2>/dev/null; echo $?", "1\n"),
    "scratch runs nothing": ("cp /bin/busybox /tmp/b; /tmp/b id 2>/dev/null; echo $?", "126\n"),
    "there is no network": ("ls /sys/class/net; ip route", "lo\n"),
    "it mounts nothing": ("mount -t tmpfs none /tmp 2>/dev/null || echo no", "no\n"),
    "it remounts nothing": ("mount -o remount,rw / 2>/dev/null || echo no", "no\n"),
    "it makes no device": ("mknod /tmp/d b 8 0 2>/dev/null || echo no", "no\n"),
    "it enters no namespace": (
        "unshare -r true 2>/dev/null || unshare -n true 2>/dev/null || echo no",
        "no\n",
    ),
    "it changes no user": (
        "chown 0 /tmp 2>/dev/null || echo no; setpriv --reuid 0 id 2>/dev/null || echo no",
        "no\nno\n",
    ),
    "it sees its own processes alone": (
        "ls /proc | grep -c '^[0-9]' | awk '{print ($1 < 8)}'",
        "1\n",
    ),
    "it changes no kernel setting": (
        "echo 1 2>/dev/null > /proc/sys/kernel/panic || echo no",
        "no\n",
    ),
    "it presses no system key": ("echo b 2>/dev/null > /proc/sysrq-trigger || echo no", "no\n"),
    "it reads no kernel memory": ("cat /proc/kcore /dev/mem /dev/kmsg 2>/dev/null | wc -c", "0\n"),
    "it reads no log of the kernel": ("dmesg 2>/dev/null | wc -l", "0\n"),
    "it has no socket of the engine": (
        "find / -name '*.sock' -not -path '/proc/*' 2>/dev/null | wc -l",
        "0\n",
    ),
    "no descriptor was left open": ("ls /proc/self/fd | tr '\\n' ' '", "0 1 2 3 "),
    "no control group can be written": (
        "touch /sys/fs/cgroup/x /sys/fs/cgroup/*/x 2>/dev/null && echo yes; true",
        "",
    ),
    "its host has no name": ("hostname", "container\n"),
    "no variable of the platform is there": (
        "env | cut -d= -f1 | sort | tr '\\n' ' '",
        "HOME HOSTNAME PATH PWD SHLVL ",
    ),
    "nobody else's memory is shared": ("ls /dev/shm /dev/mqueue | grep -v : | wc -w", "0\n"),
    "no core is left": ("ulimit -Hc", "0\n"),
    "the clock is the host's": ("date -s 2000-01-01 2>&1 | grep -c 'not permitted'", "1\n"),
    "it kills nobody": ("kill -9 -1 2>/dev/null; echo still", "still\n"),
}


@pytest.mark.parametrize("name", INSIDE)
async def test_from_inside(name: str, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLOCKYARD_TEST_SECRET", SECRET)
    script, expected = INSIDE[name]
    policy = policy_of(container=ContainerLimits(runtime="runc"))
    assert printed(await ran(policy, script)) == expected


async def test_what_is_printed_is_text_whatever_the_bytes(engine: Engine) -> None:
    script = "printf '\\377\\376\\0\\033[2J'; printf 'x\\303' >&2"
    outputs = stage_of(await ran(policy_of(), script))["outputs"]
    assert outputs["stdout"] == "\ufffd\ufffd\0\x1b[2J"
    assert outputs["stderr"] == "x\ufffd"


async def test_frames_of_the_engine_cannot_be_forged(engine: Engine) -> None:
    """A container prints what looks like the header by which an engine marks standard error."""
    outputs = stage_of(
        await ran(policy_of(), "printf '\\002\\000\\000\\000\\000\\000\\000\\004fake'")
    )["outputs"]
    assert outputs["stderr"] == ""
    assert outputs["stdout"].endswith("fake")


# --- Images that do more than they say ---------------------------------------------------------------------------


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
