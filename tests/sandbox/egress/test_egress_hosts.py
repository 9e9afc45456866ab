"""How hosts are written and compared, and which addresses may be connected to."""

import ipaddress
import socket
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockyard_sandbox.egress.addresses import addresses_allowed
from blockyard_sandbox.egress.hosts import HostRule, allowing, read_host, written

LABELS = st.from_regex(r"[a-z][a-z0-9_-]{0,20}[a-z0-9]", fullmatch=True)
NAMES = st.lists(LABELS, min_size=1, max_size=5).map(".".join)
PORTS = st.integers(1, 65535)
V4 = st.ip_addresses(v=4).map(str)
V6 = st.ip_addresses(v=6).map(str)

PUBLIC = ("93.184.215.14", "8.8.8.8", "2606:2800:21f:cb07::1", "64:ff9b::808:808", "::ffff:8.8.8.8")
PRIVATE = (
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.0.1",
    "100.64.0.1",
    "192.0.0.8",
    "198.18.0.1",
    "240.0.0.1",
    "::1",
    "fd00::1",
    "fec0::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::7f00:1",
    "64:ff9b::10.0.0.1",
    "2002:0a00:0001::1",
    "2002:0808:0808::1",
    "2001:0:808:808::f7f7:f7f7",
    "4000::1",
)
NEVER = (
    "0.0.0.0",  # noqa: S104
    "0.1.2.3",
    "::",
    "169.254.169.254",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "2001:0:808:808::5601:5601",
    "::a9fe:a9fe",
    "::ffff:0:0",
    "fe80::1",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "fd20:ce::254",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "224.0.0.1",
    "ff02::1",
    "255.255.255.255",
    "example.com",
    "",
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("example.com", ("example.com", None)),
        ("Example.COM.:443", ("example.com", 443)),
        ("bücher.example:1", ("xn--bcher-kva.example", 1)),
        ("BÜCHER.example", ("xn--bcher-kva.example", None)),
        ("a_b.example.com:65535", ("a_b.example.com", 65535)),
        ("cafe.de", ("cafe.de", None)),
        ("192.0.2.1:80", ("192.0.2.1", 80)),
        ("１９２.0.2.1", ("192.0.2.1", None)),  # noqa: RUF001
        ("[2001:DB8:0::1]", ("2001:db8::1", None)),
        ("[::1]:8080", ("::1", 8080)),
        ("[::FFFF:7f00:1]:1", ("::ffff:127.0.0.1", 1)),
    ],
)
def test_a_host_has_one_spelling(text: str, expected: tuple[str, int | None]) -> None:
    assert read_host(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a host name"),
        (".", "not a host name"),
        ("example..com", "not a host name"),
        ("example.com..", "not a host name"),
        (".example.com", "not a host name"),
        ("-a.example.com", "not a host name"),
        ("*.example.com", "not a host name"),
        ("*", "not a host name"),
        ("user@example.com", "not a host name"),
        ("user:pass@example.com", "not a port"),
        ("http://example.com", "not a port"),
        ("example.com/", "not a host name"),
        ("example.com:80/", "not a port"),
        ("exa mple.com", "not a host name"),
        (" example.com", "not a host name"),
        ("example.com\n", "not a host name"),
        ("example.com:80\n", "not a port"),
        ("example.com\0", "not a host name"),
        ("example%2ecom", "not a host name"),
        ("example.com\\x", "not a host name"),
        ("\ud800.example.com", "not a host name"),
        ("example.com:", "not a port"),
        ("example.com:0", "not a port"),
        ("example.com:080", "not a port"),
        ("example.com:65536", "not a port"),
        ("example.com:+80", "not a port"),
        ("example.com:٣", "not a port"),
        ("example.com:80:80", "not a port"),
        ("::1", "not a host name"),
        ("fe80::1", "not a port"),
        ("[::1", "no closing bracket"),
        ("[::1]80", "no closing bracket"),
        ("[::1]:", "not a port"),
        ("[fe80::1%25eth0]", "not an IPv6 address"),
        ("[127.0.0.1]", "not an IPv6 address"),
        ("[example.com]", "not an IPv6 address"),
        ("a" * 64 + ".com", "not a host name"),
        ("a." * 127 + "a", "longer than 253"),
        ("a" * 1000, "longer than 260"),
    ],
)
def test_what_is_not_a_host_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_host(text)


@pytest.mark.parametrize(
    "text",
    [
        "2130706433",
        "127.1",
        "127.0.1",
        "0x7f.1",
        "0X7F.0.0.1",
        "0x7f000001",
        "127.0.0.0x1",
        "0177.0.0.1",
        "127.0.0.01",
        "1.2.3.4.5",
        "1.2.3",
        "256.1.1.1",
        "127.0.0.1.1.",
        "example.0x",
        "example.1",
        "0",
        "１２７.1",  # noqa: RUF001
    ],
)
def test_odd_spellings_of_addresses_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="odd spelling"):
        read_host(text)
    with pytest.raises(ValueError, match="odd spelling"):
        HostRule(text)


@given(st.text(alphabet="0123456789abcdefxX.", min_size=1, max_size=20))
def test_what_the_c_library_takes_for_an_address_is_one(text: str) -> None:
    try:
        packed = socket.inet_aton(text)
    except OSError:
        return
    try:
        host, _ = read_host(text)
    except ValueError:
        return
    assert host == socket.inet_ntoa(packed)


