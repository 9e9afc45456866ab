"""An index over https: who it is has to be proved, and nothing leads from it to plain http."""

import os
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from blockyard_sandbox.index.gateway import IndexGateway
from blockyard_sandbox.index.settings import Index, IndexSettings

from .conftest import Shown, bound
from .index_server import Answer, IndexServer, wheel

pytestmark = pytest.mark.skipif(
    shutil.which("openssl") is None and os.environ.get("BLOCKYARD_REQUIRE") != "all",
    reason="there is no openssl here",
)


@pytest.fixture
def authority(upstream: IndexServer, tmp_path: Path) -> Path:
    """Make the index speak https; return what proves it."""
    certificate, key = tmp_path / "index.pem", tmp_path / "index.key"
    words = (
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=index"
    )
    name = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(["openssl", *words.split(), *name], check=True, capture_output=True, timeout=60)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    upstream.speak_https(context)
    return certificate


@pytest.fixture(params=[True, False])
async def shown(
    upstream: IndexServer, authority: Path, request: pytest.FixtureRequest
) -> AsyncIterator[tuple[Shown, bool]]:
    """Yield a gateway, and whether it knows the index's authority."""
    settings = IndexSettings((Index(upstream.url),), str(authority) if request.param else None)
    notes: list[str] = []
    listening = bound()
    gateway = IndexGateway(settings, None, on_note=notes.append)
    port = listening.getsockname()[1]
    await gateway.start(listening)
    yield Shown(gateway, listening, notes, port), request.param
    await gateway.close()


async def test_the_index_has_to_prove_who_it_is(
    upstream: IndexServer, shown: tuple[Shown, bool]
) -> None:
    upstream.add("thing", wheel("thing"))
    gateway, known = shown
    answer = await gateway.get("/0/simple/thing/")
    assert answer.status_code == (200 if known else 502)
    told = f"the index {upstream.url} cannot be asked (ConnectError)"
    assert gateway.notes == ([] if known else [told])


async def test_no_redirect_to_plain_http(
    upstream: IndexServer, other: IndexServer, shown: tuple[Shown, bool]
) -> None:
    other.add("thing", wheel("thing"))
    upstream.answers["/simple/thing/"] = Answer(302, headers={"location": f"{other.url}/thing/"})
    assert (await shown[0].get("/0/simple/thing/")).status_code == 502
    assert other.seen == []
