"""System calls that the standard library of Python 3.11 does not offer; each raises OSError as its kin in ``os`` do."""

import ctypes
import fcntl
import functools
import os
import platform
import socket
import struct

CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS = 0x20000, 0x2000000, 0x4000000
CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = (
    0x8000000,
    0x10000000,
    0x20000000,
    0x40000000,
)
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REC, MS_PRIVATE = 1, 2, 4, 8, 0x4000, 0x40000
MS_BIND = 0x1000
MNT_DETACH = 2
RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS, RESOLVE_BENEATH = 2, 4, 8
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_SECCOMP = 1, 4, 24, 22
PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 38, 39, 47
PR_CAP_AMBIENT_CLEAR_ALL = 4
ATTR_RDONLY, ATTR_NOSUID, ATTR_NODEV, ATTR_NOEXEC = 1, 2, 4, 8
AT_FDCWD, AT_RECURSIVE, AT_EMPTY_PATH = -100, 0x8000, 0x1000

_SIOCSIFFLAGS, _IFF_UP = 0x8914, 1

_CALLS = {  # name: (x86_64, aarch64)
    "capset": (126, 91),
    "pivot_root": (155, 41),
    "seccomp": (317, 277),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "close_range": (436, 436),
    "openat2": (437, 437),
    "mount_setattr": (442, 442),
    "landlock_create_ruleset": (444, 444),
    "landlock_add_rule": (445, 445),
    "landlock_restrict_self": (446, 446),
}


@functools.cache
def libc() -> ctypes.CDLL:
    """Return the C library of this process."""
    return ctypes.CDLL(None, use_errno=True)


@functools.cache
def machine() -> int:
    """Return the column of this architecture in tables of system calls. Raises OSError for another one."""
    columns = {"x86_64": 0, "aarch64": 1, "arm64": 1}
    name = platform.machine()
    if name not in columns or struct.calcsize("P") != 8:
        raise OSError(f"no table of system calls for '{name}'")
    return columns[name]


def syscall(name: str, *arguments: int | bytes | ctypes.Array[ctypes.c_char] | None) -> int:
    """Make one of the system calls above by its number."""
    words = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    return _checked(int(libc().syscall(ctypes.c_long(_CALLS[name][machine()]), *words)), name)


def unshare(flags: int) -> None:
    """Leave the namespaces of ``flags`` for fresh ones."""
    _checked(libc().unshare(flags), "unshare")


def setns(descriptor: int, kind: int) -> None:
    """Enter the namespace that a descriptor stands for."""
    _checked(libc().setns(descriptor, kind), "setns")


def mount(
    source: str | None, target: str, kind: str | None, flags: int, options: str | None = None
) -> None:
    """Attach a file system, or change how one is attached; see the manual page mount 2."""
    texts = [None if text is None else text.encode() for text in (source, target, kind, options)]
    result = libc().mount(texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3])
    _checked(result, f"mount {target}")


def unmount(target: str) -> None:
    """Detach a mount, with all below it."""
    _checked(libc().umount2(target.encode(), MNT_DETACH), f"umount {target}")


def prctl(option: int, first: int = 0, second: int = 0) -> int:
    """Change how the kernel treats this process; see the manual page prctl 2."""
    words = [ctypes.c_ulong(value) for value in (first, second, 0, 0)]
    return _checked(libc().prctl(option, *words), f"prctl {option}")


def raise_loopback() -> None:
    """Make the loopback interface of this network namespace usable; see netdevice(7)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP))


def sethostname(name: bytes) -> None:
    """Name this uts namespace."""
    _checked(libc().sethostname(name, len(name)), "sethostname")


def clear_capabilities() -> None:
    """Empty the process's effective, permitted and inheritable sets."""
    header = struct.pack("Ii", 0x20080522, 0)
    syscall("capset", header, bytes(24))


def open_tree(path: str) -> int:
    """Return a descriptor of a detached copy of the mounts at a path."""
    return syscall("open_tree", AT_FDCWD, path.encode(), 1 | os.O_CLOEXEC | AT_RECURSIVE)


def move_mount(tree: int, target: str) -> None:
    """Attach the mounts of :func:`open_tree` at a path."""
    syscall("move_mount", tree, b"", AT_FDCWD, target.encode(), 4)


def restrict_mount(path: str, attributes: int) -> None:
    """Add mount attributes (read-only, nosuid ...) to a mount and all below it."""
    syscall(
        "mount_setattr",
        AT_FDCWD,
        path.encode(),
        AT_RECURSIVE,
        struct.pack("QQQQ", attributes, 0, 0, 0),
        32,
    )


def open_beneath(folder: int, path: str, flags: int, resolve: int) -> int:
    """Return a descriptor of a path below a folder (or ``AT_FDCWD``), opened as the bits of ``resolve`` allow; see openat2."""
    how = struct.pack("QQQ", flags | os.O_CLOEXEC, 0, resolve)
    return syscall("openat2", folder, path.encode(), how, len(how))


def close_from(first: int) -> None:
    """Close every descriptor from ``first`` on."""
    syscall("close_range", first, 0xFFFFFFFF, 0)


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result
