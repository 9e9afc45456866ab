"""What uv's own configuration says about indexes: its environment variables, then the user's uv.toml, then the machine's.

The order of precedence is uv's (see "Configuration files" and "Package indexes" in its documentation): a list of a later place is
appended to that of an earlier one, and the first index marked as the default is the default.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

from blockyard_sandbox.index.found import Found, Named, is_true, read_toml, shown

Table = Mapping[str, object]

_UNUSED = ("UV_FIND_LINKS", "UV_INSECURE_HOST", "UV_KEYRING_PROVIDER", "UV_TORCH_BACKEND")
_UNUSED_KEYS = ("find-links", "allow-insecure-host", "keyring-provider", "torch-backend")


def uv_found(environ: Mapping[str, str], home: Path, etc: Path) -> Found:
    """Return what uv would read on this machine. ``etc`` is where the machine's configuration lies."""
    found = Found()
    found.ignored += [f"{key}: not used" for key in _UNUSED if environ.get(key)]
    tables = _tables(environ, home, etc, found)
    listed = list(_environment_indexes(environ))
    for where, table in tables:
        found.ignored += [f"{where}: {key} is not used" for key in _UNUSED_KEYS if table.get(key)]
        listed += _table_indexes(where, table, found)
    extra = _each("UV_EXTRA_INDEX_URL", environ.get("UV_EXTRA_INDEX_URL", ""))
    listed += [(named, False) for named in extra]
    for where, table in tables:
        listed += [(named, False) for named in _extra_urls(where, table)]
    url = _each("UV_INDEX_URL", environ.get("UV_INDEX_URL", ""))
    listed += [(named, True) for named in url]
    for where, table in tables:
        if table.get("index-url"):
            listed.append((Named(str(table["index-url"]), f"{where}: index-url"), True))
    _choose(found, listed)
    if is_true(environ.get("UV_NO_INDEX")) or any(is_true(t.get("no-index")) for _, t in tables):
        found.refuse("uv's no-index is on: no index is used")
        found.default, found.extras = None, []
    return found


def _choose(found: Found, listed: list[tuple[Named, bool]]) -> None:
    """Keep the first default and the others in order; of two with the same name the first counts."""
    names: set[str] = set()
    for named, is_default in listed:
        found.said = True
        if named.name is not None and named.name in names:
            continue
        if named.name is not None:
            names.add(named.name)
        if not is_default:
            found.extras.append(named)
        elif found.default is None:
            found.default = named


def _environment_indexes(environ: Mapping[str, str]) -> Iterator[tuple[Named, bool]]:
    for named in _each("UV_DEFAULT_INDEX", environ.get("UV_DEFAULT_INDEX", "")):
        yield named, True
    for named in _each("UV_INDEX", environ.get("UV_INDEX", "")):
        yield named, False


def _each(where: str, text: str) -> Iterator[Named]:
    """Yield the addresses of a variable, parted by spaces; each may be ``name=address``."""
    for word in text.split():
        name, equals, address = word.partition("=")
        if equals and re.fullmatch(r"[A-Za-z0-9._-]+", name):
            yield Named(address, where, name)
        else:
            yield Named(word, where)


def _tables(
    environ: Mapping[str, str], home: Path, etc: Path, found: Found
) -> list[tuple[str, Table]]:
    """Return the tables in the order in which ``uv pip`` asks them: the ``pip`` section of every file, then their top levels."""
    if is_true(environ.get("UV_NO_CONFIG")):
        return []
    if given := environ.get("UV_CONFIG_FILE"):
        paths = [Path(given)]
    else:
        own = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
        machine = [etc / "xdg" / "uv" / "uv.toml", etc / "uv" / "uv.toml"]
        paths = [own / "uv" / "uv.toml", *[path for path in machine if os.path.exists(path)][:1]]
    read = [(str(path), read_toml(path, found)) for path in paths]
    sections = [(f"{where} [pip]", table.get("pip")) for where, table in read]
    pip = [(where, cast(Table, part)) for where, part in sections if isinstance(part, dict)]
    return [*pip, *read]


def _table_indexes(where: str, table: Table, found: Found) -> Iterator[tuple[Named, bool]]:
    entries = table.get("index")
    for entry in cast(list[object], entries) if isinstance(entries, list) else []:
        index = cast(Table, entry if isinstance(entry, dict) else {})
        named = Named(str(index.get("url", "")), f"{where}: index", _name(index.get("name")))
        if index.get("explicit") is True or index.get("format", "simple") != "simple":
            found.ignored.append(f"{named.where}: {shown(named.text)} is explicit or a flat list")
        else:
            yield named, index.get("default") is True


def _extra_urls(where: str, table: Table) -> Iterator[Named]:
    extra = table.get("extra-index-url")
    for text in cast(list[object], extra) if isinstance(extra, list) else []:
        yield Named(str(text), f"{where}: extra-index-url")


def _name(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
