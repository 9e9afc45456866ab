"""Secrets at rest: what seals opens, for the same tenant and name, with the same keys, unaltered; and nothing else does."""

import base64
import os
import pickle
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blockyard_platform.secrets.errors import (
    KeyFileError,
    Reason,
    SealedError,
    SecretValueError,
)
from blockyard_platform.secrets.sealing import MOST_VALUE_BYTES, KeyRing

KEY_LINE = "69108001de57b1e3 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,99}", fullmatch=True)
TENANTS = st.text(min_size=1, max_size=200)
VALUES = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory) -> KeyRing:
    return KeyRing.create(tmp_path_factory.mktemp("keys") / "keys")


def written(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def reason_of(ring: KeyRing, tenant: str, name: str, sealed: str) -> Reason:
    with pytest.raises(SealedError) as caught:
        ring.open(tenant, name, sealed)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return caught.value.reason


@given(TENANTS, NAMES, VALUES)
def test_what_is_sealed_opens_and_shows_nothing(
    ring: KeyRing, tenant: str, name: str, value: str
) -> None:
    sealed = ring.seal(tenant, name, value)
    assert ring.open(tenant, name, sealed) == value
    assert ring.open(tenant, name, ring.seal(tenant, name, value.encode())) == value
    assert sealed.isascii()
    assert sealed != ring.seal(tenant, name, value)


@given(TENANTS, TENANTS, NAMES, NAMES)
def test_a_sealed_value_opens_for_no_other_tenant_or_name(
    ring: KeyRing, tenant: str, other: str, name: str, other_name: str
) -> None:
    sealed = ring.seal(tenant, name, "a value")
    for place in ((other, name), (tenant, other_name), (name, tenant), (other, other_name)):
        if place != (tenant, name):
            assert reason_of(ring, *place, sealed) is Reason.CHANGED


def test_the_border_of_tenant_and_name_cannot_be_moved(ring: KeyRing) -> None:
    sealed = ring.seal("a", "bc", "a value")
    assert reason_of(ring, "ab", "c", sealed) is Reason.CHANGED
    assert reason_of(ring, 'a", "bc', "", sealed) is Reason.CHANGED


@given(VALUES, st.data())
def test_an_altered_byte_never_opens(ring: KeyRing, value: str, data: st.DataObject) -> None:
    head, key_id, text, _ = ring.seal("acme", "KEY", value).split(".")
    raw = bytearray(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    altered = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    assert reason_of(ring, "acme", "KEY", f"{head}.{key_id}.{altered}.") is Reason.CHANGED


@given(VALUES, st.data(), st.characters(exclude_categories=["Cs"]))
def test_an_altered_character_never_opens(
    ring: KeyRing, value: str, data: st.DataObject, character: str
) -> None:
    sealed = ring.seal("acme", "KEY", value)
    at = data.draw(st.integers(0, len(sealed) - 1))
    altered = sealed[:at] + character + sealed[at + 1 :]
    if altered != sealed:
        assert reason_of(ring, "acme", "KEY", altered) in Reason


def test_every_last_letter_but_one_is_refused(ring: KeyRing) -> None:
    # The last letter of base64 may have bits that decoding ignores.
    sealed = ring.seal("acme", "KEY", "ab")
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for letter in letters.replace(sealed[-2], ""):
        altered = f"{sealed[:-2]}{letter}."
        assert reason_of(ring, "acme", "KEY", altered) is Reason.CHANGED


def test_what_is_cut_off_says_so(ring: KeyRing) -> None:
    sealed = ring.seal("acme", "KEY", "a value")
    for size in range(len("blockyard1."), len(sealed)):
        assert reason_of(ring, "acme", "KEY", sealed[:size]) is Reason.CUT


@pytest.mark.parametrize(
    "text", ["", "plain", "blockyard2.x.y.", "blockyard1", "blockyard1." + "A" * 100_000 + "."]
)
def test_what_is_no_sealed_value(ring: KeyRing, text: str) -> None:
    assert reason_of(ring, "acme", "KEY", text) is Reason.FORM


def test_another_key_is_named(ring: KeyRing, tmp_path: Path) -> None:
    sealed = ring.seal("acme", "KEY", "a value")
    other = KeyRing.create(tmp_path / "keys")
    with pytest.raises(SealedError, match=f"sealed with the key {ring.ids[0]}, which is not"):
        other.open("acme", "KEY", sealed)
    assert reason_of(other, "acme", "KEY", sealed) is Reason.KEY
    # With the id of a key that is there, the value still does not open.
    renamed = sealed.replace(ring.ids[0], other.ids[0])
    assert reason_of(other, "acme", "KEY", renamed) is Reason.CHANGED


def test_rotation(tmp_path: Path) -> None:
    first = KeyRing.create(tmp_path / "keys")
    sealed = first.seal("acme", "KEY", "a value")
    second = KeyRing.rotate(tmp_path / "keys")
    assert len(second.ids) == 2
    assert second.ids[0] == first.ids[0]
    assert second.open("acme", "KEY", sealed) == "a value"
    again = second.reseal("acme", "KEY", sealed)
    assert again.split(".")[1] == second.ids[1]
    assert second.open("acme", "KEY", again) == "a value"
    assert second.reseal("acme", "KEY", again) == again
    assert reason_of(first, "acme", "KEY", again) is Reason.KEY
    with pytest.raises(SealedError):
        second.reseal("other", "KEY", sealed)
    assert KeyRing.load(tmp_path / "keys").ids == second.ids
    assert os.listdir(tmp_path) == ["keys"]
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o600


def test_rotation_through_a_link_keeps_the_link(tmp_path: Path) -> None:
    KeyRing.create(tmp_path / "real")
    (tmp_path / "link").symlink_to("real")
    assert KeyRing.rotate(tmp_path / "link").ids == KeyRing.load(tmp_path / "real").ids
    assert (tmp_path / "link").is_symlink()


def test_two_rotations_at_once_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    ring = KeyRing.create(path)
    aside = written(tmp_path / "keys.new", "")
    with pytest.raises(KeyFileError, match=r"keys\.new: is there already") as caught:
        KeyRing.rotate(path)
    assert caught.value.hint == f"someone else is adding a key; if nobody is, delete {aside}"
    assert KeyRing.load(path).ids == ring.ids


def test_a_rotation_that_fails_leaves_nothing(tmp_path: Path) -> None:
    path = written(tmp_path / "keys", "nothing")
    with pytest.raises(KeyFileError, match="not a key file"):
        KeyRing.rotate(path)
    assert os.listdir(tmp_path) == ["keys"]
    with pytest.raises(KeyFileError, match="No such file"):
        KeyRing.rotate(tmp_path / "other")
    assert os.listdir(tmp_path) == ["keys"]


def test_a_key_file_is_private_and_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    before = os.umask(0)
    try:
        KeyRing.create(path)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600
    content = path.read_text()
    with pytest.raises(KeyFileError, match="is there already"):
        KeyRing.create(path)
    assert path.read_text() == content
    with pytest.raises(KeyFileError, match="cannot be made: No such file"):
        KeyRing.create(tmp_path / "no" / "keys")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o601, 0o644, 0o666])
