"""Attacks on container stages, each through a document: on volumes and races when they start, and from inside."""

import asyncio
import os
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from container_stages import SECRET, policy_of, printed, ran, stage_of
from engines import Engine

from blockyard_schemas.policy_containers import ContainerLimits, VolumeRule

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