@given(st.text(max_size=40) | st.text(alphabet=string.printable, max_size=40))
def test_a_host_that_is_read_is_plain_and_stays_the_same(text: str) -> None:
    try:
        host, port = read_host(text)
    except ValueError:
        return
    assert set(host) <= set(string.ascii_lowercase + string.digits + "-_.:")
    assert port is None or 1 <= port <= 65535
    assert read_host(written(host, 80)) == (host, 80)


@given(NAMES, PORTS)
def test_names_and_ports_are_read_as_written(name: str, port: int) -> None:
    assert read_host(f"{name.upper()}.:{port}") == (name, port)


@given(V4 | V6, PORTS)
def test_addresses_are_read_as_written(address: str, port: int) -> None:
    host, found = read_host(written(address, port))
    assert (ipaddress.ip_address(host), found) == (ipaddress.ip_address(address), port)
    assert read_host(written(host, port)) == (host, port)


@given(NAMES, NAMES)
def test_a_wild_rule_is_for_what_lies_below(name: str, below: str) -> None:
    rule = HostRule(f"*.{name}")
    assert rule.names(f"{below}.{name}")
    assert not rule.names(name)
    assert not rule.names(f"{below}{name}")
    assert not rule.names(f"{name}.{below}") or f"{name}.{below}".endswith(f".{name}")


@pytest.mark.parametrize(
    "host", ["*", "*.", "**.a", "*.*.a", "a.*", "*a.b", "*.1.2.3.4", "*.[::1]"]
)
def test_a_rule_has_at_most_one_star(host: str) -> None:
    with pytest.raises(ValueError, match="is not a"):
        HostRule(host)


@pytest.mark.parametrize("host", ["example.com:443", "https://example.com", "[::1]:1", "a/b", ""])
def test_the_host_of_a_rule_is_a_host_alone(host: str) -> None:
    with pytest.raises(ValueError, match="is not a"):
        HostRule(host)


@pytest.mark.parametrize("ports", [(), (0,), (443, 65536), (-1,)])
def test_the_ports_of_a_rule_are_ports(ports: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="port"):
        HostRule("example.com", ports)


@pytest.mark.parametrize(
    ("written_so", "kept"),
    [
        ("Example.COM.", "example.com"),
        ("*.Bücher.example", "*.xn--bcher-kva.example"),
        ("[2001:DB8::0]", "2001:db8::"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("192.0.2.1", "192.0.2.1"),
    ],
)
def test_a_rule_keeps_one_spelling(written_so: str, kept: str) -> None:
    assert HostRule(written_so).host == kept


def test_a_rule_allows_its_hosts_at_its_ports() -> None:
    exact = HostRule("example.com")
    wild = HostRule("*.example.net", (80, 8080))
    near = HostRule("db.example.net", (80,), private=True)
    rules = (exact, wild, near)
    assert allowing(rules, "example.com", 443) is exact
    assert allowing(rules, "example.com", 80) is None
    assert allowing(rules, "www.example.com", 443) is None
    assert allowing(rules, "example.net", 80) is None
    assert allowing(rules, "a.b.example.net", 8080) is wild
    assert allowing(rules, "db.example.net", 80) is near
    assert allowing(rules, "db.example.net", 8080) is wild
    assert allowing((), "example.com", 443) is None


def test_an_address_is_not_another_spelling_of_it() -> None:
    rules = (HostRule("127.0.0.1", (80,), private=True),)
    assert allowing(rules, "127.0.0.1", 80) is rules[0]
    assert allowing(rules, "::ffff:127.0.0.1", 80) is None
    assert allowing(rules, "localhost", 80) is None


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_allowed(address: str) -> None:
    assert addresses_allowed([address], private=False)
    assert addresses_allowed([address], private=True)


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_need_a_rule_that_says_so(address: str) -> None:
    assert not addresses_allowed([address], private=False)
    assert addresses_allowed([address], private=True)


@pytest.mark.parametrize("address", NEVER)
def test_some_addresses_are_never_allowed(address: str) -> None:
    assert not addresses_allowed([address], private=False)
    assert not addresses_allowed([address], private=True)


def test_one_bad_address_spoils_all() -> None:
    assert addresses_allowed(PUBLIC, private=False)
    assert not addresses_allowed([*PUBLIC, "127.0.0.1"], private=False)
    assert not addresses_allowed([*PRIVATE, "169.254.169.254"], private=True)
    assert not addresses_allowed([], private=True)


@given(st.ip_addresses(v=4))
def test_an_address_carried_by_another_is_not_let_through(inner: ipaddress.IPv4Address) -> None:
    number = int(inner)
    carriers = [
        ipaddress.IPv6Address((0xFFFF << 32) | number),
        ipaddress.IPv6Address((0x64FF9B << 96) | number),
        ipaddress.IPv6Address((0x2002 << 112) | (number << 80) | 1),
        ipaddress.IPv6Address((0x20010000 << 96) | (0x08080808 << 64) | (number ^ 0xFFFFFFFF)),
    ]
    for private in (False, True):
        if not addresses_allowed([str(inner)], private=private):
            assert not any(addresses_allowed([str(it)], private=private) for it in carriers)


@given(st.ip_addresses())
def test_what_is_allowed_without_more_is_public(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if addresses_allowed([str(address)], private=False):
        assert address.is_global or (address.version == 6 and address.ipv4_mapped is not None)
        assert not address.is_multicast
        assert not address.is_loopback
        assert not address.is_link_local
        assert addresses_allowed([str(address)], private=True)
