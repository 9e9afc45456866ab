"""Each layer matters: with all layers that stop an attack left out it succeeds, with any single one of them it fails.

A row names an attack and the layers that each suffice against it. Hence, whoever takes a layer out of the product
turns a row red: the row whose attack is then stopped by one layer less.
"""

from dataclasses import dataclass

import pytest
from arena import LIMITS, Arena, Targets

ROOT_ONLY = "needs root: an ordinary user's guests have no user of their own"


@dataclass(frozen=True)
class Row:
    """An attack that gives PWNED, the layers of which each stops it, and those that are out of the way in any case."""

    name: str
    stops: tuple[str, ...]
    code: str
    aside: tuple[str, ...] = ()


ROWS = (
    Row("open a file of the host", ("mount", "landlock"), "result = attempt(lambda: open('/etc/hostname').read() or 'empty')"),
    Row(
        "read a secret that only its owner may read",
        ("mount", "landlock", "user"),
        "result = attempt(lambda: open(T['private']).read())",
        aside=("uid",),
    ),
    Row(
        "connect to a port of the host",
        ("network", "seccomp", "landlock"),
        "def go():\n s = socket.socket(); s.settimeout(1); s.connect(('127.0.0.1', T['port'])); return True\n"
        "result = attempt(go)",
    ),
    Row(
        "reach an abstract socket of the host",
        ("network", "seccomp", "landlock"),
        "def go():\n s = socket.socket(socket.AF_UNIX); s.connect(chr(0) + T['abstract']); return True\n"
        "result = attempt(go)",
    ),
    Row(
        "see a process of the host",
        ("pid", "seccomp", "landlock", "uid"),
        "result = attempt(lambda: os.kill(T['victim'], 0) is None)",
        aside=("user", "capabilities"),
    ),
    Row(
        "make shared memory that outlives the guest",
        ("ipc", "seccomp"),
        "result = attempt(lambda: sc(29, 0x5EED, 4096, 0o1666) >= 0 and sc(31, sc(29, 0x5EED, 4096, 0o666), 2, ctypes.create_string_buffer(112)) == 0 and T['shm_seen'])",
    ),
    Row(
        "rename the machine",
        ("uts", "seccomp", "capabilities"),
        "result = attempt(lambda: sc(170, T['hostname'].encode(), len(T['hostname'])) == 0)",
        aside=("user", "uid"),
    ),
    Row(
        "make a user namespace, and be its root",
        ("seccomp",),
        "result = attempt(lambda: sc(272, 0x10000000) == 0)",
    ),
    Row("open an io_uring", ("seccomp",), "result = attempt(lambda: sc(425, 1, ctypes.create_string_buffer(120)) >= 0)"),
    Row("map executable memory", ("seccomp",), "result = attempt(lambda: mmap.mmap(-1, 4096, prot=7))"),
    Row(
        "start a program of the host",
        ("seccomp",),
        "def go():\n pid = os.fork()\n if pid == 0:\n  os.execv('/bin/true', ['true'])\n"
        " return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0\nresult = attempt(go)",
        aside=("landlock", "rlimits", "cgroup"),
    ),
    Row(
        "have more processes than allowed",
        ("seccomp", "rlimits", "cgroup"),
        "def go():\n pid = os.fork()\n if pid == 0:\n  os._exit(0)\n os.waitpid(pid, 0)\n return True\nresult = attempt(go)",
    ),
    Row(
        "take more memory than allowed",
        ("rlimits", "cgroup"),
        "def go():\n held = bytearray(400 << 20)\n held[::4096] = bytes(len(held[::4096]))\n return len(held)\nresult = attempt(go)",
    ),
    Row("write a file larger than allowed", ("rlimits",), "def go():\n place = os.open('/scratch/big', os.O_CREAT | os.O_WRONLY)\n signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n return os.pwrite(place, b'x', 8 << 20)\nresult = attempt(go)", aside=("seccomp",)),
    Row(
        "mount a file system",
        ("capabilities", "seccomp", "landlock"),
        "def go():\n libc = ctypes.CDLL(None)\n return libc.mount(b'x', b'/scratch', b'tmpfs', 0, None) == 0\nresult = attempt(go)",
        aside=("uid",),
    ),
    Row(
        "become another user of the jail",
        ("capabilities", "uid", "seccomp"),
        "result = attempt(lambda: os.setresuid(77, 77, 77) is None)",
    ),
    Row(
        "gain privileges by a program",
        ("no-new-privileges", "seccomp"),
        "result = attempt(lambda: sc(157, 39, 0, 0, 0, 0) == 0)",
    ),
    Row(
        "use a descriptor of the zygote",
        ("descriptors",),
        "def go():\n held = []\n for n in range(5, 200):\n  try:\n   os.fstat(n); held.append(n)\n  except OSError:\n   pass\n return held\nresult = attempt(go)",
    ),
    Row("read the platform's environment", ("environment",), "result = attempt(lambda: [v for v in os.environ.values() if 'CANARY' in v])"),
)
