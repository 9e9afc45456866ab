"""Container stages on Podman, by its socket that speaks Docker's interface: a real service, private to the tests."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from engines import unavailable

from blockyard_platform import Runner
from blockyard_platform.results import StageRecord
from blockyard_sandbox.containers.doctor import examine_engine
from blockyard_schemas.policy import Policy
from blockyard_schemas.statuses import Code

IMAGE = "localhost/small:1"
SETTINGS = """
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
"""
"""What Podman needs on a machine without systemd, and with control groups of both versions."""


@dataclass(frozen=True)
class Podman:
    """A folder with the state of a Podman of its own."""

    folder: Path

    @property
    def environ(self) -> dict[str, str]:
        return os.environ | {"CONTAINERS_CONF": str(self.folder / "containers.conf")}

    @property
    def words(self) -> list[str]:
        state = ["--root", f"{self.folder}/root", "--runroot", f"{self.folder}/run"]
        return ["podman", *state, "--storage-driver", "vfs"]

    def call(self, *words: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [*self.words, *words],
            input=given,
            env=self.environ,
            capture_output=True,
            timeout=300,
            check=False,
        )


def _image() -> bytes:
    busybox = shutil.which("busybox") or ""
    if not busybox:
        unavailable("no busybox on this machine")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        programs = Path(folder, "bin")
        programs.mkdir()
        shutil.copy(busybox, programs / "busybox")
        for name in ("sh", "echo", "cat", "sleep", "id", "touch"):
            (programs / name).symlink_to("busybox")
        return subprocess.run(
            ["tar", "-C", folder, "-c", "."], capture_output=True, check=True
        ).stdout


@pytest.fixture(scope="module")
def podman() -> Iterator[Podman]:
    if shutil.which("podman") is None or os.geteuid() != 0:
        unavailable("Podman is not installed, or this is not root")
    with tempfile.TemporaryDirectory(prefix="blockyard-podman-") as folder:
        found = Podman(Path(folder))
        (found.folder / "containers.conf").write_text(SETTINGS)
        found.call("import", "-", IMAGE, given=_image())
        tried = found.call("run", "--rm", "--network", "none", IMAGE, "/bin/echo", "works")
        if tried.stdout != b"works\n":
            pytest.skip(f"Podman runs nothing on this machine: {tried.stderr.decode()[-300:]}")
        place = f"unix://{folder}/podman.sock"
        service = subprocess.Popen(
            [*found.words, "system", "service", "--time=0", place],
            env=found.environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        before = os.environ.get("DOCKER_HOST")
        os.environ["DOCKER_HOST"] = place
        try:
            while not (found.folder / "podman.sock").exists():
                assert service.poll() is None
                time.sleep(0.05)
            yield found
        finally:
            os.environ.pop("DOCKER_HOST")
            if before is not None:
                os.environ["DOCKER_HOST"] = before
            service.terminate()
            service.wait()
            found.call("rm", "--all", "--force")


async def ran(folder: Path, **stage: Any) -> StageRecord:
    policy = Policy.model_validate(
        {
            "name": "tenant",
            "stages": ["docker"],
            "images": [{"name": "localhost/small", "tags": ["*"]}],
            "volumes": [{"name": "data", "source": str(folder), "mode": "rw"}],
            "stage": {"wall_seconds": 120},
        }
    )
    async with Runner(policy=policy) as runner:
        document = {"name": "t", "stages": [{"id": "a", "image": IMAGE, **stage}]}
        result = await runner.run(document)
    assert result.problems == ()
    return result.jobs["main"].stages["a"]


async def test_a_container_runs_and_tells_its_end(podman: Podman, tmp_path: Path) -> None:
    record = await ran(
        tmp_path, command=["sh", "-c", "echo $NAME; echo no >&2; exit 3"], env={"NAME": "ada"}
    )
    assert record.code is Code.EXIT_NONZERO
    assert record.outputs["return_code"] == 3
    assert (record.outputs["stdout"], record.outputs["stderr"]) == ("ada\n", "no\n")
    assert record.outputs["digest"].startswith("sha256:")


async def test_the_container_has_nothing(podman: Podman, tmp_path: Path) -> None:
    script = "id -u; touch /etc/x 2>/dev/null || echo closed; cat /proc/self/status"
    record = await ran(tmp_path, command=["sh", "-c", script])
    lines = record.outputs["stdout"].splitlines()
    assert lines[:2] == ["65534", "closed"]
    facts = dict(line.split(":\t", 1) for line in lines[2:] if ":\t" in line)
    assert facts["CapEff"] == facts["CapBnd"] == "0" * 16
    assert (facts["NoNewPrivs"], facts["Seccomp"]) == ("1", "2")


async def test_a_volume_is_read_and_written(podman: Podman, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    folder.chmod(0o777)
    tmp_path.chmod(0o755)
    (folder / "in").write_text("words")
    record = await ran(
        folder, command=["sh", "-c", "cat /data/in > /data/out"], volume={"data": "/data"}
    )
    assert record.code is Code.DONE, record
    assert (folder / "out").read_text() == "words"


async def test_a_timeout_ends_and_removes_the_container(podman: Podman, tmp_path: Path) -> None:
    record = await ran(tmp_path, command=["sleep", "600"], timeout="2s")
    assert record.code is Code.TIMEOUT
    assert podman.call("ps", "--all", "--quiet").stdout == b""


def test_the_doctor_knows_podman(podman: Podman) -> None:
    report = examine_engine()
    assert report.usable
    assert "runc" in report.runtimes
