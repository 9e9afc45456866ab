"""What a sandbox is built from. Only Python code can build one: no document, policy or variable reaches these fields."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Level = Literal["full", "reduced"]

LAYERS = (
    "environment",
    "user",
    "mount",
    "pid",
    "network",
    "ipc",
    "uts",
    "cgroup",
    "rlimits",
    "capabilities",
    "uid",
    "no-new-privileges",
    "landlock",
    "descriptors",
    "seccomp",
)
"""The layers by name, in the order in which they close."""

OPTIONAL = frozenset({"cgroup", "uid"})
"""Had where the machine gives them: cgroups need a writable hierarchy, own uids need root."""

REDUCED = OPTIONAL | {"landlock"}
"""What level ``reduced`` does without, too."""


@dataclass(frozen=True, slots=True)
class Bind:
    """A folder of the host shown inside the jail, read-only; ``execute`` lets its files be mapped as code.

    ``kind`` is ``file`` for a single file, ``device`` for one that is a device such as the null device, and ``store`` for a
    folder of folders: a guest sees one of them in the store's place, or an empty folder. ``writable`` is for stores alone.
    """

    source: str
    target: str
    execute: bool = False
    kind: Literal["folder", "file", "device", "store"] = "folder"
    writable: bool = False


@dataclass(frozen=True, slots=True)
class GuestView:
    """What one guest has besides: ``shown`` is the folder that it sees of each store, by the store's target.

    With ``network`` it has a network of its own, in which nothing is but a socket that the platform listens on.
    """

    shown: Mapping[str, str] = field(default_factory=dict[str, str])
    network: bool = False


LISTENING = b"\0"
"""What a guest reports with the socket that listens in its network; a failure is reported as text."""

UID_BASE = 1_900_000_000
"""Where root maps the jail's users on the host: far above accounts and what container engines take."""

PROXY_PORT = 3128
"""Where, on its own loopback, a guest with a network reaches what the platform serves."""


@dataclass(frozen=True, slots=True)
class JailSpec:
    """How a sandbox is built.

    ``extensions`` adds operations: a name, and the ``module:function`` with its configuration (plain JSON) that makes the
    handler in the zygote before it is closed. ``preload`` names modules to import there as well, ``paths`` folders to import from.
    ``links`` are symbolic links of the root, each (path, what it points to). With ``programs`` guests may start other programs:
    those in binds to ``execute``. ``without`` leaves layers out, so that tests can show what each one stops.
    """

    extensions: Mapping[str, tuple[str, Any]] = field(default_factory=dict[str, tuple[str, Any]])
    preload: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    binds: tuple[Bind, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    programs: bool = False
    level: Level = "full"
    without: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Refuse names that are no layers."""
        unknown = self.without - set(LAYERS)
        if unknown:
            raise ValueError(
                f"no such layers: {', '.join(sorted(unknown))}; there are {', '.join(LAYERS)}"
            )
