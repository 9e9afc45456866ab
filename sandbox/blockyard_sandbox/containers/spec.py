"""What one container is run from. Only the platform's code builds one, from the policy and checked values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from blockyard_schemas.statuses import Code


@dataclass(frozen=True, slots=True)
class Volume:
    """A folder of the host that a container is shown.

    ``source`` is absolute and holds no links; the folder ``inside`` of it, made when it is missing, is what is shown, at ``target``.
    """

    source: str
    target: str
    inside: str | None = None
    writable: bool = False


@dataclass(frozen=True, slots=True)
class Labels:
    """Where a container belongs: text of the platform, shown by the engine, never read back as a setting."""

    tenant: str
    run: str
    stage: str
    holder: str = ""


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """A container: what runs, as whom, with what, and its limits in bytes, seconds and counts."""

    image: str
    labels: Labels
    user: str
    memory_bytes: int
    cpus: float
    pids: int
    tmpfs_bytes: int
    file_bytes: int
    open_files: int
    cpu_seconds: float
    output_bytes: int
    command: tuple[str, ...] | None = None
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    workdir: str | None = None
    volumes: tuple[Volume, ...] = ()
    network: str | None = None
    runtime: str | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """How a container ended: the engine's exit code, what it printed, and what made it end, when a limit did."""

    return_code: int
    stdout: str
    stderr: str
    limit: Code | None = None


@dataclass(frozen=True, slots=True)
class Image:
    """An image of the engine.

    ``id`` is the digest of the image itself, ``digest`` that of its manifest when it came from a registry; ``volumes`` are the
    folders that it declares as volumes.
    """

    id: str
    digest: str | None
    volumes: tuple[str, ...] = ()
