"""What pip's configuration says about indexes: its environment variables, then its files.

The order of precedence is pip's (see "Configuration" in its documentation): of one key in one section the file that is loaded last
counts, ``[install]`` goes before ``[global]``, and an environment variable before both. Nothing is joined to a list.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from blockyard_sandbox.index.found import Found, Named, is_true, read_ini

_UNUSED = ("find-links", "trusted-host", "client-cert", "keyring-provider")


def pip_values(
    environ: Mapping[str, str], home: Path, etc: Path, found: Found
) -> dict[str, tuple[str, str]]:
    """Return what is set, by key (``index-url``), each as its text and where it was found; files that fail close ``found``."""
    sections: dict[str, dict[str, tuple[str, str]]] = {"global": {}, "install": {}}
    for path in _paths(environ, home, etc):
        if (parser := read_ini(path, found)) is None:
            continue
        for section, values in sections.items():
            for key, text in parser.items(section) if parser.has_section(section) else []:
                values[_key(key)] = (text, f"{path}: {_key(key)}")
    for name, text in environ.items():
        if name.startswith("PIP_"):
            sections.setdefault("", {})[_key(name[4:])] = (text, name)
    merged: dict[str, tuple[str, str]] = {}
    for values in sections.values():
        merged |= {key: pair for key, pair in values.items() if pair[0].strip()}
    return merged


def pip_found(values: Mapping[str, tuple[str, str]], found: Found) -> Found:
    """Return ``found`` with the indexes of these values."""
    found.ignored += [f"{values[key][1]}: not used" for key in _UNUSED if key in values]
    if "index-url" in values:
        text, where = values["index-url"]
        found.default, found.said = Named(text.strip(), where), True
    if "extra-index-url" in values:
        text, where = values["extra-index-url"]
        found.extras, found.said = [Named(word, where) for word in text.split()], True
    if "no-index" in values and is_true(values["no-index"][0]):
        found.refuse("pip's no-index is on: no index is used")
        found.default, found.extras = None, []
    return found


def _paths(environ: Mapping[str, str], home: Path, etc: Path) -> list[Path]:
    """Return pip's files in the order in which it loads them: a later one overrides."""
    given = environ.get("PIP_CONFIG_FILE")
    if given == os.devnull:
        return []
    own = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    machine = [etc / "xdg" / "pip" / "pip.conf", etc / "pip.conf"]
    user = [home / ".pip" / "pip.conf", own / "pip" / "pip.conf"]
    return [*machine, *user, *([Path(given)] if given else [])]


def _key(name: str) -> str:
    return name.lower().replace("_", "-").removeprefix("--")
