"""The gateway's protocol: what it never passes on in either direction, and what a hostile client can do."""

import asyncio
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from blockyard_sandbox.index import gateway, serving
from blockyard_sandbox.index.pages import LARGEST_PAGE
from blockyard_sandbox.index.settings import Index, IndexSettings

from .conftest import Gateways, Shown, bound, client
from .index_server import LOGIN, Answer, IndexServer, logged_in, wheel


async def raw(shown: Shown, sent: bytes) -> bytes:
    """Send bytes, and return what comes back until the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", shown.port)
    writer.write(sent)
    writer.write_eof()
    async with asyncio.timeout(60):
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


@pytest.mark.parametrize(
    ("index", "status"),
    [
        (401, 403),
        (403, 403),
        (404, 404),
        (410, 404),
        (500, 502),
        (503, 502),
        (206, 502),
    ],
)
async def test_errors_are_told_in_our_words(
    upstream: IndexServer, gateways: Gateways, index: int, status: int
) -> None:
    upstream.answers["/simple/thing/"] = Answer(index, b"the secret reason", {"x-secret": "1"})
    shown = await gateways.show(Index(upstream.url, "me", "pass" + "word"))
    answer = await shown.get("/0/simple/thing/")
    assert answer.status_code == status
    assert upstream.url in answer.text or status == 502
    assert "secret" not in answer.text + str(answer.headers)
    assert "password" not in answer.text + str(shown.notes)
    assert ("credentials are missing or wrong" in answer.text) == (status == 403)
    assert bool(shown.notes) == (status != 404)


async def test_an_index_that_does_not_listen(gateways: Gateways) -> None:
    with bound() as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/simple"
        shown = await gateways.show(Index(url))
        answer = await shown.get("/0/simple/thing/")
    assert answer.status_code == 502
    assert shown.notes == [f"the index {url} cannot be asked (ConnectError)"]


async def test_credentials_do_not_follow_a_redirect_elsewhere(
    upstream: IndexServer, other: IndexServer, gateways: Gateways
) -> None:
    name = upstream.add("thing", wheel("thing"))
    other.files, other.entries = upstream.files, upstream.entries
    upstream.answers["/simple/thing/"] = Answer(302, headers={"location": f"{other.url}/thing/"})
    shown = await gateways.show(logged_in(upstream))
    told = await shown.page("thing")
    assert (await shown.get(told[name]["url"])).status_code == 200
    assert [seen.authorization for seen in upstream.seen] == [LOGIN]
    assert [seen.authorization for seen in other.seen] == [None, None]


async def test_credentials_do_not_come_back_after_a_redirect_elsewhere(
    upstream: IndexServer, other: IndexServer, gateways: Gateways
) -> None:
    upstream.add("thing", wheel("thing"))
    upstream.answers["/simple/thing/"] = Answer(302, headers={"location": f"{other.origin}/back"})
    back = Answer(307, headers={"location": f"http://me:secret@{upstream.url[7:]}/other/"})
    other.answers["/back"] = back
    upstream.add("other", wheel("other"))
    shown = await gateways.show(logged_in(upstream))
    assert (await shown.get("/0/simple/thing/")).status_code == 403
    assert [seen.authorization for seen in upstream.seen] == [LOGIN, None]


async def test_credentials_stay_after_a_redirect_to_the_same_place(
    upstream: IndexServer, gateways: Gateways
) -> None:
    upstream.add("thing", wheel("thing"))
    upstream.answers["/simple/other/"] = Answer(301, headers={"location": "../thing/"})
    shown = await gateways.show(logged_in(upstream))
    assert (await shown.get("/0/simple/other/")).status_code == 200
    assert [seen.authorization for seen in upstream.seen] == [LOGIN, LOGIN]


async def test_files_of_another_host_get_no_credentials(
    upstream: IndexServer, other: IndexServer, gateways: Gateways
) -> None:
    name = upstream.add("thing", wheel("thing"))
    other.files, other.entries = upstream.files, upstream.entries
    upstream.files_at = f"http://me:secret@{other.origin[7:]}"
    shown = await gateways.show(logged_in(upstream))
    told = await shown.page("thing")
    assert (await shown.get(told[name]["url"])).content == upstream.files["thing"][name]
    assert [(seen.path, seen.authorization) for seen in other.seen] == [(f"/packages/{name}", None)]


@pytest.mark.parametrize("location", ["/simple/thing/", "", "file:///etc/passwd", "https://[::1/"])
async def test_redirects_that_lead_nowhere(
    upstream: IndexServer, gateways: Gateways, location: str
) -> None:
    upstream.answers["/simple/thing/"] = Answer(302, headers={"location": location})
    shown = await gateways.show(Index(upstream.url))
    assert (await shown.get("/0/simple/thing/")).status_code == 502
    assert len(upstream.seen) <= 6


async def test_cookies_are_not_kept(upstream: IndexServer, gateways: Gateways) -> None:
    upstream.add("thing", wheel("thing"))
    upstream.page_headers = {"set-cookie": "who=you; path=/", "cache-control": "no-store"}
    shown = await gateways.show(Index(upstream.url))
    answer = await shown.get("/0/simple/thing/")
    assert "set-cookie" not in answer.headers


async def test_pages_that_are_none(upstream: IndexServer, gateways: Gateways) -> None:
    shown = await gateways.show(Index(upstream.url))
    html = {"content-type": "text/html"}
    huge = Answer(body=b"<br>" * (LARGEST_PAGE // 4 + 1), headers=html)
    upstream.answers["/simple/huge/"] = huge
    upstream.answers["/simple/image/"] = Answer(body=b"x", headers={"content-type": "image/png"})
    upstream.answers["/simple/open/"] = Answer(body=b"<a " * 100_000, headers=html)
    for project, text in (
        ("huge", "the page has more than 67108864 bytes"),
        ("image", "the page is neither JSON nor HTML"),
        ("open", "the page holds a tag without an end"),
    ):
        answer = await shown.get(f"/0/simple/{project}/")
        assert (answer.status_code, answer.text) == (502, f"the index {upstream.url}: {text}\n")


async def test_what_was_never_shown_is_not_served(
    upstream: IndexServer, gateways: Gateways
) -> None:
    name = upstream.add("thing", wheel("thing"))
    shown = await gateways.show(Index(upstream.url), Index(upstream.url))
    url = (await shown.page("thing"))[name]["url"]
    _, _, _, token, _ = url.split("/")
    for target in (
        f"/0/files/{'0' * 40}-thing/{name}",
        f"/0/files/{'0' * 40}-missing/{name}",
        f"/1/files/{token}/{name}",
        f"/2/files/{token}/{name}",
        f"/0/files/{token}/other.whl",
        f"/0/files/{token}/{name}.metadata",
        f"/0/files/{token}/{name}.metadata.metadata",
        f"/0/files/{token}/../{name}",
        f"/0/files/{token}/%2e%2e",
        f"/0/files/{token}/{name}?x=1",
        f"/0/files/{token}/{name}%00",
        f"/0/files/{token.upper()}/{name}",
    ):
        answer = await raw(shown, f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert answer.startswith(b"HTTP/1.1 404 "), target
    assert upstream.count("/packages/") == 0


TARGETS = """/ /0/ /0/simple/ /0/simple// /0/simple/-thing/ /0/simple/thing-/ /0/simple/thing/x /9/simple/thing/
/0000/simple/thing/ /-1/simple/thing/ /0/simple/th%69ng/ /0/simple/thing/?q=1 /0/simple/thing/#x /0/simple/../simple/thing/
/0/simple/%2e%2e/ /0/simple/../ /0/files/../.. /0/files/%2e%2e/%2e%2e //0/simple/thing/ http://127.0.0.1/0/simple/thing/
http://index.test/ https://index.test/ 0/simple/thing/ * /0/simple/th\u00e9/ /0/simple/thing%0d%0a/"""


