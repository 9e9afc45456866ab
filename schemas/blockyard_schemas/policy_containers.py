"""What a policy says of container stages: images, volumes, networks, credentials by name, and limits."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from blockyard_schemas.image_names import ImageName, repository_matches
from blockyard_schemas.policy_base import WHOLE, Model, count, seconds

Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$")]
ImagePattern = Annotated[str, StringConstraints(pattern=r"^[a-z0-9*][a-z0-9*._/:-]{0,254}$")]
TagPattern = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_*?][A-Za-z0-9_.*?-]{0,127}$")]
Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
HostPath = Annotated[str, StringConstraints(pattern=r"^/[^\x00]{0,4095}$")]
Variable = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")]
User = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,8}:[1-9][0-9]{0,8}$")]


class ImageRule(Model):
    """Images that are allowed: those that fit the name and, each where it is given, the tags and the digests."""

    name: ImagePattern
    """A repository such as alpine or registry.example/team/*; a star stands for anything but a slash."""
    tags: tuple[TagPattern, ...] = ()
    """Patterns of tags; none means that the digest decides."""
    digests: tuple[Digest, ...] = ()
    """Digests, of the manifest or of the image itself; none means that the tag decides."""
    pull: Literal["missing", "always", "never"] = "missing"
    """When the image is fetched; with missing a document may choose, always and never are binding."""
    credentials: Word | None = None
    """The credentials for its registry when the document names none."""

    @model_validator(mode="after")
    def _says_which(self) -> Self:
        if not self.tags and not self.digests:
            raise ValueError(f"image '{self.name}': name its tags (such as ['*']) or its digests")
        return self

    def allows(self, name: ImageName) -> bool:
        """Whether the rule allows an image, as far as its name tells."""
        if not repository_matches(name, self.name):
            return False
        if name.digest is not None and self.digests and name.digest not in self.digests:
            return False
        if name.tag is None:
            return bool(self.digests)
        return not self.tags or any(fnmatchcase(name.tag, each) for each in self.tags)


class VolumeRule(Model):
    """A folder of the host that documents may name."""

    name: Word
    """What documents call it."""
    source: HostPath
    """The folder, as an absolute path without links."""
    mode: Literal["ro", "rw"] = "ro"
    """Whether a container may write to it."""
    per_tenant: bool = False
    """Whether a tenant sees only the folder of its name inside, which is made when it is missing."""


class NetworkRule(Model):
    """A network of the engine that documents may name."""

    name: Word
    """What documents call it."""
    network: Word
    """What the engine calls it: a network that an admin has made."""


class Credentials(Model):
    """What the engine shows to one registry. The password stands in a variable or a file of the platform."""

    name: Word
    """What documents and images call it."""
    registry: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.:-]{0,254}$")]
    """The only registry that is shown them, such as registry.example:5000."""
    username: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    """The user."""
    password_env: Variable | None = None
    """The variable of the platform's environment that holds the password."""
    password_file: HostPath | None = None
    """The file that holds the password."""

    @model_validator(mode="after")
    def _has_one(self) -> Self:
        if (self.password_env is None) == (self.password_file is None):
            raise ValueError(f"credentials '{self.name}': give password_env or password_file")
        return self


class ContainerLimits(Model):
    """What one container may use, beside the stage's wall_seconds, output_kib, open_files and cpu_seconds."""

    memory_mib: Annotated[int, count(6, 1_048_576), WHOLE] = 256
    """Memory without swap, in MiB; what is in its tmpfs counts."""
    cpus: Annotated[float, Field(strict=True, gt=0, le=1_024, allow_inf_nan=False)] = 1.0
    """Processors' worth of time."""
    pids: Annotated[int, count(1, 65_536), WHOLE] = 64
    """Processes and threads at once."""
    tmpfs_mib: Annotated[int, count(1, 65_536), WHOLE] = 64
    """The size of /tmp, and of each folder that the image declares as a volume, in MiB of memory."""
    file_mib: Annotated[int, count(1, 1_048_576), WHOLE] = 1_024
    """The largest file that may be written, in MiB."""
    user: User = "65534:65534"
    """User and group by number; never root."""
    runtime: Word | None = None
    """The engine's runtime, such as runsc (gVisor); a machine that lacks it runs nothing."""
    pull_seconds: Annotated[float, seconds(86_400)] = 600.0
    """Seconds that fetching an image may take."""
