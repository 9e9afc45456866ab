"""Project pages: read from an index, as JSON (PEP 691) or HTML (PEP 503), and written as the JSON that the gateway serves.

A page is hostile input: what is not understood is left out, every text is bounded, and of every address only the gateway knows it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import unquote, urljoin, urlsplit

from blockyard_sandbox.index.links import MOST_FILES, Link, PageError, links_of

LARGEST_PAGE = 64 << 20
"""Bytes of a project page that are read."""
JSON_TYPE = "application/vnd.pypi.simple.v1+json"
ACCEPTED = f"{JSON_TYPE}, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"
_HTML_TYPES = {"application/vnd.pypi.simple.v1+html", "text/html"}
_LONGEST_ADDRESS = 8192
_HASH = re.compile(
    r"(?:^|&)(md5|sha1|sha224|sha256|sha384|sha512|blake2b)=([0-9a-fA-F]{32,128})(?=&|$)"
)


@dataclass(frozen=True, slots=True)
class PageFile:
    """One file of a page: ``url`` is its absolute http or https address, the rest is PEP 691's and 700's.

    ``metadata`` are the hashes of its metadata file (PEP 658, 714), empty when they are unknown, ``None`` when there is no such file.
    """

    filename: str
    url: str
    hashes: Mapping[str, str] = field(default_factory=dict[str, str])
    requires_python: str | None = None
    size: int | None = None
    upload_time: str | None = None
    yanked: bool | str = False
    metadata: Mapping[str, str] | None = None


def read_page(body: bytes, content_type: str, address: str) -> tuple[PageFile, ...]:
    """Return the files of a page that was found at ``address``. Raises PageError when it is not a page of an index."""
    if len(body) > LARGEST_PAGE:
        raise PageError(f"the page has more than {LARGEST_PAGE} bytes")
    kind = content_type.partition(";")[0].strip().lower()
    if kind in {JSON_TYPE, "application/json"}:
        files = _read_json(body, address)
    elif kind in _HTML_TYPES:
        files = (_of_link(link) for link in links_of(body.decode(errors="replace"), address))
    else:
        raise PageError("the page is neither JSON nor HTML")
    return tuple(file for file in files if file is not None)


def write_page(project: str, files: Iterable[PageFile], path: Callable[[PageFile], str]) -> bytes:
    """Return the page as JSON in ASCII, with each file at the path that ``path`` gives it."""
    entries = [_entry(file, path(file)) for file in files]
    page = {"meta": {"api-version": "1.0"}, "name": project, "files": entries}
    return json.dumps(page, separators=(",", ":")).encode("ascii")


def _entry(file: PageFile, path: str) -> dict[str, object]:
    entry: dict[str, object] = {"filename": file.filename, "url": path, "hashes": dict(file.hashes)}
    if file.requires_python is not None:
        entry["requires-python"] = file.requires_python
    if file.size is not None:
        entry["size"] = file.size
    if file.upload_time is not None:
        entry["upload-time"] = file.upload_time
    if file.yanked is not False:
        entry["yanked"] = file.yanked
    if file.metadata is not None:
        entry["core-metadata"] = dict(file.metadata) or True
    return entry


def _read_json(body: bytes, address: str) -> Iterable[PageFile | None]:
    try:
        page: object = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise PageError("the page is not JSON") from error
    files = cast(dict[str, object], page).get("files") if isinstance(page, dict) else None
    if not isinstance(files, list):
        raise PageError("the page holds no list of files")
    if len(cast(list[object], files)) > MOST_FILES:
        raise PageError(f"the page holds more than {MOST_FILES} files")
    return (_of_entry(entry, address) for entry in cast(list[object], files))


def _of_entry(entry: object, address: str) -> PageFile | None:
    if not isinstance(entry, dict):
        return None
    told = cast(dict[str, object], entry)
    filename, url = told.get("filename"), told.get("url")
    if not isinstance(url, str) or not is_filename(filename):
        return None
    if (place := absolute(address, url)) is None:
        return None
    size, yanked = told.get("size"), told.get("yanked")
    metadata = told.get("core-metadata", told.get("data-dist-info-metadata"))
    return PageFile(
        filename=cast(str, filename),
        url=place,
        hashes=_hashes(told.get("hashes")),
        requires_python=_text(told.get("requires-python")),
        size=size if type(size) is int and 0 <= size < 1 << 53 else None,
        upload_time=_text(told.get("upload-time")),
        yanked=(_text(yanked) or True) if isinstance(yanked, str) else yanked is True,
        metadata=_hashes(cast(object, metadata))
        if isinstance(metadata, dict) or metadata is True
        else None,
    )


def _of_link(link: Link) -> PageFile | None:
    place = absolute(link.base, link.href)
    filename = unquote(urlsplit(place).path.rpartition("/")[2]) if place else None
    if place is None or not is_filename(filename):
        return None
    told = link.attributes
    metadata = told.get("data-core-metadata", told.get("data-dist-info-metadata"))
    yanked = told.get("data-yanked")
    return PageFile(
        filename=cast(str, filename),
        url=place,
        hashes=dict(_hash_of(link.href.partition("#")[2])),
        requires_python=_text(told.get("data-requires-python")),
        yanked=False if yanked is None else _text(yanked) or True,
        metadata=None if metadata in {None, "false"} else dict(_hash_of(metadata or "")),
    )


def is_filename(name: object) -> bool:
    """Whether this is the name of a file and of nothing else: printable, in no folder, at most 255 letters."""
    if not isinstance(name, str) or not 0 < len(name) <= 255 or name in {".", ".."}:
        return False
    return name.isprintable() and "/" not in name and "\\" not in name


def absolute(address: str, link: str) -> str | None:
    """Return where a link leads to, without user and fragment; ``None`` unless that is a sane http or https address."""
    if len(link) > _LONGEST_ADDRESS:
        return None
    try:
        parts = urlsplit(urljoin(address, link.strip()))
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not host:
        return None
    place = (f"[{host}]" if ":" in host else host) + (f":{port}" if port is not None else "")
    url = parts._replace(netloc=place, fragment="").geturl()
    return url if url.isprintable() and " " not in url else None


def _hash_of(text: str) -> Iterable[tuple[str, str]]:
    return ((name, digest.lower()) for name, digest in _HASH.findall(text[:1024]))


def _hashes(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        return {}
    told = cast(dict[object, object], value)
    return dict(_hash_of("&".join(f"{name}={digest}" for name, digest in list(told.items())[:8])))


def _text(value: object) -> str | None:
    """Return a short text of printable letters; ``None`` for what is no text, or an empty one."""
    if not isinstance(value, str):
        return None
    return "".join(letter if letter.isprintable() else " " for letter in value[:1000]) or None