@pytest.mark.parametrize("target", TARGETS.split())
async def test_targets_that_are_not_served(
    upstream: IndexServer, gateways: Gateways, target: str
) -> None:
    upstream.add("thing", wheel("thing"))
    shown = await gateways.show(Index(upstream.url))
    answer = await raw(shown, f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert answer.startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 400 "))
    assert upstream.seen == []


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"CONNECT index.test:443 HTTP/1.1\r\nHost: x\r\n\r\n", 405),
        (b"POST /0/simple/thing/ HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", 405),
        (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 405),
        (b"GET /0/simple/thing/ HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", 400),
        (
            b"GET /0/simple/thing/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
            400,
        ),
        (b"GET /0/simple/thing/ HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 3 * serving.LARGEST_HEAD + b"\r\n\r\n", 431),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\nHost: x\r\n\r\n", 404),
    ],
)
async def test_requests_that_are_refused(
    upstream: IndexServer, gateways: Gateways, sent: bytes, status: int
) -> None:
    shown = await gateways.show(Index(upstream.url))
    answer = await raw(shown, sent + b"GET /0/simple/thing/ HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert upstream.seen == [] or status == 404


async def test_requests_in_a_row_are_answered_in_order(
    upstream: IndexServer, gateways: Gateways
) -> None:
    upstream.add("thing", wheel("thing"))
    shown = await gateways.show(Index(upstream.url))
    sent = b"".join(
        f"{method} {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        for method, target in (
            ("GET", "/0/simple/missing/"),
            ("HEAD", "/0/simple/thing/"),
            ("GET", "/0/simple/thing/"),
        )
    )
    answer = await raw(shown, sent)
    heads = [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]]
    assert heads == [b"404", b"200", b"200"]
    assert answer.count(b'"files":') == 1


