"""An interpreter that the machine lacks: fetched by uv where the policy lets it, from a list and an archive that the test serves."""

import functools
import hashlib
import http.server
import io
import json
import platform
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from local_index import LocalIndex
from virtual_stages import only, policy_of

from blockyard_platform import Runner
from blockyard_platform.results import StageRecord
from blockyard_sandbox.environments.interpreters import Interpreter
from blockyard_schemas.statuses import Code

VERSION = platform.python_version()
LEFT_OUT = {"site-packages", "test", "idlelib", "ensurepip", "tkinter", "turtledemo", "lib2to3"}


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (its names are the library's)
        """Say nothing."""


def _needed(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    parts = member.name.split("/")
    unneeded = {*LEFT_OUT, "__pycache__"} & set(parts)
    return None if unneeded or any(part.startswith("config-") for part in parts) else member


def _pack(place: Path) -> None:
    """Write this test's own interpreter as an archive of the kind that uv installs."""
    short = VERSION.rpartition(".")[0]
    library = Path(sys.base_prefix) / "lib"
    program = tarfile.TarInfo(f"python/bin/python{short}")
    # Where it looks for its library must go with it, as in the archives that uv fetches.
    fixed, free = f"{library}".encode(), b"$ORIGIN/../lib"
    data = Path(sys.executable).resolve().read_bytes()
    data = data.replace(fixed + b"\0", free.ljust(len(fixed), b"\0") + b"\0")
    program.size, program.mode = len(data), 0o755
    with tarfile.open(place, "w:gz", compresslevel=1) as archive:
        archive.addfile(program, io.BytesIO(data))
        archive.add(library / f"python{short}", f"python/lib/python{short}", filter=_needed)
        for shared in library.glob("libpython*.so*"):
            archive.add(shared, f"python/lib/{shared.name}")


def _answers_nothing(self: Interpreter, request: str) -> bool:
    return False


@pytest.fixture
def offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Offer uv one interpreter, of the platform's version; the platform's own is not taken for it, and there is no other."""
    folder = tmp_path / "offered"
    folder.mkdir()
    _pack(folder / "python.tar.gz")
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        major, minor, patch = (int(part) for part in VERSION.split("."))
        machine = platform.machine()
        entry = {
            "name": "cpython",
            "os": "linux",
            "libc": "gnu",
            "prerelease": "",
            "variant": None,
            "major": major,
            "minor": minor,
            "patch": patch,
            "build": "20240107",
            "arch": {"family": machine, "variant": None},
            "url": f"http://127.0.0.1:{server.server_port}/python.tar.gz",
            "sha256": hashlib.sha256((folder / "python.tar.gz").read_bytes()).hexdigest(),
        }
        (folder / "list.json").write_text(
            json.dumps({f"cpython-{VERSION}-linux-{machine}-gnu": entry})
        )
        monkeypatch.setenv("UV_PYTHON_DOWNLOADS_JSON_URL", str(folder / "list.json"))
        monkeypatch.setenv("PATH", str(tmp_path / "no-programs"))
        monkeypatch.setattr(Interpreter, "answers", _answers_nothing)
        yield
        server.shutdown()
        thread.join()


async def ran(index: LocalIndex, *, fetch: bool) -> StageRecord:
    policy = policy_of(index, environment={"index": {"url": index.url}, "fetch_python": fetch})
    code = "import greeting, sys\nresult = [sys.version.split()[0], sys.base_prefix]"
    stage = {"id": "a", "run": code, "deps": ["greeting"], "python": VERSION}
    async with Runner(policy=policy) as runner:
        return only(await runner.run({"name": "t", "stages": [stage]}))


async def test_an_interpreter_is_fetched_where_the_policy_lets_it(
    offered: None, cache: Path, index: LocalIndex
) -> None:
    record = await ran(index, fetch=True)
    assert record.code is Code.DONE, record.error
    version, prefix = record.outputs["result"]
    assert version == VERSION
    assert (
        prefix == "/blockyard/python0"
    )  # the cache of this test lies below /tmp, which a jail has for itself
    assert VERSION in {it.name.split("-")[1] for it in (cache / "pythons").glob("cpython-*")}


async def test_no_interpreter_is_fetched_where_it_does_not(
    offered: None, cache: Path, index: LocalIndex
) -> None:
    record = await ran(index, fetch=False)
    assert record.code is Code.INVALID_ARGUMENT
    assert record.error is not None
    assert record.error["message"] == (
        f"Python {VERSION} cannot be had: uv finds none on this machine, and the policy lets none be fetched"
    )
    assert not (cache / "pythons").exists()
