"""Locks: what uv resolved, one release of each package with its hashes, in the form that pip and uv read."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import NamedTuple

from blockyard_sandbox.environments.errors import EnvironmentUnavailableError
from blockyard_schemas.statuses import Code

_RELEASE = re.compile(r"([a-z0-9]+(?:-[a-z0-9]+)*)==([A-Za-z0-9.!+_-]{1,100})")
_HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")
_FORMAT = 1
"""Raised when environments are built in another way."""


class Release(NamedTuple):
    """A package by its normalised name, and the version."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be resolved: requirements and constraints of the standard's form, checked before.

    ``wheels_only`` refuses what would have to be built; ``minimum_age`` is in days; ``hours`` is how long a lock stands for
    others who ask the same.
    """

    requirements: tuple[str, ...]
    constraints: tuple[str, ...] = ()
    wheels_only: bool = True
    minimum_age: float = 0.0
    hours: float = 24.0

    def key(self, identity: str, indexes: list[str]) -> str:
        """Return the name under which a lock is kept, for an interpreter and the addresses of the indexes."""
        facts = [sorted(self.requirements), sorted(self.constraints), self.wheels_only]
        return _digest([*facts, self.minimum_age, identity, indexes])


@dataclass(frozen=True, slots=True)
class Lock:
    """The text of a lock, which nothing but :func:`read_lock` makes, and the releases in it."""

    text: str
    releases: tuple[Release, ...]

    def name(self, identity: str, *, wheels_only: bool) -> str:
        """Return the name of the environment that it stands for, with an interpreter."""
        return _digest([self.text, identity, wheels_only])


def read_lock(text: str) -> Lock:
    """Read a lock, or raise EnvironmentUnavailableError for a line that is not a release or a hash.

    What is resolved where code of packages may run is not trusted: no path, no address and no option passes.
    """
    releases: list[Release] = []
    hashed = True
    lines: list[str] = []
    for line in text.splitlines():
        words = line.replace("\\", " ").split()
        if not words or words[0].startswith("#"):
            continue
        release = _RELEASE.fullmatch(words[0])
        if release is not None:
            if not hashed:
                raise _bad(lines[-1])
            releases.append(Release(*release.groups()))
            lines.append(f"{words[0]} \\")
            words, hashed = words[1:], False
        for word in words:
            if not _HASH.fullmatch(word) or not releases:
                raise _bad(line)
            lines.append(f"    {word} \\")
            hashed = True
    if not hashed:
        raise _bad(lines[-1])
    return Lock("\n".join(_ended(lines)), tuple(releases))


def _ended(lines: list[str]) -> list[str]:
    """Take the mark of a line that goes on from the last one of each release."""
    last = [i for i in range(len(lines)) if i + 1 == len(lines) or lines[i + 1][0] != " "]
    for i in last:
        lines[i] = lines[i].removesuffix(" \\")
    return [*lines, ""] if lines else lines


def _bad(line: str) -> EnvironmentUnavailableError:
    return EnvironmentUnavailableError(
        Code.FORBIDDEN_PACKAGE,
        f"the lock holds a line that is not a release with its hashes: {line.strip()[:100]!r}",
    )


def _digest(facts: object) -> str:
    return hashlib.sha256(json.dumps([_FORMAT, facts]).encode()).hexdigest()
