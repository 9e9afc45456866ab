"""file.read, file.write, file.list and file.delete: one tenant's files, and no way out of them."""

import base64
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from blockyard_platform.errors import StageFailureError
from blockyard_platform.host_blocks.stores import files
from blockyard_platform.host_blocks.stores.files import Files
from blockyard_schemas.statuses import Code

from .conftest import Use

ROOM = {"files": {"quota_mib": 1}, "document_kib": 4096}


@pytest.fixture
def own(tmp_path: Path) -> Files:
    folder = tmp_path / "own"
    folder.mkdir()
    return Files(folder, 1024 * 1024)


async def test_files_are_kept_between_runs(use: Use, data: Path) -> None:
    async def of(uses: str, **given: Any) -> Any:
        record = await use(uses, given, **ROOM)
        assert record.code is Code.DONE, record.error
        return record.outputs["result"]

    assert await of("file.list") == []
    assert await of("file.write", path="a/b.txt", text="é\n") == {"path": "a/b.txt", "size": 3}
    assert await of("file.read", path="a/b.txt") == "é\n"
    packed = base64.b64encode(b"\0\xff").decode()
    await of("file.write", path="a/é .bin", base64=packed)
    assert await of("file.read", path="a/é .bin", encoding="base64") == packed
    assert await of("file.list") == [{"name": "a", "kind": "folder", "size": 0}]
    assert await of("file.list", path="a") == [
        {"name": "b.txt", "kind": "file", "size": 3},
        {"name": "é .bin", "kind": "file", "size": 2},
    ]
    assert await of("file.list", path="a", limit=1) == [
        {"name": "b.txt", "kind": "file", "size": 3}
    ]
    assert await of("file.delete", path="a/b.txt") is True
    assert await of("file.delete", path="a/b.txt") is False
    assert await of("file.delete", path="no/where") is False
    assert (data / "tenants/acme/files/a").stat().st_mode & 0o777 == 0o700


