"""Restoring: an archive may be anything; what is no whole backup changes nothing."""

import gzip
import hashlib
import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blockyard_platform.service.operations.archives import MANIFEST, parse_manifest
from blockyard_platform.service.operations.backup import back_up
from blockyard_platform.service.operations.errors import RestoreError
from blockyard_platform.service.operations.restore import restore

from .archive_files import archive, entry, make_data, manifest, special

DATA = b"hello"


def refused(file: Path, words: str, **more: Any) -> None:
    """Restore, and see that it is refused and leaves nothing."""
    back = file.parent / "back"
    with pytest.raises(RestoreError, match=words):
        restore(file, back, **more)
    assert not back.exists()


def test_an_archive_of_this_form_is_restored(tmp_path: Path) -> None:
    made = archive(tmp_path / "b", ("0", DATA), (MANIFEST, manifest(entry("0", "a/b", DATA))))
    restore(made, tmp_path / "back")
    assert (tmp_path / "back" / "a" / "b").read_bytes() == DATA


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../up",
        "a/../../up",
        "a/./b",
        ".",
        "",
        "a//b",
        "a/",
        "nul\0l",
        "x" * 256,
        "/".join("x" * 50),
        "half\ud83d",
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(tmp_path: Path, path: str) -> None:
    made = archive(tmp_path / "b", ("0", DATA), (MANIFEST, manifest(entry("0", path, DATA))))
    refused(made, "path that cannot be")


@pytest.mark.parametrize(
    ("paths", "words"),
    [(["a", "a"], "names a path twice"), (["a", "a/b"], "path that cannot be")],
)
def test_two_files_cannot_have_one_place(tmp_path: Path, paths: list[str], words: str) -> None:
    rows = [entry(str(number), path, DATA) for number, path in enumerate(paths)]
    made = archive(tmp_path / "b", ("0", DATA), ("1", DATA), (MANIFEST, manifest(*rows)))
    refused(made, words)


@pytest.mark.parametrize(
    "member",
    [
        special("0", tarfile.SYMTYPE, "/etc/passwd"),
        special("0", tarfile.LNKTYPE, "/etc/passwd"),
        special("0", tarfile.CHRTYPE),
        special("0", tarfile.BLKTYPE),
        special("0", tarfile.FIFOTYPE),
        special("0", tarfile.DIRTYPE),
        special("0", tarfile.XHDTYPE),
        special("0", tarfile.XGLTYPE),
        special("0", tarfile.GNUTYPE_LONGNAME),
        special("0", tarfile.GNUTYPE_LONGLINK),
        special("0", tarfile.GNUTYPE_SPARSE),
        special("0", tarfile.AREGTYPE),
    ],
    ids=lambda it: f"type-{it.type!r}",
)
def test_anything_but_plain_files_is_refused(tmp_path: Path, member: tarfile.TarInfo) -> None:
    raw = member.tobuf(tarfile.GNU_FORMAT, "ascii", "strict")
    (tmp_path / "b").write_bytes(gzip.compress(raw + b"\0" * 1024))
    refused(tmp_path / "b", "something else than plain files")


@pytest.mark.parametrize("name", ["/etc/passwd", "../0", "a", "-1", "0/0", "٣", "9" * 30, "0x1"])
def test_a_member_has_a_number_for_a_name(tmp_path: Path, name: str) -> None:
    try:
        made = archive(tmp_path / "b", (name, DATA), (MANIFEST, manifest()))
    except UnicodeEncodeError:
        return
    refused(made, "that no backup has|cannot be read")


def test_what_was_changed_is_noticed(tmp_path: Path) -> None:
    row = entry("0", "a", DATA)
    cases: list[tuple[list[tuple[str, bytes]], str]] = [
        ([("0", b"Hello"), (MANIFEST, manifest(row))], "has another sum"),
        ([("0", DATA), (MANIFEST, manifest(row | {"size": 4}))], "has another sum"),
        ([("0", DATA), ("1", DATA), (MANIFEST, manifest(row))], "does not hold what its manifest"),
        ([(MANIFEST, manifest(row))], "does not hold what its manifest"),
        ([("0", DATA)], "has no manifest"),
        ([("0", DATA), ("0", DATA), (MANIFEST, manifest(row))], "more than a backup does"),
        ([(MANIFEST, manifest(row)), ("0", DATA)], "more than a backup does"),
        ([(MANIFEST, b"{}")], "no backup of this program"),
        ([(MANIFEST, b"[" * 100_000)], "no backup of this program"),
        ([(MANIFEST, manifest(format="blockyard-backup 2"))], "of a newer version"),
        ([(MANIFEST, manifest(schema="9999"))], "newer version of this program"),
        ([(MANIFEST, manifest(entries={}))], "manifest is damaged"),
        ([(MANIFEST, manifest(row | {"kind": "link"}))], "manifest is damaged"),
        ([(MANIFEST, manifest(row | {"size": True}))], "manifest is damaged"),
        ([(MANIFEST, manifest(["0"]))], "manifest is damaged"),
        ([(MANIFEST, manifest(entry("0", 7, DATA)))], "manifest is damaged"),
    ]
    for members, words in cases:
        refused(archive(tmp_path / "b", *members), words)


