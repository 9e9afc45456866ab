"""A real container engine, private to the tests: its own socket, state, images and registry; all of it ended at the end."""

import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import tarfile
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

import pytest

from blockyard_sandbox.containers import client
from blockyard_sandbox.containers.errors import ContainerError

BUSYBOX = "local/busybox:1"
PYTHON = "local/python:1"
GVISOR = ("--network=none", "--ignore-cgroups", "--platform=ptrace")
SECONDS = 180


def unavailable(reason: str) -> NoReturn:
    """Skip, or fail where everything is required."""
    if os.environ.get("BLOCKYARD_REQUIRE") == "all":
        pytest.fail(f"required here, and not there: {reason}")
    pytest.skip(reason)


def need(*programs: str) -> None:
    missing = [each for each in programs if shutil.which(each) is None]
    if missing:
        unavailable(f"no {', '.join(missing)} on this machine")
    if os.geteuid() != 0:
        unavailable("a private container engine needs root")


@dataclass
class Engine:
    """A dockerd; ``url`` is its socket."""

    folder: Path
    process: subprocess.Popen[bytes]
    url: str

    @cached_property
    def client(self) -> Any:
        return client.connect(self.url)

    def containers(self) -> list[str]:
        return [name for it in self.client.containers(all=True) for name in it["Names"]]

    def end(self) -> None:
        self.client.close()
        self.process.terminate()
        self.process.wait(SECONDS)
        _end_all(self.folder)
        _detach(self.folder)
        shutil.rmtree(self.folder, ignore_errors=True)

    def kill(self) -> None:
        self.client.close()
        self.process.kill()
        self.process.wait(SECONDS)
        _end_all(self.folder)


def _end_all(folder: Path) -> None:
    """End what an engine has started, and left when it was killed: all that names its folder."""
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if f"{folder}/".encode() in each.read_bytes():
                os.kill(int(each.parent.name), signal.SIGKILL)


def _detach(folder: Path) -> None:
    """Take away what an engine that was killed has left mounted."""
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for place in sorted((it for it in mounts if it.startswith(f"{folder}/")), reverse=True):
        subprocess.run(["umount", "-l", place], check=False, capture_output=True)


def start_engine(*, networks: bool = False) -> Engine:
    """Start an engine; ``networks`` gives it a network namespace, where it may make bridges, names and published ports."""
    need("dockerd", "busybox")
    if networks:
        need("unshare", "iptables", "docker-proxy")
    folder = Path(tempfile.mkdtemp(prefix="blockyard-engine-"))
    runtimes: dict[str, Any] = {}
    if runsc := shutil.which("runsc"):
        runtimes["runsc"] = {"path": runsc, "runtimeArgs": list(GVISOR)}
    (folder / "daemon.json").write_text(json.dumps({"runtimes": runtimes}))
    return _started(folder, networks=networks)


def _started(folder: Path, *, networks: bool = False) -> Engine:
    url = f"unix://{folder}/docker.sock"
    command = ["dockerd", "--config-file", f"{folder}/daemon.json", "--data-root", f"{folder}/data"]
    command += ["--exec-root", f"{folder}/exec", "--pidfile", f"{folder}/pid", "--host", url]
    command += ["--bridge", "none", "--ip6tables=false"]
    command += ["--storage-driver", "overlay2", "--insecure-registry", "127.0.0.0/8"]
    if networks:
        # Its devices and rules are gone with it, and no port of the machine is taken.
        up = 'busybox ip link set lo up && exec "$@"'
        command = ["unshare", "--net", "busybox", "sh", "-c", up, "sh", *command]
    else:
        command += ["--iptables=false", "--ip-forward=false"]
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    for _ in range(SECONDS * 10):
        if process.poll() is not None:
            break
        try:
            found = Engine(folder, process, url)
            found.client.ping()
            return found
        except ContainerError:
            time.sleep(0.1)
    raise RuntimeError(f"dockerd did not start: {(folder / 'log').read_text()[-2000:]}")


def restarted(engine: Engine) -> Engine:
    """Start an engine that was killed once more, on the same state."""
    (engine.folder / "pid").unlink(missing_ok=True)
    for name in ("containerd.pid", "containerd.sock"):
        (engine.folder / "exec" / "containerd" / name).unlink(missing_ok=True)
    return _started(engine.folder)


