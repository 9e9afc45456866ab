"""The real uv, which reaches an index through the gateway alone."""

import base64
import hashlib
from pathlib import Path

import pytest

from blockyard_sandbox.index.settings import Index

from .conftest import Gateways, Uv, bound
from .index_server import IndexServer, wheel


@pytest.mark.parametrize("html", [False, True])
@pytest.mark.parametrize("metadata", [False, True])
async def test_resolving_and_installing(
    upstream: IndexServer, gateways: Gateways, uv: Uv, tmp_path: Path, html: bool, metadata: bool
) -> None:
    upstream.html, upstream.metadata = html, metadata
    upstream.login = "Basic " + base64.b64encode(b"me:secret").decode()
    app = upstream.add("some-app", wheel("some-app", "1.5", "some-lib>=1,<3"))
    upstream.add("some-lib", wheel("some-lib", "1.0"))
    library = upstream.add("some-lib", wheel("some-lib", "2.0", padding=3_000_000))
    upstream.add("some-lib", wheel("some-lib", "2.1"), yanked="broken")
    upstream.add("some-lib", wheel("some-lib", "3.0"))
    shown = await gateways.show(Index(upstream.url, "me", "secret"), cache=tmp_path / "cache")

    pins = await uv.compile("some-app", shown.url())
    assert pins.code == 0, pins.stderr
    digests = {
        name: hashlib.sha256(held[name]).hexdigest()
        for name, held in ((app, upstream.files["some-app"]), (library, upstream.files["some-lib"]))
    }
    assert f"some-app==1.5 \\\n    --hash=sha256:{digests[app]}" in pins.stdout
    assert f"some-lib==2.0 \\\n    --hash=sha256:{digests[library]}" in pins.stdout

    for number in range(2):
        target = tmp_path / f"target{number}"
        done = await uv.install(pins.stdout, shown.url(), target)
        assert done.code == 0, done.stderr
        assert (target / "some_lib.py").read_text() == "VALUE = '2.0'\n"
    whole = [seen for seen in upstream.seen if seen.path.endswith(library)]
    assert [seen.range for seen in whole if seen.method == "GET"].count(None) == 1
    assert shown.notes == []


async def test_wrong_credentials(upstream: IndexServer, gateways: Gateways, uv: Uv) -> None:
    upstream.login = "Basic right"
    upstream.add("thing", wheel("thing"))
    shown = await gateways.show(Index(upstream.url, "me", "secret"))
    done = await uv.compile("thing", shown.url())
    assert done.code != 0
    assert "secret" not in done.stderr
    assert shown.notes == [
        f"the index {upstream.url} refuses access (401): its credentials are missing or wrong"
    ]


async def test_two_indexes(
    upstream: IndexServer, other: IndexServer, gateways: Gateways, uv: Uv
) -> None:
    upstream.add("thing", wheel("thing", "9.0"))
    upstream.add("lib", wheel("lib", "1.0"))
    other.add("thing", wheel("thing", "1.0", "lib"))
    shown = await gateways.show(Index(upstream.url), Index(other.url))
    done = await uv.compile("thing", shown.url(), "--index", shown.url(1))
    assert done.code == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines() if "==" in line] == [
        "lib==1.0",
        "thing==1.0",
    ]


async def test_a_file_with_another_hash(
    upstream: IndexServer, gateways: Gateways, uv: Uv, tmp_path: Path
) -> None:
    upstream.add("thing", wheel("thing"), hashes={"sha256": "0" * 64})
    shown = await gateways.show(Index(upstream.url), cache=tmp_path / "cache")
    pins = f"thing==1.0 --hash=sha256:{'0' * 64}\n"
    done = await uv.install(pins, shown.url(), tmp_path / "target")
    assert done.code != 0
    assert not (tmp_path / "target/thing.py").exists()


async def test_a_file_without_a_hash_is_hashed_by_uv(
    upstream: IndexServer, gateways: Gateways, uv: Uv, tmp_path: Path
) -> None:
    name = upstream.add("thing", wheel("thing"), hashes={})
    digest = hashlib.sha256(upstream.files["thing"][name]).hexdigest()
    shown = await gateways.show(Index(upstream.url), cache=tmp_path / "cache")
    pins = await uv.compile("thing", shown.url())
    assert f"--hash=sha256:{digest}" in pins.stdout
    done = await uv.install(pins.stdout, shown.url(), tmp_path / "target")
    assert done.code == 0, done.stderr


async def test_uvs_cache_outlives_a_gateway(
    upstream: IndexServer, gateways: Gateways, uv: Uv, tmp_path: Path
) -> None:
    upstream.metadata = True
    upstream.add("thing", wheel("thing"))
    with bound() as held:  # so that nobody else is given the port meanwhile
        port = held.getsockname()[1]
        first = await gateways.show(Index(upstream.url), port=port)
        pins = await uv.compile("thing", first.url())
        await first.gateway.close()
        second = await gateways.show(Index(upstream.url), port=port)
    words = ["--target", str(tmp_path / "target"), "--require-hashes", "-r", "-"]
    done = await uv.run("pip", "install", *words, "--default-index", second.url(), text=pins.stdout)
    assert done.code == 0, done.stderr
