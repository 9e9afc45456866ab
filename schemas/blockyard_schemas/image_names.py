"""Names of container images: one exact form for each, whatever the spelling, and patterns over that form.

The grammar is that of the distribution project: ``[REGISTRY/]PATH[:TAG][@sha256:...]``. Without a registry it is docker.io, and a
single word there stands in ``library/``, as Docker has it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

_DOMAIN = (
    r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*(?::[0-9]{1,5})?"
)
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_DIGEST = r"sha256:[0-9a-f]{64}"
_REFERENCE = re.compile(
    rf"(?P<name>[a-z0-9._/:-]+?)(?::(?P<tag>{_TAG}))?(?:@(?P<digest>{_DIGEST}))?"
)
_REPOSITORY = re.compile(rf"(?:(?P<domain>{_DOMAIN})/)?(?P<path>{_PART}(?:/{_PART})*)")
_LONGEST = 512
DEFAULT_REGISTRY = "docker.io"


@dataclass(frozen=True, slots=True)
class ImageName:
    """An image: ``registry`` and ``path`` of its repository, and a tag, a digest, or both."""

    registry: str
    path: str
    tag: str | None
    digest: str | None

    @property
    def repository(self) -> str:
        """Registry and path."""
        return f"{self.registry}/{self.path}"

    def __str__(self) -> str:
        """Return the whole name."""
        tag = "" if self.tag is None else f":{self.tag}"
        digest = "" if self.digest is None else f"@{self.digest}"
        return f"{self.repository}{tag}{digest}"


def read_image(image: str, tag: str | None = None) -> ImageName:
    """Return an image's exact name; without tag and digest the tag is latest. Raises ValueError, whose text says what is wrong."""
    found = _REFERENCE.fullmatch(image) if len(image) <= _LONGEST else None
    if found is None:
        raise ValueError(f"{image[:80]!r} is not the name of an image, such as alpine:3.20")
    own, digest = found["tag"], found["digest"]
    if tag is not None and own is not None:
        raise ValueError(f"the image '{image[:80]}' has a tag already; write it once")
    if tag is not None and re.fullmatch(_TAG, tag) is None:
        raise ValueError(f"{tag[:80]!r} is not the tag of an image, such as 3.20")
    tag = own or tag
    if tag is None and digest is None:
        tag = "latest"
    registry, path = split_repository(found["name"])
    return ImageName(registry, path, tag, digest)


def split_repository(name: str) -> tuple[str, str]:
    """Return registry and path of a repository's name. Raises ValueError."""
    found = _REPOSITORY.fullmatch(name)
    if found is None:
        raise ValueError(f"{name[:80]!r} is not the name of an image, such as alpine:3.20")
    first, slash, rest = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        registry = DEFAULT_REGISTRY if first == "index.docker.io" else first
        path = rest
    else:
        registry, path = DEFAULT_REGISTRY, name
    if registry == DEFAULT_REGISTRY and "/" not in path:
        path = f"library/{path}"
    return registry, path


def repository_matches(name: ImageName, pattern: str) -> bool:
    """Whether an image's repository fits a pattern, in which ``*`` stands for anything but a slash."""
    wanted = _whole_pattern(pattern).split("/")
    parts = name.repository.split("/")
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))


def _whole_pattern(pattern: str) -> str:
    """Return a pattern with its registry, by the rule that names have."""
    first, slash, _ = pattern.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        whole = pattern
    else:
        whole = f"{DEFAULT_REGISTRY}/{pattern}"
    registry, _, path = whole.partition("/")
    if registry == "index.docker.io":
        registry = DEFAULT_REGISTRY
    library = registry == DEFAULT_REGISTRY and "/" not in path
    return f"{registry}/library/{path}" if library else f"{registry}/{path}"
