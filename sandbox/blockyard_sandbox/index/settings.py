"""The package indexes that this machine is configured to use, with their credentials and certificates.

uv's configuration is asked first; when it says nothing about indexes, pip's is; when that says nothing either, the public index is
used. A setting that cannot be used is told in words for the build log, and the public index never stands in for it: a private
package's name must not reach it because of a typing error.
"""

from __future__ import annotations

import netrc
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from blockyard_sandbox.index.found import Found, Named, shown
from blockyard_sandbox.index.pip_found import pip_found, pip_values
from blockyard_sandbox.index.uv_found import uv_found


@dataclass(frozen=True, slots=True)
class Index:
    """One index: ``url`` is http or https, without credentials, query, fragment or a slash at its end.

    The name and the password stay out of its text, since a name may be a token.
    """

    url: str
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class IndexSettings:
    """The indexes, the first one the last resort and the others in order of precedence, best first.

    ``certificates`` is the path of a bundle (or folder) of authorities, ``None`` for the system's. ``ignored`` tells, without
    secrets, which settings were found and are not used.
    """

    indexes: tuple[Index, ...]
    certificates: str | None = None
    ignored: tuple[str, ...] = ()


def public_index() -> str | None:
    """Return the address that uv uses when nothing is configured, in uv's own words; ``None`` when it does not say."""
    # The address is read from uv's help, the one place that has it, so that ours cannot differ from uv's.
    from uv import find_uv_bin

    try:
        helped = subprocess.run(  # noqa: S603 - our own dependency, with fixed arguments
            [find_uv_bin(), "pip", "compile", "--help"],
            env={"NO_COLOR": "1", "UV_NO_CONFIG": "1"},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    place = re.search(r"default package index \(by default:\s+<(https://[^>\s]+)>\)", helped.stdout)
    return place[1] if place else None


def machine_settings(
    environ: Mapping[str, str],
    home: Path,
    *,
    etc: Path = Path("/etc"),
    public: Callable[[], str | None] = public_index,
) -> IndexSettings:
    """Return the indexes that are configured for the user with this environment and home; nothing here raises.

    ``etc`` holds the machine's configuration. ``public`` is called when no index is configured.
    """
    of_pip = Found()
    values = pip_values(environ, home, etc, of_pip)
    found = uv_found(environ, home, etc)
    if not found.said:
        ignored = found.ignored
        found = pip_found(values, of_pip)
        found.ignored[:0] = ignored
    logins = _logins(environ, home, found)
    extras = [_index(named, environ, logins, found) for named in found.extras]
    usable = [index for index in extras if index is not None]
    if found.default is not None:
        default = _index(found.default, environ, logins, found)
    else:
        default = None if found.closed else _public(public, found)
    if default is None and usable:
        default = usable.pop()
    certificates = _certificates(environ, values, found)
    return IndexSettings((default, *usable) if default else (), certificates, tuple(found.ignored))


def _public(public: Callable[[], str | None], found: Found) -> Index | None:
    if address := public():
        return Index(address.rstrip("/"))
    found.ignored.append("no index is configured, and uv does not tell which one it would use")
    return None


def _index(
    named: Named, environ: Mapping[str, str], logins: netrc.netrc | None, found: Found
) -> Index | None:
    """Return the index of an address, or ``None`` and a note when it cannot be one."""
    try:
        parts = urlsplit(named.text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        found.ignored.append(f"{named.where}: {shown(named.text)} is no address")
        return None
    plain = re.fullmatch(r"[!-~]+", named.text) and host and parts.scheme in {"http", "https"}
    if not plain or parts.query or parts.fragment:
        found.ignored.append(
            f"{named.where}: {shown(named.text)} is not a plain http or https address"
        )
        return None
    place = f"[{host}]" if ":" in host else host
    place += f":{port}" if port is not None else ""
    username = unquote(parts.username) if parts.username is not None else None
    password = unquote(parts.password) if parts.password is not None else None
    username, password = _own(named.name, environ) or (username or None, password or None)
    if password is None:
        username, password = _login(logins, host, username) or (username, None)
    return Index(f"{parts.scheme}://{place}{parts.path.rstrip('/')}", username, password)


def _own(name: str | None, environ: Mapping[str, str]) -> tuple[str | None, str | None] | None:
    """Return the credentials that the environment has for a named index, which go before those in its address."""
    stem = "UV_INDEX_" + re.sub(r"[^A-Z0-9]", "_", (name or "").upper())
    username, password = environ.get(f"{stem}_USERNAME"), environ.get(f"{stem}_PASSWORD")
    return (username, password) if name and (username or password) else None


def _logins(environ: Mapping[str, str], home: Path, found: Found) -> netrc.netrc | None:
    path = Path(environ.get("NETRC") or home / ".netrc")
    try:
        return netrc.netrc(str(path))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, netrc.NetrcParseError):
        found.ignored.append(f"{path}: cannot be read as a netrc file")
        return None


def _login(
    logins: netrc.netrc | None, host: str, username: str | None
) -> tuple[str, str | None] | None:
    """Return the login of a host, or of everyone, when it is the one of this user."""
    login = logins.authenticators(host) if logins else None
    if login is None or (username is not None and login[0] != username):
        return None
    return login[0], login[2]


def _certificates(
    environ: Mapping[str, str], values: Mapping[str, tuple[str, str]], found: Found
) -> str | None:
    """Return the first bundle that is there. PIP_CERT goes before ``cert`` in pip's files."""
    told = [(environ.get("SSL_CERT_FILE", ""), "SSL_CERT_FILE"), values.get("cert", ("", ""))]
    told.append((environ.get("REQUESTS_CA_BUNDLE", ""), "REQUESTS_CA_BUNDLE"))
    for text, where in told:
        if not text:
            continue
        if Path(text).exists():
            return text
        found.ignored.append(f"{where}: {text} is not there")
    return None