async def test_a_root_of_the_policy_holds_a_folder_for_each_tenant(
    use: Use, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    rules = {"files": {"root": str(root), "quota_mib": 1}}
    record = await use("file.write", {"path": "a", "text": "1"}, **rules)
    assert record.code is Code.UNHANDLED_EXCEPTION
    assert record.error is not None
    assert str(root) not in record.error["message"]
    root.mkdir()
    for name in ("one", "two"):
        await use("file.write", {"path": "a", "text": name}, name=name, **rules)
    assert [(root / name / "a").read_text() for name in ("one", "two")] == ["one", "two"]


@pytest.mark.parametrize(
    ("uses", "given", "code", "told"),
    [
        ("file.read", {"path": "none"}, Code.INVALID_ARGUMENT, "there is no such file or folder"),
        ("file.read", {"path": "a"}, Code.INVALID_ARGUMENT, "it is a folder"),
        ("file.read", {"path": "a/bin"}, Code.INVALID_ARGUMENT, "read it as base64"),
        ("file.read", {"path": "a/bin/c"}, Code.INVALID_ARGUMENT, "is a file, not a folder"),
        ("file.list", {"path": "a/bin"}, Code.INVALID_ARGUMENT, "is a file, not a folder"),
        ("file.list", {"path": "a", "limit": 0}, Code.INVALID_ARGUMENT, "limit must be from 1"),
        ("file.write", {"path": "a", "text": ""}, Code.INVALID_ARGUMENT, "it is a folder"),
        ("file.write", {"path": "b"}, Code.INVALID_ARGUMENT, "give text or base64"),
        ("file.write", {"path": "b", "base64": "!"}, Code.INVALID_ARGUMENT, "is not Base64"),
        ("file.write", {"path": "a/bin/c", "text": ""}, Code.INVALID_ARGUMENT, "not a folder"),
        (
            *("file.write", {"path": "a/bin", "text": "", "overwrite": False}),
            *(Code.INVALID_ARGUMENT, "it is there already"),
        ),
        ("file.write", {"path": "b", "text": "x" * 2**20}, Code.FILE_SIZE_LIMIT, "files.quota_mib"),
        ("file.delete", {"path": "a"}, Code.INVALID_ARGUMENT, "the folder is not empty"),
    ],
)
async def test_what_goes_wrong_is_told(
    use: Use, data: Path, uses: str, given: Any, code: Code, told: str
) -> None:
    await use("file.write", {"path": "a/bin", "base64": "/w=="}, **ROOM)
    record = await use(uses, given, **ROOM)
    assert record.code is code
    assert record.error is not None
    assert told in record.error["message"]
    assert str(data) not in record.error["message"]


async def test_without_a_quota_there_are_no_files(use: Use, data: Path) -> None:
    record = await use("file.write", {"path": "a", "text": "1"})
    assert record.code is Code.FORBIDDEN_BLOCK
    assert not data.exists()


@pytest.mark.parametrize(
    "path",
    [
        *("", "/", "/etc/passwd", "..", "../b", "a/../../b", "a/./b", ".", "a//b", "a/", "a/.."),
        *("a\nb", "\x7f", ".blockyard-x", "a/.blockyard-00", "x" * 256, "é" * 128, "a/" * 16 + "b"),
    ],
)
async def test_paths_that_cannot_be(use: Use, data: Path, path: str) -> None:
    for uses, more in (("file.read", {}), ("file.write", {"text": "x"}), ("file.delete", {})):
        record = await use(uses, {"path": path, **more}, **ROOM)
        assert record.code is Code.INVALID_ARGUMENT
    assert [each for each in data.rglob("*") if each.is_file()] == []


@pytest.mark.parametrize("odd", ["..\\b", "%2e%2e", "...", "-rf", "~", "C:", "con", "a\u202eb"])
def test_odd_names_are_just_names(own: Files, odd: str) -> None:
    own.write(odd, b"1", replace=True)
    assert [path.name for path in own.folder.iterdir()] == [odd]


def link_to(own: Files, kind: str, outside: Path) -> None:
    place = own.folder / "link"
    if kind == "symbolic":
        place.symlink_to(outside / "secret")
    elif kind == "absolute":
        place.symlink_to("/etc/passwd")
    elif kind == "magic":
        place.symlink_to("/proc/self/fd/0")
    elif kind == "hard":
        place.hardlink_to(outside / "secret")
    elif kind == "pipe":
        os.mkfifo(place)
    else:
        place.symlink_to(outside)


@pytest.mark.parametrize("kind", ["symbolic", "absolute", "magic", "hard", "pipe", "folder"])
def test_links_that_others_made_are_not_followed(own: Files, tmp_path: Path, kind: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    link_to(own, kind, outside)
    for path in ("link", "link/secret"):
        with pytest.raises(StageFailureError, match=r"link|not a folder"):
            own.read(path, 100)
    with pytest.raises(StageFailureError, match=r"link|not a folder"):
        own.write("link/secret", b"mine", replace=True)
    with pytest.raises(StageFailureError, match=r"link|not a folder"):
        own.listed("link", 10)
    own.write("link", b"mine", replace=True)
    assert own.read("link", 100) == b"mine"
    assert own.delete("link")
    assert [path.name for path in outside.iterdir()] == ["secret"]
    assert (outside / "secret").read_text() == "secret"


async def test_the_tenants_folder_is_no_link(use: Use, data: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (data / "tenants/acme").mkdir(parents=True)
    (data / "tenants/acme/files").symlink_to(outside)
    record = await use("file.write", {"path": "a", "text": "1"}, **ROOM)
    assert record.code is Code.INVALID_ARGUMENT
    assert list(outside.iterdir()) == []


def test_a_folder_swapped_for_a_link_while_files_are_written(own: Files, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    ending = threading.Event()

    def swap() -> None:
        place, aside = own.folder / "a", own.folder / "aside"
        while not ending.is_set():
            try:
                place.rename(aside)
                place.symlink_to(outside)
                place.unlink()
                aside.rename(place)
            except OSError:
                if place.is_symlink():
                    place.unlink()

    own = Files(own.folder, 10**9)
    own.write("a/b", b"1", replace=True)
    thread = threading.Thread(target=swap)
    thread.start()
    for number in range(200):
        try:
            own.write(f"a/{number}", b"1", replace=True)
        except StageFailureError as error:
            assert error.code in (Code.INVALID_ARGUMENT, Code.UNHANDLED_EXCEPTION)  # noqa: PT017
    ending.set()
    thread.join()
    assert list(outside.iterdir()) == []


def test_the_quota_holds_against_many_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    own = Files(folder, 10 * 8192)
    refused: list[Code] = []

    def work(number: int) -> None:
        for turn in range(4):
            try:
                own.write(f"{number}-{turn}", b"x", replace=True)
            except StageFailureError as error:
                refused.append(error.code)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list(folder.iterdir())) == 10
    assert refused == [Code.FILE_SIZE_LIMIT] * 14
    name = next(folder.iterdir()).name
    own.write(name, b"y" * 4096, replace=True)
    with pytest.raises(StageFailureError):
        own.write(name, b"y" * 4097, replace=True)
    assert own.read(name, 10_000) == b"y" * 4096


def test_empty_files_and_folders_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = Files(tmp_path, 5 * 4096)
    own.write("a/b/c", b"", replace=True)
    own.write("a/b/d", b"", replace=True)
    own.write("e", b"", replace=True)
    with pytest.raises(StageFailureError):
        own.write("f", b"", replace=True)
    assert not (tmp_path / "f").exists()
    monkeypatch.setattr(files, "MOST_ENTRIES", 5)
    with pytest.raises(StageFailureError, match="at most 5 files and folders"):
        Files(tmp_path, 10**9).write("f", b"", replace=True)


def test_what_a_dead_platform_was_writing_is_removed(own: Files) -> None:
    for name, age in ((".blockyard-old", 7_200), (".blockyard-new", 60)):
        (own.folder / name).write_bytes(b"x" * 10)
        then = time.time() - age
        os.utime(own.folder / name, (then, then))
    own.write("a", b"1", replace=True)
    assert sorted(path.name for path in own.folder.iterdir()) == [".blockyard-new", "a"]
    assert [each["name"] for each in own.listed("", 10)] == ["a"]


def test_a_file_is_written_whole_or_not_at_all(own: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    own.write("a", b"old", replace=True)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StageFailureError, match="No space left on device") as caught:
        own.write("a", b"new", replace=True)
    assert caught.value.code is Code.UNHANDLED_EXCEPTION
    assert own.read("a", 10) == b"old"
    assert len(list(own.folder.iterdir())) == 1


async def test_a_large_file_is_not_read(use: Use) -> None:
    rules = {"files": {"quota_mib": 4}, "stage": {"result_kib": 1}}
    await use("file.write", {"path": "a", "text": "x" * 1_025}, **rules)
    record = await use("file.read", {"path": "a"}, **rules)
    assert record.code is Code.RESULT_LIMIT
