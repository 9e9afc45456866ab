"""The gateway's protocol: what it serves, what it never passes on in either direction, and what a hostile client can do."""

import asyncio
import base64
import hashlib
from pathlib import Path

import httpx
import pytest

from blockyard_sandbox.index import files, gateway, serving
from blockyard_sandbox.index.pages import LARGEST_PAGE
from blockyard_sandbox.index.settings import Index, IndexSettings

from .conftest import Answer, Gateways, IndexServer, Shown, bound, client, wheel

LOGIN = "Basic " + base64.b64encode(b"me:secret").decode()
BIG = 3 << 20


def logged_in(server: IndexServer) -> Index:
    server.login = LOGIN
    return Index(server.url, "me", "secret")


async def raw(shown: Shown, sent: bytes) -> bytes:
    """Send bytes, and return what comes back until the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", shown.port)
    writer.write(sent)
    writer.write_eof()
    async with asyncio.timeout(20):
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_a_page_and_its_files(upstream: IndexServer, gateways: Gateways) -> None:
    upstream.metadata = True
    name = upstream.add("thing", wheel("thing"), **{"requires-python": ">=3.8", "yanked": "bad"})
    shown = await gateways.show(logged_in(upstream))
    told = (await shown.page("thing"))[name]
    assert told["requires-python"] == ">=3.8"
    assert told["yanked"] == "bad"
    assert told["url"].startswith("/0/files/")
    whole = await shown.get(told["url"])
    assert whole.content == upstream.files["thing"][name]
    inner = await shown.get(told["url"] + ".metadata")
    assert inner.content.startswith(b"Metadata-Version: 2.1\nName: thing\n")
    assert [seen.authorization for seen in upstream.seen] == [LOGIN] * 3


async def test_names_are_normalised(upstream: IndexServer, gateways: Gateways) -> None:
    upstream.add("some-thing", wheel("some-thing"))
    shown = await gateways.show(Index(upstream.url))
    assert (await shown.get("/0/simple/Some_.Thing")).status_code == 200
    assert [seen.path for seen in upstream.seen] == ["/simple/some-thing/"]


async def test_a_page_is_kept_and_asked_for_by_tag(
    upstream: IndexServer, gateways: Gateways
) -> None:
    upstream.add("thing", wheel("thing"))
    shown = await gateways.show(Index(upstream.url))
    first = await shown.get("/0/simple/thing/")
    again = await shown.get("/0/simple/thing/", **{"if-none-match": first.headers["etag"]})
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
    assert first.headers["cache-control"] == "no-cache"
    assert upstream.count("/simple/thing/") == 1


@pytest.mark.parametrize("control", ["no-store", "no-cache", "max-age=0"])
async def test_what_the_index_says_of_keeping_is_heeded(
    upstream: IndexServer, gateways: Gateways, control: str
) -> None:
    name = upstream.add("thing", wheel("thing"))
    upstream.page_headers = {"cache-control": control, "etag": '"one"'}
    shown = await gateways.show(Index(upstream.url))
    before = await shown.page("thing")
    assert before == await shown.page("thing")
    assert upstream.count("/simple/thing/") == 2
    assert (await shown.get(before[name]["url"])).status_code == 200
    assert upstream.count("/simple/thing/") == 2


async def test_a_page_that_has_not_changed_is_not_sent_again(
    upstream: IndexServer, gateways: Gateways
) -> None:
    upstream.add("thing", wheel("thing"))
    upstream.page_headers = {"cache-control": "no-cache", "etag": '"one"'}
    shown = await gateways.show(Index(upstream.url))
    before = await shown.page("thing")
    upstream.answers["/simple/thing/"] = Answer(304)
    assert await shown.page("thing") == before


async def test_ten_requests_for_a_page_are_one(upstream: IndexServer, gateways: Gateways) -> None:
    upstream.add("thing", wheel("thing"))
    upstream.page_headers = {"cache-control": "no-store"}
    upstream.gate.clear()
    shown = await gateways.show(Index(upstream.url))
    asking = asyncio.gather(*[shown.get("/0/simple/thing/") for _ in range(10)])
    await asyncio.sleep(0.3)
    upstream.gate.set()
    assert {answer.status_code for answer in await asking} == {200}
    assert upstream.count("/simple/thing/") == 1


async def test_a_file_is_fetched_once_for_all(
    upstream: IndexServer, gateways: Gateways, tmp_path: Path
) -> None:
    name = upstream.add("thing", wheel("thing", padding=BIG))
    content = upstream.files["thing"][name]
    shown = await gateways.show(Index(upstream.url), cache=tmp_path / "cache")
    url = (await shown.page("thing"))[name]["url"]
    upstream.gate.clear()
    asking = asyncio.gather(*[shown.get(url) for _ in range(10)])
    await asyncio.sleep(0.3)
    upstream.gate.set()
    assert {answer.content for answer in await asking} == {content}
    assert upstream.count("/packages/") == 1
    digest = hashlib.sha256(content).hexdigest()
    assert [path.name for path in (tmp_path / "cache/files").iterdir()] == [digest]


async def test_a_stored_file_is_served_by_another_gateway(
    upstream: IndexServer, gateways: Gateways, tmp_path: Path
) -> None:
    name = upstream.add("thing", wheel("thing"))
    content = upstream.files["thing"][name]
    shown = [await gateways.show(Index(upstream.url), cache=tmp_path) for _ in range(2)]
    urls = [(await each.page("thing"))[name]["url"] for each in shown]
    for each, url in zip(shown, urls, strict=True):
        assert (await each.get(url)).content == content
    assert upstream.count("/packages/") == 1
    assert urls[0] != urls[1]
    assert (await shown[1].get(urls[0])).status_code == 404


RANGES = [
    ("bytes=0-3", 206, slice(0, 4)),
    ("bytes=5-", 206, slice(5, None)),
    ("bytes=-7", 206, slice(-7, None)),
    ("bytes=3-2", 200, slice(None)),
    ("bytes=0-1,3-4", 200, slice(None)),
    ("lines=0-1", 200, slice(None)),
]


@pytest.mark.parametrize(("asked", "status", "part"), RANGES)
async def test_parts_of_a_stored_file(
    upstream: IndexServer, gateways: Gateways, tmp_path: Path, asked: str, status: int, part: slice
) -> None:
    name = upstream.add("thing", wheel("thing"))
    content = upstream.files["thing"][name]
    shown = await gateways.show(Index(upstream.url), cache=tmp_path)
    url = (await shown.page("thing"))[name]["url"]
    await shown.get(url)
    answer = await shown.get(url, range=asked)
    assert (answer.status_code, answer.content) == (status, content[part])
    beyond = await shown.get(url, range=f"bytes={len(content)}-")
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(content)}")
    async with client() as asking:
        head = await asking.head(shown.base + url)
    assert (head.headers["content-length"], head.headers["accept-ranges"]) == (
        str(len(content)),
        "bytes",
    )
    assert upstream.count("/packages/") == 1


async def test_parts_of_a_file_are_passed_on(
    upstream: IndexServer, gateways: Gateways, tmp_path: Path
) -> None:
    name = upstream.add("thing", wheel("thing"))
    content = upstream.files["thing"][name]
    shown = await gateways.show(Index(upstream.url), cache=tmp_path)
    url = (await shown.page("thing"))[name]["url"]
    answer = await shown.get(url, range="bytes=-9")
    assert (answer.status_code, answer.content) == (206, content[-9:])
    told = f"bytes {len(content) - 9}-{len(content) - 1}/{len(content)}"
    assert answer.headers["content-range"] == told
    async with client() as asking:
        head = await asking.head(shown.base + url)
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(content)))
    assert [(seen.method, seen.range) for seen in upstream.seen[1:]] == [
        ("GET", "bytes=-9"),
        ("HEAD", None),
    ]


@pytest.mark.parametrize("stored", [True, False])
async def test_a_file_with_another_hash_is_refused(
    upstream: IndexServer, gateways: Gateways, tmp_path: Path, stored: bool
) -> None:
    name = upstream.add("thing", wheel("thing"), hashes={"sha256": "0" * 64})
    shown = await gateways.show(Index(upstream.url), cache=tmp_path if stored else None)
    url = (await shown.page("thing"))[name]["url"]
    if stored:
        answer = await shown.get(url)
        assert (answer.status_code, "has not the sha256" in answer.text) == (502, True)
        assert list((tmp_path / "files").iterdir()) == []
    else:
        with pytest.raises(httpx.RemoteProtocolError):
            await shown.get(url)
    assert any("has not the sha256 that its page tells" in note for note in shown.notes)


async def test_a_large_file_begins_before_it_is_whole_and_ends_only_if_it_is_right(
    upstream: IndexServer, gateways: Gateways, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_PATIENCE", 0.0)
    good = upstream.add("thing", wheel("thing", padding=BIG))
    bad = upstream.add("thing", wheel("thing", "2.0", padding=BIG), hashes={"sha256": "0" * 64})
    shown = await gateways.show(Index(upstream.url), cache=tmp_path)
    page = await shown.page("thing")

    async def read(name: str, seen: bytearray) -> None:
        upstream.half.clear()
        place = shown.base + page[name]["url"]
        async with client() as asking, asking.stream("GET", place) as answer:
            assert answer.status_code == 200
            assert answer.headers["content-length"] == str(len(upstream.files["thing"][name]))
            async for chunk in answer.aiter_raw():
                seen.extend(chunk)
                upstream.half.set()

    whole, cut = bytearray(), bytearray()
    await read(good, whole)
    assert whole == upstream.files["thing"][good]
    with pytest.raises(httpx.TransportError):
        await read(bad, cut)
    assert 0 < len(cut) < len(upstream.files["thing"][bad])
    assert upstream.files["thing"][bad].startswith(cut)
    assert len(list((tmp_path / "files").iterdir())) == 1


async def test_a_download_that_nobody_waits_for_is_given_up(
    upstream: IndexServer, gateways: Gateways, tmp_path: Path
) -> None:
    name = upstream.add("thing", wheel("thing"))
    shown = await gateways.show(Index(upstream.url), cache=tmp_path)
    url = (await shown.page("thing"))[name]["url"]
    upstream.gate.clear()
    asking = asyncio.create_task(shown.get(url))
    await asyncio.sleep(0.2)
    assert len(list((tmp_path / "files").iterdir())) == 1
    await shown.gateway.stop(shown.listening)
    with pytest.raises(httpx.TransportError):
        await asking
    assert list((tmp_path / "files").iterdir()) == []


async def test_a_file_without_a_hash_is_served_and_not_stored(
    upstream: IndexServer, gateways: Gateways, tmp_path: Path
) -> None:
    name = upstream.add("thing", wheel("thing"), hashes={})
    shown = await gateways.show(Index(upstream.url), cache=tmp_path)
    url = (await shown.page("thing"))[name]["url"]
    assert (await shown.get(url)).content == upstream.files["thing"][name]
    assert list((tmp_path / "files").iterdir()) == []


async def test_room_is_made_for_new_files(
    upstream: IndexServer, gateways: Gateways, tmp_path: Path
) -> None:
    names = [upstream.add("thing", wheel("thing", f"{n}.0", padding=50_000)) for n in range(3)]
    shown = await gateways.show(Index(upstream.url), cache=tmp_path, max_cache_bytes=120_000)
    page = await shown.page("thing")
    for name in names:
        assert (await shown.get(page[name]["url"])).status_code == 200
    kept = {hashlib.sha256(upstream.files["thing"][name]).hexdigest() for name in names[1:]}
    assert {path.name for path in (tmp_path / "files").iterdir()} == kept


@pytest.mark.parametrize("stored", [True, False])
async def test_a_file_that_is_too_large(
    upstream: IndexServer, gateways: Gateways, tmp_path: Path, stored: bool
) -> None:
    name = upstream.add("thing", wheel("thing", padding=5000))
    shown = await gateways.show(
        Index(upstream.url), cache=tmp_path if stored else None, max_bytes=5000
    )
    answer = await shown.get((await shown.page("thing"))[name]["url"])
    assert (answer.status_code, answer.text) == (
        502,
        "a file of the index has more than 5000 bytes\n",
    )


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
    shown = await gateways.show(Index("http://127.0.0.1:9/simple"))
    answer = await shown.get("/0/simple/thing/")
    assert answer.status_code == 502
    assert shown.notes == ["the index http://127.0.0.1:9/simple cannot be asked (ConnectError)"]


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
    async with asyncio.timeout(20):
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
    async with asyncio.timeout(20):
        while (await raw(shown, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"))[:12] != b"HTTP/1.1 404":
            await asyncio.sleep(0.01)


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
