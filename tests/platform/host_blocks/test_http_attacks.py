"""http.request, attacked: by what a tenant writes, by where names lead, by redirects, by what hosts answer."""

import asyncio
import gzip
import tracemalloc
from typing import Any

import pytest

from blockyard_platform.results import StageRecord
from blockyard_schemas.statuses import Code

from .conftest import Site, Use, reply

METADATA = "169.254.169.254"


def message(record: StageRecord) -> str:
    assert record.error is not None
    text: str = record.error["message"]
    return text


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", METADATA, "[::1]", "[::ffff:127.0.0.1]", "evil.example"),
        *("api.example.com.evil.example", "example.com", "xapi.example.com", "10.0.0.1"),
    ],
)
async def test_a_host_that_no_rule_names(use: Use, site: Site, host: str) -> None:
    url = f"http://{host}:{site.port}/"
    record = await use("http.request", {"url": url}, hosts=[{"host": "api.example.com"}])
    assert (record.code, site.asked) == (Code.FORBIDDEN_HOST, [])
    assert message(record).startswith("the policy does not allow the host ")
    assert message(record).endswith("hosts that it names: api.example.com (FORBIDDEN_HOST 133)")


async def test_without_rules_nothing_is_asked_and_nothing_looked_up(
    use: Use, names: dict[str, list[list[str]]]
) -> None:
    names["api.example.com"] = [["127.0.0.1"], ["never"]]
    record = await use("http.request", {"url": "https://api.example.com/"})
    assert record.code is Code.FORBIDDEN_HOST
    assert len(names["api.example.com"]) == 2


async def test_another_port_of_an_allowed_host(use: Use, site: Site, other: Site) -> None:
    record = await use("http.request", {"url": other.url()}, hosts=[site.rule()])
    assert (record.code, other.asked) == (Code.FORBIDDEN_HOST, [])


@pytest.mark.parametrize(
    "url",
    [
        *("http://2130706433:P/", "http://0x7f.1:P/", "http://0177.0.0.1:P/", "http://127.1:P/"),
        *("http://127.0.0.1%2f:P/", "http://127.0.0.1:P\\@evil/", "http://127.0.0.1:P:80/"),
        *("http://user:secret@127.0.0.1:P/", "http://@127.0.0.1:P/", "http://:secret@[::1]:P/"),
        *("http://127.0.0.1:P/\r\nX: 1", "http://127.0.0.1:P/ HTTP/1.1"),
        *("file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1:P/", "//127.0.0.1:P/"),
        *("http://[::1", "http://[fe80::1%25eth0]:P/", "http://:P/", "http:127.0.0.1:P/", "http:///"),
        *("http://①⓪.0.0.1:P/", "http://127。0。0。1x:P/", " http://127.0.0.1:P/", "", "http://a:+80/"),
        *("http://127.0.0.1:99999/", "jar:http://127.0.0.1:P/!/", "http://127.0.0.1:P/" + "a" * 9_000),
        *("http://x\u2028.example/", "http://127.0.0.1:\u0668/"),
    ],
)  # fmt: skip
async def test_odd_spellings(use: Use, site: Site, url: str) -> None:
    rules = [site.rule(), site.rule("evil")]
    record = await use("http.request", {"url": url.replace("P", str(site.port))}, hosts=rules)
    assert record.code in (Code.INVALID_ARGUMENT, Code.FORBIDDEN_HOST)
    assert site.asked == []
    assert "secret" not in message(record)


@pytest.mark.parametrize(
    "headers",
    [
        *({"x": "a\r\nHost: evil"}, {"x": "a\nb"}, {"x": "\x7f"}, {"x\r\ny": "1"}, {"": "1"}),
        *({"x: y": "1"}, {"Host": "evil"}, {"content-length": "3"}, {"Transfer-Encoding": "chunked"}),
        *({"Connection": "x-key"}, {"proxy-authorization": "a"}, {"Proxy-Foo": "a"}, {"TE": "a"}),
        *({"Upgrade": "h2c"}, {"Expect": "100-continue"}, {"accept-encoding": "br"}, {"x": "é"}),
        *({f"x-{number}": "" for number in range(65)}, {"x": "a" * 9_000}),
    ],
)  # fmt: skip
async def test_headers_that_are_not_a_tenants(use: Use, site: Site, headers: Any) -> None:
    given = {"url": site.url(), "headers": headers}
    record = await use("http.request", given, hosts=[site.rule()])
    assert (record.code, site.asked) == (Code.INVALID_ARGUMENT, [])
    assert "evil" not in message(record)


