"""Each layer matters: with all layers that stop an attack left out it succeeds, with any single one of them it fails.

A row names an attack and the layers that each suffice against it. Hence, whoever takes a layer out of the product
turns a row red: the row whose attack is then stopped by one layer less.
"""

import ctypes
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from arena import LIMITS, Arena, Targets

from blockyard_sandbox.errors import SandboxUnavailableError
from blockyard_sandbox.jail import cgroups
from blockyard_sandbox.spec import LAYERS, UID_BASE

SHM_KEY = 0x5EED


@dataclass(frozen=True)
class Row:
    """An attack that gives PWNED, the layers of which each stops it, and those that are out of the way in any case."""

    name: str
    stops: tuple[str, ...]
    code: str
    aside: tuple[str, ...] = ()


ROWS = (
    Row(
        "open a file of the host",
        ("mount", "landlock"),
        "result = attempt(lambda: open('/etc/passwd').read())",
    ),
    Row(
        "read a file that only its owner may read",
        ("mount", "landlock", "user"),
        "result = attempt(lambda: open(T['private']).read())",
        aside=("uid",),
    ),
    Row(
        "connect to a port of the host",
        ("network", "seccomp", "landlock"),
        """
def go():
    s = socket.socket(); s.settimeout(60); s.connect(("127.0.0.1", T["port"])); return True
result = attempt(go)
""",
    ),
    Row(
        "reach an abstract socket of the host",
        ("network", "seccomp", "landlock"),
        """
def go():
    s = socket.socket(socket.AF_UNIX); s.connect(chr(0) + T["abstract"]); return True
result = attempt(go)
""",
    ),
    Row(
        "signal a process of the host",
        ("pid", "seccomp", "landlock", "user"),
        "result = attempt(lambda: os.kill(T['server_pid'], 0) is None)",
        aside=("uid", "capabilities"),
    ),
    Row(
        "find shared memory of the host",
        ("ipc", "seccomp"),
        f"result = attempt(lambda: sc(29, {SHM_KEY}, 0, 0) >= 0)",
    ),
    Row(
        "learn the machine's name",
        ("uts", "seccomp"),
        "result = attempt(lambda: os.uname().nodename == T['hostname'])",
    ),
    Row(
        "make a user namespace, and be its root",
        ("seccomp",),
        "result = attempt(lambda: sc(272, 0x10000000) == 0)",
    ),
    Row(
        "open an io_uring",
        ("seccomp", "rlimits"),
        "result = attempt(lambda: sc(425, 1, ctypes.create_string_buffer(120)) >= 0)",
    ),
    Row(
        "map executable memory",
        ("seccomp",),
        "result = attempt(lambda: mmap.mmap(-1, 4096, prot=7))",
    ),
    Row(
        "start a program of the host",
        ("seccomp", "landlock"),
        """
def go():
    child = os.fork()
    if child == 0:
        try:
            os.execv("/bin/true", ["true"])
        finally:
            os._exit(9)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
result = attempt(go)
""",
        aside=("rlimits", "cgroup"),
    ),
    Row(
        "have more processes than allowed",
        ("seccomp", "rlimits", "cgroup"),
        """
def go():
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return True
result = attempt(go)
""",
    ),
    Row(
        "take more memory than allowed",
        ("rlimits", "cgroup"),
        """
def go():
    held = b"x" * (250 << 20)
    return len(held)
result = attempt(go)
""",
    ),
    Row(
        "write a larger file than allowed",
        ("rlimits",),
        """
def go():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    place = os.open("/scratch/big", os.O_CREAT | os.O_WRONLY)
    os.lseek(place, 8 << 20, os.SEEK_SET)
    return os.write(place, b"x")
result = attempt(go)
""",
    ),
    Row(
        "mount a file system",
        ("capabilities", "seccomp", "landlock"),
        """
def go():
    return ctypes.CDLL(None).mount(b"x", b"/scratch", b"tmpfs", 0, None) == 0
result = attempt(go)
""",
        aside=("uid",),
    ),
    Row(
        "become another user of the jail",
        ("capabilities", "uid", "seccomp"),
        "result = attempt(lambda: os.setresuid(77, 77, 77) is None)",
    ),
    Row(
        "gain privileges by starting a program",
        ("no-new-privileges", "mount", "landlock", "seccomp"),
        """
def go():
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.dup2(writer, 1)
            os.execv(T["set_user_id"], ["id", "-u"])
        finally:
            os._exit(9)
    os.close(writer)
    os.waitpid(child, 0)
    return os.getuid() != 0 and os.read(reader, 20).strip() == b"0"
result = attempt(go)
""",
        # Without no-new-privileges, Landlock and seccomp cannot be had either: then there is no guest at all.
        aside=("rlimits", "cgroup"),
    ),
    Row(
        "use a descriptor that the zygote holds",
        ("descriptors",),
        """
def go():
    held = []
    for number in range(5, 200):
        try:
            os.fstat(number)
        except OSError:
            continue
        held.append(number)
    return held
result = attempt(go)
""",
    ),
    Row(
        "read the platform's environment",
        ("environment",),
        "result = attempt(lambda: [value for value in os.environ.values() if 'CANARY' in value])",
    ),
)

