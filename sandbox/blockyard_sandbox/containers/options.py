"""From a spec to the arguments of the docker SDK. What is not here cannot be had: there is no way to pass an option on."""

from __future__ import annotations

import math
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from blockyard_sandbox.containers.errors import ContainerError
from blockyard_sandbox.containers.owner import HOLDER, OWNER, VERSION, this_owner
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blockyard_sandbox.containers.spec import ContainerSpec, Image

_TMPFS = "rw,nosuid,nodev,noexec,mode=1777,size={size}"
_OWNED = ",uid={user},gid={group}"
"""Owned by the container's user, since an engine gives it the mode of the folder that the image has there."""
_KERNELS = ("/proc", "/sys", "/dev")
_PERIOD = 100_000
"""Microseconds over which the engine shares out processor time."""


def host_options(
    spec: ContainerSpec,
    mounts: Sequence[tuple[str, str, bool]],
    image: Image,
    *,
    owned: bool = True,
) -> dict[str, Any]:
    """Return the arguments of ``create_host_config``; ``mounts`` are (source, target, writable), each source ready to be bound.

    ``owned`` is false for Podman, which cannot give a folder in memory to a user, and need not. Raises ContainerError.
    """
    user, _, group = spec.user.partition(":")
    form = _TMPFS + _OWNED if owned else _TMPFS
    tmpfs = form.format(user=user, group=group, size=spec.tmpfs_bytes)
    return {
        "network_mode": spec.network or "none",
        "privileged": False,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "read_only": True,
        "init": True,
        "tmpfs": dict.fromkeys(_scratch(image, [target for _, target, _ in mounts]), tmpfs),
        "mounts": [_bind(*mount) for mount in mounts],
        "mem_limit": spec.memory_bytes,
        "memswap_limit": spec.memory_bytes,
        "shm_size": spec.tmpfs_bytes,
        "cpu_period": _PERIOD,
        "cpu_quota": max(1_000, int(spec.cpus * _PERIOD)),
        "pids_limit": spec.pids + 1,
        "ulimits": _limits(spec) if owned else [*_limits(spec), _limit("nproc", _PROCESSES)],
        "log_config": {"Type": "none", "Config": {}},
        "ipc_mode": "private",
        "restart_policy": {"Name": "no"},
        "oom_kill_disable": False,
        "auto_remove": False,
        "runtime": spec.runtime,
    }


def _scratch(image: Image, targets: Sequence[str]) -> list[str]:
    """Return the folders in memory: /tmp, and what the image declares as volumes, where no volume is.

    One inside a volume is refused: what is in the volume would decide where it is mounted.
    """
    found: list[str] = []
    for folder in ("/tmp", *image.volumes):  # noqa: S108
        path = PurePosixPath(folder)
        inside = next(
            (it for it in targets if path != PurePosixPath(it) and path.is_relative_to(it)), None
        )
        if inside is not None:
            raise ContainerError(
                Code.FORBIDDEN_VOLUME,
                f"the image has a folder {folder[:80]} of its own in the volume at {inside} (FORBIDDEN_VOLUME 131)",
            )
        if (
            not folder.startswith("/")
            or ".." in path.parts
            or any(map(path.is_relative_to, _KERNELS))
        ):
            message = f"the image declares {folder[:80]!r} as a volume, which cannot be one"
            raise ContainerError(Code.FORBIDDEN_IMAGE, f"{message} (FORBIDDEN_IMAGE 130)")
        if folder not in targets:
            found.append(folder)
    return found


def _bind(source: str, target: str, writable: bool) -> dict[str, Any]:
    """Return one mount: a missing source is an error, what is mounted later on either side stays there."""
    return {
        "Type": "bind",
        "Source": source,
        "Target": target,
        "ReadOnly": not writable,
        "BindOptions": {"Propagation": "rprivate", "NonRecursive": True},
    }


_PROCESSES = 1_024
"""For Podman, which raises the limit to a million where none is asked for, and fails where the machine does not allow it; ``pids`` is what bounds a container."""


def _limits(spec: ContainerSpec) -> list[dict[str, Any]]:
    seconds = math.ceil(spec.cpu_seconds)
    return [
        _limit("nofile", spec.open_files),
        _limit("core", 0),
        _limit("fsize", spec.file_bytes),
        {"Name": "cpu", "Soft": seconds, "Hard": seconds + 5},
    ]


def _limit(name: str, most: int) -> dict[str, Any]:
    return {"Name": name, "Soft": most, "Hard": most}


def container_options(spec: ContainerSpec) -> dict[str, Any]:
    """Return the arguments of ``create_container`` but its name and host configuration."""
    return {
        "image": spec.image,
        "command": None if spec.command is None else list(spec.command),
        "environment": dict(spec.environment),
        "user": spec.user,
        "working_dir": spec.workdir,
        "hostname": "container",
        "network_disabled": spec.network is None,
        "healthcheck": {"test": ["NONE"]},
        "labels": labels_of(spec),
        "stdin_open": False,
        "tty": False,
        "use_config_proxy": False,
    }


def labels_of(spec: ContainerSpec) -> dict[str, str]:
    """Return the labels by which people, and the search for orphans, know a container."""
    return {
        OWNER: this_owner(),
        HOLDER: spec.labels.holder,
        "blockyard.version": VERSION,
        "blockyard.tenant": spec.labels.tenant,
        "blockyard.run": spec.labels.run,
        "blockyard.stage": spec.labels.stage,
    }