@pytest.mark.parametrize(
    "addresses",
    [
        *(["127.0.0.1"], [METADATA], ["10.1.2.3"], ["::1"], ["fe80::1"], ["::ffff:10.0.0.1"], []),
        *(["93.184.216.34", "127.0.0.1"], ["64:ff9b::7f00:1"], ["100.64.0.1"], ["0.0.0.1"]),
    ],
)
async def test_a_name_that_leads_inside(
    use: Use, site: Site, names: dict[str, list[list[str]]], addresses: list[str]
) -> None:
    names["api.example.com"] = [addresses]
    rule = {"host": "*.example.com", "ports": [site.port]}
    given = {"url": site.url(host="api.example.com")}
    record = await use("http.request", given, hosts=[rule])
    assert site.asked == []
    if not addresses:
        assert record.code in (Code.FORBIDDEN_HOST, Code.UNHANDLED_EXCEPTION)
        return
    assert record.code is Code.FORBIDDEN_HOST
    shown = f"the address of api.example.com:{site.port} (FORBIDDEN_HOST 133)"
    assert message(record) == f"the policy's hosts do not allow {shown}"


async def test_private_rules_never_open_the_metadata_service(
    use: Use, site: Site, names: dict[str, list[list[str]]]
) -> None:
    names["api.example.com"] = [[METADATA]]
    for host in ("api.example.com", METADATA):
        given = {"url": site.url(host=host)}
        record = await use("http.request", given, hosts=[site.rule(host)])
        assert record.code is Code.FORBIDDEN_HOST


async def test_rebinding_a_name_is_looked_up_once_and_that_is_connected_to(
    use: Use, site: Site, names: dict[str, list[list[str]]]
) -> None:
    names["api.example.com"] = [["127.0.0.1"], ["127.0.0.2"], [METADATA]]
    site.answers["/"] = reply(200, b"hi")
    rule = site.rule("api.example.com")
    given = {"url": site.url(host="API.example.com.")}
    record = await use("http.request", given, hosts=[rule])
    assert record.outputs["result"]["body"] == "hi"
    assert site.head("host") == f"api.example.com:{site.port}"
    assert names["api.example.com"] == [["127.0.0.2"], [METADATA]]


async def test_rebinding_between_redirects(
    use: Use, site: Site, names: dict[str, list[list[str]]]
) -> None:
    names["api.example.com"] = [["127.0.0.1"], [METADATA]]
    site.answers["/"] = reply(302, b"", Location="/next")
    rule = site.rule("api.example.com")
    given = {"url": site.url(host="api.example.com")}
    record = await use("http.request", given, hosts=[rule])
    assert record.code is Code.FORBIDDEN_HOST
    assert "do not allow the address of api.example.com" in message(record)
    assert len(site.asked) == 1


@pytest.mark.parametrize(
    "location",
    [
        *("http://127.0.0.1:OTHER/", f"http://{METADATA}/latest/meta-data/", "file:///etc/passwd"),
        *("//127.0.0.1:OTHER/", "http://2130706433:P/", "http://user:pass@127.0.0.1:P/", "http://["),
        *("http://localhost:OTHER/", "http://[::1]:OTHER/", "data:text/plain,a", "javascript:1"),
        *("\\\\127.0.0.1:OTHER/", "http://127.0.0.1:P\\@x/", "/\x7f", "http://127.0.0.1:OTHER#@x"),
    ],
)  # fmt: skip
async def test_redirects_that_lead_elsewhere(
    use: Use, site: Site, other: Site, location: str
) -> None:
    where = location.replace("OTHER", str(other.port)).replace("P", str(site.port))
    site.answers["/"] = reply(302, b"", Location=where)
    record = await use("http.request", {"url": site.url()}, hosts=[site.rule()])
    assert record.code in (Code.FORBIDDEN_HOST, Code.UNHANDLED_EXCEPTION)
    assert (len(site.asked), other.asked) == (1, [])


async def test_credentials_stay_with_their_origin(use: Use, site: Site, other: Site) -> None:
    site.answers["/"] = reply(307, b"", Location=other.url("/there"))
    other.answers["/there"] = reply(302, b"", Location=site.url("/back"))
    site.answers["/back"] = reply(200, b"", Set_Cookie="a=1")
    secrets = {"authorization": "Bearer s1", "cookie": "c=s2", "X-Api-Key": "s3", "accept": "a/b"}
    given = {"url": site.url(), "headers": secrets}
    record = await use("http.request", given, hosts=[site.rule(), other.rule()])
    assert record.code is Code.DONE
    assert [site.head(name, 0) for name in ("authorization", "cookie", "x-api-key")] == [
        *("Bearer s1", "c=s2", "s3")
    ]
    assert b"s1" not in other.asked[0] + site.asked[1]
    assert b"s2" not in other.asked[0] + site.asked[1]
    assert b"s3" not in other.asked[0] + site.asked[1]
    assert other.head("accept") == "a/b"