needs_root = pytest.mark.skipif(
    os.getuid() != 0 and os.environ.get("BLOCKYARD_REQUIRE") != "all",
    reason="leaving layers out needs root: an ordinary user cannot have a jail without a user namespace",
)


@pytest.fixture(scope="module")
def aims(targets: Targets) -> Iterator[dict[str, Any]]:
    """Things of the host that the attacks of this table look for, beside the suite's own."""
    libc = ctypes.CDLL(None, use_errno=True)
    segment = libc.shmget(SHM_KEY, 4096, 0o1666)
    assert segment >= 0
    tool = _set_user_id_tool()
    yield targets.facts | {"set_user_id": str(tool)}
    shutil.rmtree(tool.parent)
    libc.shmctl(segment, 0, None)


def _set_user_id_tool() -> Path:
    """Copy a program, and give it to the user that is root inside; where the file system takes that bit."""
    for place in (None, "/var/tmp", Path(__file__).parent):  # noqa: S108
        folder = Path(tempfile.mkdtemp(prefix="blockyard-tool-", dir=place))
        if not os.statvfs(folder).f_flag & os.ST_NOSUID:
            break
        folder.rmdir()
    else:
        pytest.skip("every folder here is mounted without set-user-id programs")
    folder.chmod(0o755)
    tool = folder / "id"
    shutil.copyfile(shutil.which("id") or "/usr/bin/id", tool)
    if os.getuid() == 0:
        os.chown(tool, UID_BASE, UID_BASE)
    tool.chmod(0o4755)
    return tool


def outcome(arena: Arena, row: Row, without: frozenset[str], aims: dict[str, Any]) -> str:
    """Return what becomes of an attack: PWNED and what it got, or how it was stopped."""
    scratch = 0 if "mount" in without else LIMITS.scratch_bytes
    limits = replace(LIMITS, memory_bytes=64 << 20, scratch_bytes=scratch)
    try:
        answer = arena.attack(row.code, aims, without, limits)
    except SandboxUnavailableError as error:
        return f"stopped: no guest: {error}"
    return f"stopped: {answer.error}" if answer.error is not None else str(answer.value)


@needs_root
@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_an_attack_succeeds_when_its_layers_are_left_out(
    row: Row, arena: Arena, aims: dict[str, Any]
) -> None:
    without = frozenset(row.stops) | frozenset(row.aside)
    assert outcome(arena, row, without, aims).startswith("PWNED")


@needs_root
@pytest.mark.parametrize(
    ("row", "layer"),
    [pytest.param(row, layer, id=f"{row.name}-{layer}") for row in ROWS for layer in row.stops],
)
def test_one_layer_alone_stops_it(row: Row, layer: str, arena: Arena, aims: dict[str, Any]) -> None:
    if (
        layer == "cgroup"
        and not cgroups.find().bases
        and os.environ.get("BLOCKYARD_REQUIRE") != "all"
    ):
        pytest.skip("no control group can be made on this machine")
    without = frozenset(row.stops) - {layer} | frozenset(row.aside)
    assert outcome(arena, row, without, aims).startswith("stopped")


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_the_whole_jail_stops_it(row: Row, arena: Arena, aims: dict[str, Any]) -> None:
    assert outcome(arena, row, frozenset(), aims).startswith("stopped")


def test_every_layer_has_a_row() -> None:
    assert {layer for row in ROWS for layer in row.stops} == set(LAYERS)
