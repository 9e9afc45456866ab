"""Which addresses may be connected to, after a name has been looked up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052
_COMPATIBLE = IPv6Network("::/96")  # RFC 4291, 2.5.5.1
_TUNNELS = (IPv6Network("2002::/16"), IPv6Network("2001::/32"))  # 6to4 and Teredo, both given up
_UNICAST = IPv6Network("2000::/3")  # RFC 4291: all that is public so far

# What no rule opens: this network, link-local, and where clouds hand out credentials to their machines.
_NEVER_V4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "169.254.0.0/16",
        "168.63.129.16/32",  # Azure, though a public address
        "100.100.100.200/32",  # Alibaba Cloud
        "192.0.0.192/32",  # Oracle Cloud
        "224.0.0.0/4",
        "255.255.255.255/32",
    )
)
_NEVER_V6 = tuple(
    IPv6Network(text)
    for text in (
        "::/128",
        "fe80::/10",
        "fd00:ec2::/32",  # AWS
        "fd20:ce::254/128",  # Google Cloud
        "ff00::/8",
    )
)
_PRIVATE_V4 = (
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),
)  # missing from some Pythons


def addresses_allowed(addresses: Iterable[str], *, private: bool) -> bool:
    """Tell whether all addresses, at least one, may be connected to: public ones, and with ``private`` others too.

    An IPv6 address that carries an IPv4 one is judged by both. Link-local addresses, the metadata services of clouds,
    multicast and unspecified addresses never may. What is not an address may not either.
    """
    found = list(addresses)
    return bool(found) and all(_allowed(text, private) for text in found)


def _allowed(text: str, private: bool) -> bool:
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv4Address):
        return _v4_allowed(address, private)
    if any(address in network for network in _NEVER_V6) or address.scope_id is not None:
        return False
    if not all(_v4_allowed(inner, private) for inner in _carried(address)):
        return False
    return private or _is_public(address)


def _v4_allowed(address: IPv4Address, private: bool) -> bool:
    if any(address in network for network in _NEVER_V4):
        return False
    return private or (address.is_global and not any(address in network for network in _PRIVATE_V4))


def _is_public(address: IPv6Address) -> bool:
    """Tell whether an IPv6 address is public, those that stand for a public IPv4 address among them."""
    if address.ipv4_mapped is not None or address in _NAT64:
        return True  # what they stand for has been judged already
    in_tunnel = any(address in network for network in _TUNNELS)
    return address in _UNICAST and address.is_global and not in_tunnel


def _carried(address: IPv6Address) -> Iterator[IPv4Address]:
    """Yield the IPv4 addresses that an IPv6 address leads to."""
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    # ::1 is not the IPv4 address 0.0.0.1.
    if address in _NAT64 or (address in _COMPATIBLE and not address.is_loopback):
        yield IPv4Address(int(address) & 0xFFFFFFFF)
