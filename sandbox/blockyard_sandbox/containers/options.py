"""From a spec to the arguments of the docker SDK. What is not here cannot be had: there is no way to pass an option on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from blockyard_sandbox.containers.owner import OWNER, VERSION, this_owner

if TYPE_CHECKING:
    from collections.abc import Iterable

    from blockyard_sandbox.containers.spec import ContainerSpec, Image

_TMPFS = "rw,nosuid,nodev,noexec,mode=1777,uid={user},gid={group},size={size}"
"""Owned by the container's user, since an engine gives it the mode of the folder that the image has there."""
_PERIOD = 100_000
"""Microseconds over which the engine shares out processor time."""


def host_options(
    spec: ContainerSpec, mounts: Iterable[tuple[str, str, bool]], image: Image
) -> dict[str, Any]:
    """Return the arguments of ``create_host_config``; ``mounts`` are (source, target, writable), each source ready to be bound."""
    user, _, group = spec.user.partition(":")
    tmpfs = _TMPFS.format(user=user, group=group, size=spec.tmpfs_bytes)
    taken = {target for _, target, _ in mounts}
    return {
        "network_mode": spec.network or "none",
        "privileged": False,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "read_only": True,
        "init": True,
        "tmpfs": {folder: tmpfs for folder in ("/tmp", *image.volumes) if folder not in taken},  # noqa: S108
        "mounts": [_bind(*mount) for mount in mounts],
        "mem_limit": spec.memory_bytes,
        "memswap_limit": spec.memory_bytes,
        "shm_size": spec.tmpfs_bytes,
        "cpu_period": _PERIOD,
        "cpu_quota": max(1_000, int(spec.cpus * _PERIOD)),
        "pids_limit": spec.pids + 1,
        "ulimits": _limits(spec),
        "log_config": {"Type": "none", "Config": {}},
        "ipc_mode": "private",
        "restart_policy": {"Name": "no"},
        "oom_kill_disable": False,
        "auto_remove": False,
        "runtime": spec.runtime,
    }


def _bind(source: str, target: str, writable: bool) -> dict[str, Any]:
    """Return one mount: a missing source is an error, what is mounted later on either side stays there."""
    return {
        "Type": "bind",
        "Source": source,
        "Target": target,
        "ReadOnly": not writable,
        "BindOptions": {"Propagation": "rprivate", "NonRecursive": True},
    }


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
        "blockyard.version": VERSION,
        "blockyard.tenant": spec.labels.tenant,
        "blockyard.run": spec.labels.run,
        "blockyard.stage": spec.labels.stage,
    }
