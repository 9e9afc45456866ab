"""http.request over https: the name has to be proved, whatever address it leads to."""

import asyncio
import os
import shutil
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from blockyard_schemas.statuses import Code

from .conftest import Site, Use, reply

pytestmark = pytest.mark.skipif(
    shutil.which("openssl") is None and os.environ.get("BLOCKYARD_REQUIRE") != "all",
    reason="there is no openssl here",
)


@pytest_asyncio.fixture
async def secure(authority: tuple[Path, Path]) -> AsyncIterator[Site]:
    """Yield a host that speaks https."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority)
    found = Site()
    await found.start(context)
    found.answers["/"] = reply(200, b"hi")
    yield found
    await found.close()


def rules(site: Site, authority: tuple[Path, Path] | None, *hosts: str) -> dict[str, Any]:
    trusted = {} if authority is None else {"certificates": str(authority[0])}
    return {"hosts": [site.rule(host) for host in hosts], "http": trusted}


@pytest.mark.parametrize(
    ("host", "trusted", "told"),
    [
        ("api.example.com", True, None),
        ("127.0.0.1", True, None),
        ("other.example.com", True, "Hostname mismatch"),
        ("api.example.com", False, "self-signed certificate"),
    ],
)
async def test_who_a_host_is_has_to_be_proved(
    use: Use,
    secure: Site,
    authority: tuple[Path, Path],
    names: dict[str, list[list[str]]],
    host: str,
    trusted: bool,
    told: str | None,
) -> None:
    names["api.example.com"] = names["other.example.com"] = [["127.0.0.1"]]
    given = {"url": secure.url(host=host, scheme="https")}
    record = await use("http.request", given, **rules(secure, authority if trusted else None, host))
    if told is None:
        assert record.outputs["result"]["body"] == "hi"
        assert secure.head("host") == f"{host}:{secure.port}"
        return
    assert (record.code, secure.asked) == (Code.UNHANDLED_EXCEPTION, [])
    assert record.error is not None
    assert f"its certificate is not trusted ({told}" in record.error["message"]


async def test_https_never_leads_to_http(
    use: Use, secure: Site, site: Site, authority: tuple[Path, Path]
) -> None:
    secure.answers["/"] = reply(302, b"", Location=site.url())
    policy = rules(secure, authority, "127.0.0.1")
    policy["hosts"].append(site.rule())
    given = {"url": secure.url(scheme="https")}
    record = await use("http.request", given, **policy)
    assert (record.code, site.asked) == (Code.FORBIDDEN_HOST, [])
    assert record.error is not None
    assert "leads from https to http (FORBIDDEN_HOST 133)" in record.error["message"]


async def test_http_may_lead_to_https(
    use: Use, secure: Site, site: Site, authority: tuple[Path, Path]
) -> None:
    site.answers["/"] = reply(302, b"", Location=secure.url(scheme="https"))
    policy = rules(secure, authority, "127.0.0.1")
    policy["hosts"].append(site.rule())
    record = await use("http.request", {"url": site.url()}, **policy)
    assert record.outputs["result"]["url"] == secure.url(scheme="https")


async def test_a_host_that_speaks_no_tls(use: Use) -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(400))
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        rule = {"host": "127.0.0.1", "ports": [port], "private": True}
        given = {"url": f"https://127.0.0.1:{port}/"}
        record = await use("http.request", given, hosts=[rule])
    assert record.code is Code.UNHANDLED_EXCEPTION
    assert record.error is not None
    assert record.error["message"].endswith("it does not speak TLS as it should")


async def test_a_file_of_certificates_that_is_not_there(use: Use, secure: Site) -> None:
    given = {"url": secure.url(scheme="https")}
    policy = {"hosts": [secure.rule()], "http": {"certificates": "/nowhere/secret.pem"}}
    record = await use("http.request", given, **policy)
    assert record.error is not None
    assert "secret" not in record.error["message"]
    assert "http.certificates" in record.error["message"]
