"""The jail for stages that start programs: the host's tools, read-only, a scratch folder, no network, nothing of ``/etc`` or ``/home``."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from blockyard_sandbox.guest.ahead import PRELUDE
from blockyard_sandbox.spec import Bind, JailSpec

if TYPE_CHECKING:
    from blockyard_sandbox.spec import Level

_FOLDERS = (
    *("/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libexec"),
    *("/usr/share", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/alternatives"),
)
_FILES = (
    "/etc/ld.so.cache",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
)
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")


def program_spec(level: Level) -> JailSpec:
    """Return the spec of a sandbox whose guests run a shell's script (operation ``shell``) with this machine's programs."""
    links = [(path, os.readlink(path)) for path in _FOLDERS if os.path.islink(path)]
    folders = [
        Bind(path, path, execute=True)
        for path in _FOLDERS
        if os.path.isdir(path) and not os.path.islink(path)
    ]
    files = [Bind(path, path, kind="file") for path in _FILES if Path(path).is_file()]
    devices = [Bind(path, path, kind="device") for path in _DEVICES if os.path.exists(path)]
    prelude = str(resources.files("blockyard_sandbox.guest").joinpath("ahead.sh"))
    return JailSpec(
        extensions={"shell": ("blockyard_sandbox.guest.shell:make", None)},
        binds=(*folders, *files, *devices, Bind(prelude, PRELUDE, kind="file")),
        links=(*links, ("/tmp", "scratch"), ("/dev/shm", "../scratch")),  # noqa: S108  (of the jail's own root)
        programs=True,
        level=level,
    )
