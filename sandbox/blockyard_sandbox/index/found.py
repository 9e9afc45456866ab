"""What configuration says about package indexes, before it is checked; and how a setting is shown without its secrets."""

from __future__ import annotations

import configparser
import os
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

LARGEST_FILE = 1 << 20
"""Bytes of a configuration file that are read."""


@dataclass(frozen=True, slots=True)
class Named:
    """The address of an index as it was written, and where it was found."""

    text: str
    where: str
    name: str | None = None


@dataclass(slots=True)
class Found:
    """What one program's configuration says.

    ``default`` is the index of last resort and ``extras`` come before it, best first. ``said`` tells whether anything was said about
    indexes; when ``closed``, the public index must not stand in for one that cannot be used. ``ignored`` is for the build log.
    """

    default: Named | None = None
    extras: list[Named] = field(default_factory=list[Named])
    ignored: list[str] = field(default_factory=list[str])
    said: bool = False
    closed: bool = False

    def refuse(self, text: str) -> None:
        """Keep why a setting cannot be used; indexes count as spoken of, and the public one does not stand in."""
        self.ignored.append(text)
        self.said = self.closed = True


def shown(text: str) -> str:
    """Return an address, or what was meant as one, without what may be secret: user, password, query, fragment."""
    before, at, after = text.rpartition("@")
    scheme, colon, _ = before.partition("://")
    bare = after.split("?")[0].split("#")[0]
    bare = f"{scheme if colon else ''}{colon}{bare}" if at else bare
    return "".join(letter if letter.isprintable() else "?" for letter in bare)[:200]


def is_true(text: object) -> bool:
    """Whether a setting is switched on, in the words that uv and pip take."""
    return str(text).strip().lower() in {"1", "true", "yes", "on", "y", "t"}


def read_toml(path: Path, found: Found) -> dict[str, object]:
    """Return a TOML file's table; an absent file is an empty one, and one that cannot be read closes ``found``."""
    return _read(path, found, tomllib.loads) or {}


def read_ini(path: Path, found: Found) -> configparser.RawConfigParser | None:
    """Return a file of pip's; ``None`` when it is absent, or when it cannot be read, which closes ``found``."""

    def parse(text: str) -> configparser.RawConfigParser:
        parser = configparser.RawConfigParser()
        parser.read_string(text)
        return parser

    return _read(path, found, parse)


def _read(path: Path, found: Found, parse: Callable[[str], T]) -> T | None:
    try:
        with path.open("rb") as file:
            return parse(file.read(LARGEST_FILE).decode())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        found.refuse(f"{path}: cannot be read ({os.strerror(error.errno or 0)})")
    except (ValueError, configparser.Error):  # their text may quote a line that holds a password
        found.refuse(f"{path}: cannot be understood")
    return None