async def test_cookies_are_not_kept(use: Use, site: Site) -> None:
    site.answers["/"] = reply(302, b"", Location="/next", Set_Cookie="a=1; Path=/")
    await use("http.request", {"url": site.url()}, hosts=[site.rule()])
    assert len(site.asked) == 2
    assert site.head("cookie") is None


async def test_the_environment_has_no_say(
    use: Use, site: Site, other: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, other.url())
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    site.answers["/"] = reply(200)
    record = await use("http.request", {"url": site.url()}, hosts=[site.rule()])
    assert (record.code, other.asked) == (Code.DONE, [])
    assert site.head("authorization") is None


async def test_bombs_are_not_blown_up(use: Use, site: Site) -> None:
    bomb = gzip.compress(bytes(200_000_000), 1)
    assert len(bomb) < 1_000_000
    site.answers["/"] = reply(200, bomb, Content_Encoding="gzip")
    tracemalloc.start()
    record = await use("http.request", {"url": site.url()}, hosts=[site.rule()])
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert record.code is Code.RESULT_LIMIT
    assert "is larger than 1048576 bytes" in message(record)
    assert most < 20_000_000


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip, gzip", gzip.compress(gzip.compress(b"a"))),
        ("br", b"a"),
        ("gzip", b"no gzip"),
        ("gzip", gzip.compress(b"a" * 100)[:-4]),
        ("gzip", gzip.compress(b"a") * 1_000),
    ],
)
async def test_odd_packing(use: Use, site: Site, encoding: str, body: bytes) -> None:
    site.answers["/"] = reply(200, body, Content_Encoding=encoding)
    record = await use("http.request", {"url": site.url()}, hosts=[site.rule()])
    assert record.code is Code.UNHANDLED_EXCEPTION
    assert "is packed" in message(record)


async def test_an_endless_body(use: Use, site: Site) -> None:
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    site.endless["/"] = (reply(200, b"", transfer_encoding="chunked"), chunk, 0)
    given = {"url": site.url(), "max_bytes": 10**12}
    rules = {"hosts": [site.rule()], "stage": {"result_kib": 512}}
    record = await use("http.request", given, **rules)
    assert record.code is Code.RESULT_LIMIT
    assert "is larger than 524288 bytes" in message(record)


@pytest.mark.parametrize(
    ("first", "again"),
    [
        (b"", b"H"),
        (b"HTTP/1.1 200 OK\r\n", b"x: y\r\n"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n", b"x"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
)
async def test_a_slow_answer(use: Use, site: Site, first: bytes, again: bytes) -> None:
    site.endless["/"] = (first, again, 0.05)
    given = {"url": site.url("/?token=secret"), "timeout": 0.4}
    record = await use("http.request", given, hosts=[site.rule()])
    assert record.code is Code.TIMEOUT
    assert message(record) == f"127.0.0.1:{site.port} has not answered in full within 0.4 s"


async def test_many_slow_redirects_share_one_clock(use: Use, site: Site) -> None:
    site.endless["/"] = (b"HTTP/1.1 302 Found\r\nlocation: /\r\n", b"", 10)
    given = {"url": site.url(), "timeout": 30.0}
    rules = {"hosts": [site.rule()], "stage": {"wall_seconds": 0.4}}
    record = await use("http.request", given, **rules)
    assert record.code is Code.TIMEOUT


async def test_a_head_without_end(use: Use, site: Site) -> None:
    site.endless["/"] = (b"HTTP/1.1 200 OK\r\n", b"x: " + b"y" * 60_000 + b"\r\n", 0)
    record = await use("http.request", {"url": site.url()}, hosts=[site.rule()])
    assert record.code is Code.UNHANDLED_EXCEPTION
    assert "gives no answer of HTTP" in message(record)


async def test_a_stage_that_is_cancelled_leaves_no_connection(use: Use, site: Site) -> None:
    site.endless["/"] = (b"", b"", 5)
    task = asyncio.ensure_future(use("http.request", {"url": site.url()}, hosts=[site.rule()]))
    while not site.asked:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