async def test_a_client_that_is_silent_is_left(
    upstream: IndexServer, gateways: Gateways, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "IDLE_SECONDS", 0.1)
    shown = await gateways.show(Index(upstream.url))
    reader, writer = await asyncio.open_connection("127.0.0.1", shown.port)
    writer.write(b"GET / HT")
    async with asyncio.timeout(60):
        assert await reader.read() == b""
    writer.close()


async def test_several_sockets_each_stopped_alone(
    upstream: IndexServer, gateways: Gateways
) -> None:
    upstream.add("thing", wheel("thing"))
    shown = await gateways.show(Index(upstream.url))
    second = bound()
    port = second.getsockname()[1]
    await shown.gateway.start(second)
    async with client() as asking:
        there = f"http://127.0.0.1:{port}/0/simple/thing/"
        assert (await asking.get(there)).status_code == 200
        await shown.gateway.stop(second)
        await shown.gateway.stop(second)
        with pytest.raises(httpx.TransportError):
            await asking.get(there)
    assert (await shown.get("/0/simple/thing/")).status_code == 200
    await shown.gateway.close()
    await shown.gateway.close()
    with pytest.raises(httpx.TransportError):
        await shown.get("/0/simple/thing/")


async def test_notes_of_a_socket(upstream: IndexServer, gateways: Gateways) -> None:
    shown = await gateways.show(logged_in(upstream))
    upstream.login = "Basic other"
    second, notes = bound(), list[str]()
    port = second.getsockname()[1]
    await shown.gateway.start(second, notes.append)
    async with client() as asking:
        for _ in range(3):
            answer = await asking.get(f"http://127.0.0.1:{port}/0/simple/thing/")
            assert answer.status_code == 403
    assert notes == [
        f"the index {upstream.url} refuses access (401): its credentials are missing or wrong"
    ]
    assert shown.notes == []


async def test_connections_are_bounded(
    upstream: IndexServer, gateways: Gateways, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway, "_MOST_CONNECTIONS", 3)
    upstream.add("thing", wheel("thing"))
    shown = await gateways.show(Index(upstream.url))
    held = [await asyncio.open_connection("127.0.0.1", shown.port) for _ in range(3)]
    with pytest.raises(httpx.TransportError):
        await shown.get("/0/simple/thing/")
    for _, writer in held:
        writer.close()
        await writer.wait_closed()
    answer = b""
    async with asyncio.timeout(60):
        while not answer:  # until the gateway has seen that they are gone
            with suppress(OSError):
                answer = await raw(shown, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 404")


async def test_a_proxy_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "nonsense://proxy.test")
    listening = bound()
    with pytest.raises(OSError, match="the proxy in the environment"):
        await gateway.IndexGateway(IndexSettings(()), None).start(listening)
    listening.close()


async def test_without_an_index_nothing_is_served(gateways: Gateways) -> None:
    shown = await gateways.show()
    assert (await shown.get("/0/simple/thing/")).status_code == 404


async def test_certificates_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "none.pem").write_text("nothing")
    settings = IndexSettings((), str(tmp_path / "none.pem"))
    listening = bound()
    with pytest.raises(OSError, match="certificate"):
        await gateway.IndexGateway(settings, None).start(listening)
    listening.close()
