"""What an engine can do, and what it lacks for a container to be closed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from blockyard_sandbox.containers.client import plain_errors
from blockyard_sandbox.containers.errors import ContainerError
from blockyard_schemas.statuses import Code

_NEEDED = {
    "MemoryLimit": "memory limits",
    "SwapLimit": "swap limits",
    "CpuCfsQuota": "processor limits",
    "PidsLimit": "process limits",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an engine: version, its runtimes, the folder of its state, which protections it lacks, and whether it is Podman."""

    version: str
    api: str
    runtimes: tuple[str, ...]
    default_runtime: str
    root: str
    images: int
    missing: tuple[str, ...]
    podman: bool = False

    def check(self, runtime: str | None) -> None:
        """Raise a final ContainerError when the runtime, or a protection, is not there."""
        if runtime is not None and runtime not in self.runtimes:
            raise ContainerError(
                Code.SANDBOX_UNAVAILABLE,
                f"the policy asks for the runtime '{runtime}', and the engine has only:"
                f" {', '.join(self.runtimes) or 'none'}",
                final=True,
            )
        if self.missing:
            raise ContainerError(
                Code.SANDBOX_UNAVAILABLE,
                f"the container engine lacks: {', '.join(self.missing)}; `blockyard doctor` tells more",
                final=True,
            )


def facts_of(client: Any) -> Facts:
    """Ask an engine what it is. Raises ContainerError."""
    with plain_errors("the engine's information"):
        told: dict[str, Any] = client.info()
        parts: list[dict[str, Any]] = client.version().get("Components") or []
    missing = [what for key, what in _NEEDED.items() if told.get(key) is False]
    security = [str(each) for each in told.get("SecurityOptions") or ()]
    if not any(each.startswith("name=seccomp") for each in security):
        missing.append("seccomp")
    if told.get("OSType", "linux") != "linux":
        missing.append("Linux containers")
    named: dict[str, Any] = told.get("Runtimes") or {}
    runtimes = sorted(it for it in named if not it.startswith("io.containerd"))
    return Facts(
        version=str(told.get("ServerVersion", "unknown")),
        api=str(client.api_version),
        runtimes=tuple(runtimes),
        default_runtime=str(told.get("DefaultRuntime", "unknown")),
        root=str(told.get("DockerRootDir") or "/var/lib/docker"),
        images=int(told.get("Images") or 0),
        missing=tuple(missing),
        podman=any("podman" in str(part.get("Name", "")).lower() for part in parts),
    )
