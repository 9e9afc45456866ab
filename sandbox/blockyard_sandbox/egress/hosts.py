"""Which hosts a rule names, and how a host is written. Names are compared in one spelling only."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address

_LONGEST_NAME = 253
_LONGEST_TEXT = _LONGEST_NAME + len(".:65535")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_WILD = "*."


@dataclass(frozen=True, slots=True)
class HostRule:
    """A host that may be reached, at some ports.

    ``host`` is a DNS name, ``*.`` and a name (any name below it, at any depth, not the name itself), or an IP address; it is
    kept in the spelling of ``read_host``. With ``private`` it may lie in a private network or on this machine. Raises
    ``ValueError`` for a host that cannot be, for no ports, and for a port outside 1 to 65535.
    """

    host: str
    ports: tuple[int, ...] = (443,)
    private: bool = False

    def __post_init__(self) -> None:
        """Check the rule, and bring the host to its one spelling."""
        object.__setattr__(self, "host", _pattern(self.host))
        if not self.ports:
            raise ValueError(f"a rule for {self.host} names no port")
        for port in self.ports:
            if not 1 <= port <= 65535:
                raise ValueError(f"a rule for {self.host} has port {port}, which is not 1 to 65535")

    def names(self, host: str) -> bool:
        """Tell whether the rule is about a host, given in the spelling of ``read_host``."""
        if self.host.startswith(_WILD):
            return host.endswith(self.host[1:]) and len(host) >= len(self.host)
        return host == self.host


def read_host(text: str) -> tuple[str, int | None]:
    """Read ``host``, ``host:port``, ``[v6]`` or ``[v6]:port``: the host in its one spelling, and the port.

    That spelling is lower-case ASCII (IDNA), without a last dot; an IPv6 address is short and without brackets. Raises
    ``ValueError`` for everything else, which is also every odd spelling of an IPv4 address.
    """
    if len(text) > _LONGEST_TEXT:
        raise ValueError(f"the host is longer than {_LONGEST_TEXT} characters")
    if text.startswith("["):
        inside, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError(f"{_shown(text)} has no closing bracket before its port")
        return _v6(inside), _port(rest[1:]) if rest else None
    host, colon, port = text.partition(":")
    return _name(host), _port(port) if colon else None


def written(host: str, port: int) -> str:
    """Write a host of ``read_host`` and a port as one text, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def allowing(rules: Iterable[HostRule], host: str, port: int) -> HostRule | None:
    """Find the rule that allows a host of ``read_host`` at a port; of several, one that allows private addresses."""
    found = [rule for rule in rules if port in rule.ports and rule.names(host)]
    return max(found, key=lambda rule: rule.private, default=None)


def _pattern(text: str) -> str:
    """Read the host of a rule, which unlike that of a request may be wild, and bare when it is an IPv6 address."""
    if text.startswith(_WILD):
        name = _name(text.removeprefix(_WILD))
        if _is_v4(name):
            raise ValueError(f"{_shown(text)} is not a host: there are no names below an address")
        return _WILD + name
    if text.startswith("[") and text.endswith("]"):
        return _v6(text[1:-1])
    return _v6(text) if ":" in text else _name(text)


def _name(text: str) -> str:
    """Read a DNS name or a strict dotted quad."""
    if len(text) > _LONGEST_NAME + 1:  # before IDNA, whose work grows with the square of the length
        raise ValueError(f"the host is longer than {_LONGEST_NAME} characters")
    try:
        name = text.encode("idna").decode("ascii").lower().removesuffix(".")
    except UnicodeError:
        raise ValueError(f"{_shown(text)} is not a host name") from None
    labels = name.split(".")
    if len(name) > _LONGEST_NAME or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError(f"{_shown(text)} is not a host name")
    # The C library reads 127.1, 0x7f.1, 0177.0.0.1 and 2130706433 as addresses: whatever ends in a number is one,
    # as in the URL standard of the WHATWG, and only the plain spelling is taken.
    if _NUMBER.fullmatch(labels[-1]) and not _is_v4(name):
        raise ValueError(
            f"{_shown(text)} is an odd spelling of an address; write it as four numbers"
        )
    return name


def _is_v4(name: str) -> bool:
    try:
        return str(IPv4Address(name)) == name
    except AddressValueError:
        return False


def _v6(text: str) -> str:
    try:
        address = IPv6Address(text)
    except AddressValueError:
        address = None
    if address is None or address.scope_id is not None:
        raise ValueError(f"{_shown(text)} is not an IPv6 address")
    mapped = address.ipv4_mapped  # which Pythons write in two ways
    return address.compressed if mapped is None else f"::ffff:{mapped}"


def _port(text: str) -> int:
    if not _PORT.fullmatch(text) or int(text) > 65535:
        raise ValueError(f"{_shown(text)} is not a port from 1 to 65535")
    return int(text)


def _shown(text: str) -> str:
    """Show hostile text in a message: plain ASCII, and not much of it."""
    return ascii(text if len(text) <= 60 else text[:60] + "...")