def test_a_key_file_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "keys"
    KeyRing.create(path)
    path.chmod(mode)
    with pytest.raises(KeyFileError, match=rf"others may use it \(mode {mode:04o}\)") as caught:
        KeyRing.load(path)
    assert caught.value.hint == f"chmod 600 {path}, and add a key if others may have read it"


def test_a_key_file_that_cannot_be_written_to_is_fine(tmp_path: Path) -> None:
    ring = KeyRing.create(tmp_path / "keys")
    (tmp_path / "keys").chmod(0o400)
    assert KeyRing.load(tmp_path / "keys").ids == ring.ids


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_key_file_of_another_user_is_refused(tmp_path: Path) -> None:
    KeyRing.create(tmp_path / "keys")
    os.chown(tmp_path / "keys", 12345, 12345)
    with pytest.raises(KeyFileError, match="belongs to another user"):
        KeyRing.load(tmp_path / "keys")


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for place in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(KeyFileError, match="is not a file"):
            KeyRing.load(place)
    with pytest.raises(KeyFileError, match="cannot be read: No such file") as caught:
        KeyRing.load(tmp_path / "none")
    assert caught.value.hint == "make one with KeyRing.create"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not a key file of this version"),
        ("blockyard-keys 2\n", "is not a key file of this version"),
        ("blockyard-keys 1\n", "has 0 keys; it may have 1 to 100"),
        (f"blockyard-keys 1\n{KEY_LINE}", "its last line is cut off"),
        (f"blockyard-keys 1\n{KEY_LINE}\n{KEY_LINE}\n", "has a key twice"),
        (f"blockyard-keys 1\n\n{KEY_LINE}\n", "line 2: is not an id and a key"),
        ("blockyard-keys 1\nab ?\n", "line 2: the key is not base64"),
        ("blockyard-keys 1\nab é\n", "line 2: the key is not base64"),
        ("blockyard-keys 1\nab AAAA\n", "line 2: the key has 3 bytes; it must have 32"),
        (f"blockyard-keys 1\n{KEY_LINE.replace('AAEC', 'AAED')}\n", "not the one of its id"),
        ("blockyard-keys 1\n" + "x" * 20_000 + "\n", "is larger than 16384 bytes"),
    ],
)
def test_a_key_file_of_the_wrong_form(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(KeyFileError, match=message) as caught:
        KeyRing.load(written(tmp_path / "keys", text))
    assert "AAECAwQ" not in str(caught.value)
    assert caught.value.__context__ is None


def test_values_of_this_version_open_for_ever(tmp_path: Path) -> None:
    ring = KeyRing.load(written(tmp_path / "keys", f"blockyard-keys 1\n{KEY_LINE}\n"))
    sealed = "blockyard1.69108001de57b1e3.AAAAAAAAAAAAAAAAZsnbqtBesTOUgXRxPIMo7tNswCAHbrA."
    assert ring.open("acme", "API_KEY", sealed) == "hunter2"


@pytest.mark.parametrize("name", ["", "1A", "A B", "-A", "A" * 101, "Ä", "A\n", "A.B", "A/B"])
def test_names_that_secrets_cannot_have(ring: KeyRing, name: str) -> None:
    with pytest.raises(SecretValueError, match="cannot be the name of a secret"):
        ring.seal("acme", name, "a value")


@pytest.mark.parametrize("tenant", ["", "t" * 201])
def test_tenants_that_cannot_be(ring: KeyRing, tenant: str) -> None:
    with pytest.raises(SecretValueError, match="a tenant has 1 to 200 characters"):
        ring.seal(tenant, "KEY", "a value")


def test_the_largest_value(ring: KeyRing) -> None:
    value = "é" * (MOST_VALUE_BYTES // 2)
    assert ring.open("acme", "KEY", ring.seal("acme", "KEY", value)) == value
    with pytest.raises(SecretValueError, match="has 65537 bytes; at most 65536 are allowed"):
        ring.seal("acme", "KEY", value + "a")


@pytest.mark.parametrize("value", [b"\xff hunter2", "\ud800 hunter2"])
def test_what_is_not_text_is_refused_without_telling_it(ring: KeyRing, value: bytes | str) -> None:
    with pytest.raises(SecretValueError, match="KEY is not text") as caught:
        ring.seal("acme", "KEY", value)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__context__ is None


def test_a_key_ring_shows_no_key(tmp_path: Path) -> None:
    ring = KeyRing.load(written(tmp_path / "keys", f"blockyard-keys 1\n{KEY_LINE}\n"))
    assert repr(ring) == str(ring) == "KeyRing(ids=['69108001de57b1e3'])"
    with pytest.raises(TypeError):
        pickle.dumps(ring)


@settings(max_examples=50)
@given(st.text(max_size=100))
def test_any_text_is_refused(ring: KeyRing, text: str) -> None:
    assert reason_of(ring, "acme", "KEY", text) is Reason.FORM
    assert reason_of(ring, "acme", "KEY", f"blockyard1.{text}.") in Reason
