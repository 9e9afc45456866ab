"""Landlock: what may be opened, and that signals and abstract sockets stay inside (Linux 5.13 and later).

Everything that the running kernel can handle is handled, hence refused; then reading is given back for the listed places.
See the kernel's documentation of Landlock for the bits.
"""

import os
import struct
from collections.abc import Iterable

from blockyard_sandbox.jail import kernel

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 1 << 1, 1 << 2, 1 << 3
CONNECT_TCP = 2
_FS_BITS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
"""How many file-system rights each version of the interface knows."""


def version() -> int:
    """Return the version of the kernel's interface. Raises OSError where there is no Landlock."""
    return kernel.syscall("landlock_create_ruleset", None, 0, 1)


def ruleset(
    readable: Iterable[str],
    writable: Iterable[str] = (),
    executable: Iterable[str] = (),
    devices: Iterable[str] = (),
    ports: Iterable[int] = (),
) -> int:
    """Return a descriptor of a ruleset: the given folders may be read, used fully, or read and executed; nothing else may be opened.

    ``devices`` are files that may be read and written, ``ports`` those of TCP that may be connected to (from version 4 on).
    """
    abi = version()
    rights = (1 << _FS_BITS[min(abi, 5)]) - 1
    network = 3 if abi >= 4 else 0
    scoped = 3 if abi >= 6 else 0
    attributes = struct.pack("QQQ", rights, network, scoped)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    rules = kernel.syscall("landlock_create_ruleset", attributes[:size], size, 0)
    for path in readable:
        _allow(rules, path, READ_FILE | READ_DIR)
    for path in writable:
        _allow(rules, path, rights)
    for path in executable:
        _allow(rules, path, READ_FILE | EXECUTE | (READ_DIR if os.path.isdir(path) else 0))
    for path in devices:
        _allow(rules, path, READ_FILE | WRITE_FILE)
    for port in ports if network else ():
        kernel.syscall("landlock_add_rule", rules, 2, struct.pack("QQ", CONNECT_TCP, port), 0)
    return rules


def restrict(rules: int) -> None:
    """Put this process, and all that comes from it, under a ruleset."""
    kernel.syscall("landlock_restrict_self", rules, 0)


def _allow(rules: int, path: str, rights: int) -> None:
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        kernel.syscall("landlock_add_rule", rules, 1, struct.pack("=Qi", rights, place), 0)
    finally:
        os.close(place)
