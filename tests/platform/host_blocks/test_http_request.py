"""http.request: what is sent, what comes back, and what is said when it goes wrong."""

import gzip
import zlib
from typing import Any

import jsonschema
import pytest

from blockyard_blocks.docstrings import described_parameters
from blockyard_platform import Runner
from blockyard_platform.results import StageRecord
from blockyard_schemas.statuses import Code

from .conftest import Site, Use, reply, silent


async def get(use: Use, site: Site, path: str = "/", **given: Any) -> StageRecord:
    return await use("http.request", {"url": site.url(path), **given}, hosts=[site.rule()])


async def test_a_request_and_its_answer(use: Use, site: Site) -> None:
    site.answers["/a%20b"] = reply(
        201, b'{"n": [1, 2.5, null]}', Content_Type="application/json; charset=utf-8", X_A="é"
    )
    given = {
        "method": "POST",
        "query": {"q": ["ü&", 1, None], "yes": True},
        "headers": {"X-Key": "k", "Accept": "application/json"},
        "json": {"ä": 1},
    }
    record = await get(use, site, "/a%20b?x=1#part", **given)
    assert record.outputs["result"] == {
        "status": 201,
        "url": site.url("/a%20b?x=1&q=%C3%BC%26&q=1&yes=true"),
        "headers": {
            "content-type": "application/json; charset=utf-8",
            "x-a": "é",
            "content-length": "21",
        },
        "body": {"n": [1, 2.5, None]},
        "format": "json",
    }
    head, _, body = site.asked[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /a%20b?x=1&q=%C3%BC%26&q=1&yes=true HTTP/1.1\r\n")
    assert body == '{"ä": 1}'.encode()
    assert site.head("host") == f"127.0.0.1:{site.port}"
    assert site.head("x-key") == "k"
    assert site.head("accept") == "application/json"
    assert site.head("content-type") == "application/json"
    assert site.head("user-agent") == "blockyard"


@pytest.mark.parametrize(
    ("given", "kind", "body"),
    [
        ({"text": "é"}, "text/plain; charset=utf-8", "é".encode()),
        ({"form": {"a": "ü b", "c": [1, False]}}, "application/x-www-form-urlencoded", None),
        ({"json": None}, "application/json", b"null"),
        ({"text": "<a/>", "headers": {"content-type": "text/xml"}}, "text/xml", b"<a/>"),
        ({}, None, b""),
    ],
)
async def test_bodies(use: Use, site: Site, given: Any, kind: str | None, body: Any) -> None:
    site.answers["/"] = reply(204)
    record = await get(use, site, method="PUT", **given)
    assert record.outputs["result"]["status"] == 204
    assert record.outputs["result"]["body"] == ""
    assert site.head("content-type") == kind
    sent = site.asked[0].partition(b"\r\n\r\n")[2]
    assert sent == (b"a=%C3%BC+b&c=1&c=false" if body is None else body)
    assert site.head("content-length") == str(len(sent))


@pytest.mark.parametrize(
    ("kind", "body", "shown", "form"),
    [
        ("application/problem+json", b"[1]", [1], "json"),
        ("application/json", b"\xef\xbb\xbf{}", {}, "json"),
        ("application/json", b"{", "{", "text"),
        ("application/json", b"NaN", "NaN", "text"),
        ("application/json", b"[" * 100_000, "[" * 100_000, "text"),
        ("application/json", b'"\\ud800"', '"\\ud800"', "text"),
        ("application/json", b"9" * 5_000, "9" * 5_000, "text"),
        ("text/html; charset=ISO-8859-1", b"\xe9", "é", "text"),
        ('text/plain; charset="utf-8"', b"\xc3\xa9", "é", "text"),
        ("text/plain; charset=idna", b"xn--a", "xn--a", "text"),
        ("text/plain", b"a\0", "YQA=", "base64"),
        ("application/json", b'"\\u0000"', '"\\u0000"', "text"),
        ("text/plain", b"\xff", "/w==", "base64"),
        ("image/png", b"abc", "YWJj", "base64"),
        ("", b"abc", "abc", "text"),
    ],
)
async def test_answers_by_their_type(
    use: Use, site: Site, kind: str, body: bytes, shown: Any, form: str
) -> None:
    site.answers["/"] = reply(200, body, Content_Type=kind)
    result = (await get(use, site)).outputs["result"]
    assert (result["body"], result["format"]) == (shown, form)


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
async def test_packed_answers_are_unpacked(use: Use, site: Site, pack: Any) -> None:
    encoding = "gzip" if pack is gzip.compress else "deflate"
    site.answers["/"] = reply(200, pack(b"x" * 5_000), Content_Encoding=encoding)
    assert (await get(use, site)).outputs["result"]["body"] == "x" * 5_000


async def test_a_status_is_a_result_unless_the_stage_says_otherwise(use: Use, site: Site) -> None:
    assert (await get(use, site, "/none")).outputs["result"]["status"] == 404
    record = await get(use, site, "/none?token=secret", raise_for_status=True)
    assert record.code is Code.UNHANDLED_EXCEPTION
    assert record.error is not None
    assert record.error["message"] == f"127.0.0.1:{site.port} answers 404 Not Found"


@pytest.mark.parametrize(
    ("status", "method", "then", "body"),
    [
        (301, "POST", "GET", b""),
        (302, "PUT", "PUT", b"b"),
        (303, "PUT", "GET", b""),
        (303, "HEAD", "HEAD", b""),
        (307, "POST", "POST", b"b"),
        (308, "POST", "POST", b"b"),
    ],
)
async def test_redirects(
    use: Use, site: Site, status: int, method: str, then: str, body: bytes
) -> None:
    site.answers["/a/b"] = reply(status, b"", Location="../c?d#e")
    site.answers["/c"] = reply(200)
    given = {} if method == "HEAD" else {"text": "b"}
    headers = {"authorization": "Bearer 1"}
    record = await get(use, site, "/a/b", method=method, headers=headers, **given)
    assert record.outputs["result"]["url"] == site.url("/c?d")
    assert site.asked[1].startswith(f"{then} /c?d HTTP/1.1\r\n".encode())
    assert site.asked[1].partition(b"\r\n\r\n")[2] == body
    assert site.head("authorization") == "Bearer 1"
    assert (site.head("content-type") is None) == (not body)


async def test_no_redirect_is_followed_when_none_should(use: Use, site: Site) -> None:
    site.answers["/"] = reply(302, b"", Location="http://10.0.0.1/")
    result = (await get(use, site, follow=0)).outputs["result"]
    assert (result["status"], result["headers"]["location"]) == (302, "http://10.0.0.1/")


async def test_redirects_end(use: Use, site: Site) -> None:
    site.answers["/"] = reply(302, b"", Location="/")
    record = await get(use, site, follow=2)
    assert record.error is not None
    assert record.error["message"] == f"127.0.0.1:{site.port} redirects more than 2 times"
    assert len(site.asked) == 3


async def test_what_is_no_http(use: Use, site: Site) -> None:
    site.answers["/"] = b"SSH-2.0-OpenSSH\r\n\r\n"
    site.answers["/short"] = reply(200, b"abc", content_length="10")
    for path in ("/", "/short"):
        record = await get(use, site, path)
        assert record.code is Code.UNHANDLED_EXCEPTION
        assert record.error is not None
        assert f"127.0.0.1:{site.port} gives no answer of HTTP" in record.error["message"]
    await site.close()
    with silent(site.port):
        record = await get(use, site)
    assert record.error is not None
    assert "cannot be connected to: nothing answers there" in record.error["message"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"json": 1, "text": "a"}, "give one of json and text: a request has one body"),
        ({"json": 1}, "a GET has no body; choose another method"),
        ({"timeout": 0.0}, "timeout must be more than 0 seconds"),
        ({"max_bytes": 0}, "max_bytes must be at least 1"),
        ({"follow": 6}, "follow must be from 0 to 5"),
        ({"headers": {"a": "1", "A": "2"}}, "the header a stands twice"),
    ],
)
async def test_what_cannot_be_asked(use: Use, site: Site, given: Any, message: str) -> None:
    record = await get(use, site, **given)
    assert (record.code, site.asked) == (Code.INVALID_ARGUMENT, [])
    assert record.error is not None
    assert record.error["message"] == message


async def test_the_block_needs_its_tag_and_the_personal_policy_lacks_it() -> None:
    stages = [{"uses": "http.request", "with": {"url": "https://example.com"}}]
    async with Runner() as runner:
        (problem,) = runner.admit({"name": "t", "stages": stages}).problems
        assert problem.rule == "FORBIDDEN_BLOCK"
        block = runner.catalog.find("http.request")
    assert block is not None
    assert block.tags == {"http"}
    example = block.examples[0]
    assert block.check(example.arguments)
    jsonschema.validate(dict(example.arguments), block.interface.parameters)
    jsonschema.validate(example.result, block.interface.result)
    described = described_parameters(block.doc)
    assert list(described) == [each.name for each in block.signature.tenant]
