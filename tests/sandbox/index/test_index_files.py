"""Pages and files that the gateway serves: kept, fetched once for all, whole or in parts, and only if they are right."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from blockyard_sandbox.index import files
from blockyard_sandbox.index.project_pages import ProjectPages
from blockyard_sandbox.index.settings import Index

from .conftest import Gateways, client
from .index_server import LOGIN, Answer, IndexServer, logged_in, wheel

BIG = 3 << 20


def counted(monkeypatch: pytest.MonkeyPatch, owner: type, name: str) -> list[str]:
    """Have each call of a method noted when it begins."""
    begun: list[str] = []
    method: Callable[..., Awaitable[object]] = getattr(owner, name)

    async def noted(*given: object) -> object:
        begun.append(name)
        return await method(*given)

    monkeypatch.setattr(owner, name, noted)
    return begun


async def until(true: Callable[[], bool]) -> None:
    """Wait until something is true."""
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.01)


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


async def test_ten_requests_for_a_page_are_one(
    upstream: IndexServer, gateways: Gateways, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.add("thing", wheel("thing"))
    upstream.page_headers = {"cache-control": "no-store"}
    upstream.gate.clear()
    shown = await gateways.show(Index(upstream.url))
    begun = counted(monkeypatch, ProjectPages, "page")
    asking = asyncio.gather(*[shown.get("/0/simple/thing/") for _ in range(10)])
    await until(lambda: len(begun) == 10)
    upstream.gate.set()
    assert {answer.status_code for answer in await asking} == {200}
    assert upstream.count("/simple/thing/") == 1


async def test_a_file_is_fetched_once_for_all(
    upstream: IndexServer, gateways: Gateways, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = upstream.add("thing", wheel("thing", padding=BIG))
    content = upstream.files["thing"][name]
    shown = await gateways.show(Index(upstream.url), cache=tmp_path / "cache")
    url = (await shown.page("thing"))[name]["url"]
    upstream.gate.clear()
    begun = counted(monkeypatch, files.Files, "reply")
    asking = asyncio.gather(*[shown.get(url) for _ in range(10)])
    await until(lambda: len(begun) == 10)
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
    await until(lambda: len(list((tmp_path / "files").iterdir())) == 1)
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