def test_bytes_that_belong_to_nothing_are_refused(tmp_path: Path) -> None:
    row = manifest(entry("0", "a", DATA))
    made = archive(tmp_path / "b", ("0", DATA), (MANIFEST, row), tail=b"more")
    refused(made, "bytes after its end")
    made = archive(tmp_path / "b", ("0", DATA), (MANIFEST, row), tail=b"\0" * 2_000_000)
    refused(made, "bytes after its end")
    raw = bytearray(gzip.decompress(archive(tmp_path / "b", ("0", DATA)).read_bytes()))
    raw[512 + 5] = 1
    (tmp_path / "b").write_bytes(gzip.compress(raw))
    refused(tmp_path / "b", "bytes between its files")


def test_a_bomb_fills_no_disk(tmp_path: Path) -> None:
    """The size in a header decides, before anything is written."""
    info = tarfile.TarInfo("0")
    for size in (1 << 50, 1 << 62):
        info.size = size
        head = info.tobuf(tarfile.GNU_FORMAT, "ascii", "strict")
        (tmp_path / "b").write_bytes(gzip.compress(head + b"\0" * 5_000_000))
        refused(tmp_path / "b", "larger than what may come out of it")
    zeros = b"\0" * 3_000_000
    made = archive(tmp_path / "b", ("0", zeros), ("1", zeros), (MANIFEST, manifest()))
    assert made.stat().st_size < 20_000
    refused(made, "larger than what may come out of it", most=5_000_000)
    info = tarfile.TarInfo(MANIFEST)
    info.size = 1 << 30
    head = info.tobuf(tarfile.GNU_FORMAT, "ascii", "strict")
    (tmp_path / "b").write_bytes(gzip.compress(head))
    refused(tmp_path / "b", "manifest is too large")


def test_an_archive_that_ends_early_or_is_none_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "b.tar.gz"
    back_up(make_data(tmp_path / "data"), file)
    whole = file.read_bytes()
    for size in (0, 5, 100, len(whole) // 2, len(whole) - 9, len(whole) - 1):
        file.write_bytes(whole[:size])
        refused(file, "cannot be restored|cannot be read")
    for wrong in (b"PK\3\4 a zip", b"\x1f\x8b\x08" + b"\xff" * 500, os.urandom(2_000)):
        file.write_bytes(wrong)
        refused(file, "cannot be restored|cannot be read")
    file.write_bytes(gzip.compress(b"no tar at all" * 100))
    refused(file, "cannot be read")


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(at=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_bit_that_flipped_is_noticed_or_harmless(tmp_path: Path, at: float, bit: int) -> None:
    made = archive(
        tmp_path / "b", ("0", DATA * 99), (MANIFEST, manifest(entry("0", "a", DATA * 99)))
    )
    raw = bytearray(made.read_bytes())
    raw[int(at * len(raw))] ^= 1 << bit
    made.write_bytes(raw)
    back = tmp_path / hashlib.sha256(raw).hexdigest()
    try:
        restore(made, back)
    except RestoreError:
        assert not back.exists()
    else:
        assert (back / "a").read_bytes() == DATA * 99


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda it: st.lists(it) | st.dictionaries(st.text(), it),
    )
)
def test_a_manifest_is_one_or_is_refused(value: Any) -> None:
    for found in (value, {"format": "blockyard-backup 1", "entries": value}):
        with pytest.raises(RestoreError):
            parse_manifest(json.dumps(found).encode())


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path: Path) -> None:
    made = archive(tmp_path / "b", ("0", DATA), (MANIFEST, manifest(entry("0", "a", DATA))))
    back = tmp_path / "back"
    back.mkdir()
    (back / "mine").write_text("mine")
    with pytest.raises(RestoreError, match="is not empty"):
        restore(made, back)
    assert [it.name for it in back.iterdir()] == ["mine"]
    with pytest.raises(RestoreError, match="only a data folder"):
        restore(made, "postgresql://host/x")


def test_an_empty_disk_is_restored_to(tmp_path: Path) -> None:
    made = archive(tmp_path / "b", ("0", DATA), (MANIFEST, manifest(entry("0", "a", DATA))))
    back = tmp_path / "back"
    (back / "lost+found").mkdir(parents=True)
    restore(made, back)
    assert sorted(it.name for it in back.iterdir()) == ["a", "lost+found"]


def test_a_restore_that_fails_at_its_end_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = manifest(entry("0", "a/b", DATA), entry("1", "c", DATA))
    made = archive(tmp_path / "b", ("0", DATA), ("1", DATA), (MANIFEST, rows))
    real = Path.rename

    def fails(self: Path, target: Path) -> Path:
        if target.name == "c":
            raise OSError(5, "Input/output error")
        return real(self, target)

    monkeypatch.setattr(Path, "rename", fails)
    refused(made, "Input/output error")