def make_busybox(engine: Engine, name: str = BUSYBOX, **config: Any) -> str:
    """Make an image of the static busybox, and return its id; ``config`` are its settings (Volumes, User, ...)."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "bin").mkdir()
        shutil.copy(shutil.which("busybox") or "", root / "bin" / "busybox")
        applets = subprocess.run(["busybox", "--list"], check=True, capture_output=True, text=True)
        for applet in applets.stdout.split():
            if applet != "busybox":
                (root / "bin" / applet).symlink_to("busybox")
        return import_image(engine, root, name, config)


def make_python(engine: Engine, name: str = PYTHON) -> str:
    """Make an image of this machine's own interpreter with its standard library and what it is linked to."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        script = (
            "import os,sys,sysconfig;print(os.path.realpath(sys.executable));"
            "print(sysconfig.get_path('stdlib'));print(sysconfig.get_path('platstdlib'))"
        )
        told = subprocess.run(
            ["python3", "-I", "-c", script], check=True, capture_output=True, text=True
        )
        program, *folders = told.stdout.split()
        skipped = shutil.ignore_patterns(
            "site-packages", "dist-packages", "test", "__pycache__", "config-*", "idlelib"
        )
        for each in set(folders):
            shutil.copytree(each, root / each.lstrip("/"), ignore=skipped, dirs_exist_ok=True)
        files = [program, *map(str, (root / folders[0].lstrip("/")).rglob("*.so"))]
        for each in {program, *_linked(files)}:
            target = root / each.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(each, target)
        (root / "bin").mkdir(exist_ok=True)
        (root / "bin" / "python3").symlink_to(program)
        return import_image(engine, root, name, {})


def _linked(files: list[str]) -> set[str]:
    found: set[str] = set()
    for each in files:
        told = subprocess.run(["ldd", each], check=False, capture_output=True, text=True)
        found |= {word for word in told.stdout.split() if word.startswith("/")}
    return found


def import_image(engine: Engine, root: Path, name: str, config: dict[str, Any]) -> str:
    """Make an image of a folder, with settings (Env, Entrypoint, ...), and return its id."""
    archive = engine.folder / f"{secrets.token_hex(4)}.tar"
    with tarfile.open(archive, "w") as tar:
        for each in sorted(root.iterdir()):
            tar.add(each, each.name)
    repository, _, tag = name.rpartition(":")
    told = engine.client.import_image(str(archive), repository=repository, tag=tag)
    archive.unlink()
    if config:
        made = engine.client.create_container(name, command=["true"])
        told = engine.client.commit(made["Id"], repository=repository, tag=tag, conf=config)
        engine.client.remove_container(made["Id"])
        return str(told["Id"])
    return str(json.loads(told.splitlines()[-1])["status"])


@dataclass
class Registry:
    """A registry on loopback that asks for a name and a password."""

    folder: Path
    process: subprocess.Popen[bytes]
    address: str
    user: str
    password: str

    def push(self, engine: Engine, image: str, name: str) -> str:
        """Push an image of the engine under a name, and return the digest of its manifest."""
        repository, _, tag = f"{self.address}/{name}".rpartition(":")
        engine.client.tag(image, repository, tag)
        login = {"username": self.user, "password": self.password}
        digest = ""
        for event in engine.client.push(
            repository, tag=tag, stream=True, decode=True, auth_config=login
        ):
            assert "error" not in event, event
            if "aux" in event and "Digest" in event["aux"]:
                digest = str(event["aux"]["Digest"])
        return digest

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(SECONDS)
        shutil.rmtree(self.folder)


def start_registry() -> Registry:
    need("docker-registry", "htpasswd")
    folder = Path(tempfile.mkdtemp(prefix="blockyard-registry-"))
    user, password = "ada", secrets.token_urlsafe(12)
    made = subprocess.run(["htpasswd", "-Bbn", user, password], check=True, capture_output=True)
    (folder / "users").write_bytes(made.stdout)
    config = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": f"{folder}/data"}, "delete": {"enabled": True}},
        "http": {"addr": "127.0.0.1:0"},
        "auth": {"htpasswd": {"realm": "tests", "path": f"{folder}/users"}},
    }
    (folder / "config.yml").write_text(json.dumps(config))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["docker-registry", "serve", f"{folder}/config.yml"], stdout=log, stderr=log
        )
    for _ in range(SECONDS * 10):
        # It takes a port that is free, and says which: one that was free before may be another's by then.
        told = re.search(r"listening on (127\.0\.0\.1:\d+)", (folder / "log").read_text())
        if told is not None:
            return Registry(folder, process, told[1], user, password)
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise RuntimeError(f"the registry did not start: {(folder / 'log').read_text()[-2000:]}")
