"""Secrets at rest: AES-256-GCM with keys of the admin's key file, each value bound to its tenant and name.

A sealed value is the text ``blockyard1.KEYID.DATA.``, where DATA is the base64 (url-safe, unpadded) of a random nonce of 12
bytes, the encrypted value and the tag of 16 bytes. The full stop at its end tells a text that was cut off from one that was altered.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
from contextlib import suppress
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from blockyard_platform.secrets.errors import Reason, SealedError, SecretValueError
from blockyard_platform.secrets.key_files import Key, add_key, create_key_file, read_key_file
from blockyard_platform.secrets.names import NAME
from blockyard_schemas.showing import shown

MOST_VALUE_BYTES = 64 << 10
MOST_TENANT_CHARACTERS = 200
_PREFIX = "blockyard1"
_NONCE_BYTES = 12
_TAG_BYTES = 16
_MOST_SEALED = (MOST_VALUE_BYTES + _NONCE_BYTES + _TAG_BYTES) * 4 // 3 + 40
_SEALED = re.compile(r"blockyard1\.([0-9a-f]{16})\.([A-Za-z0-9_-]*)\.")


class KeyRing:
    """The keys of one key file. The newest seals; all of them open. It may be used from several threads."""

    __slots__ = ("_ciphers", "_newest")

    def __init__(self, keys: list[Key]) -> None:
        """Use :meth:`create` or :meth:`load` instead."""
        # Only the library's own objects hold the keys: they show nothing, and they cannot be pickled.
        self._ciphers = {name: AESGCM(key) for name, key in keys}
        self._newest = keys[-1][0]

    @classmethod
    def create(cls, path: str | os.PathLike[str]) -> Self:
        """Write a key file (mode 0600) of one fresh key, and load it. Raises KeyFileError, also when there is a file already."""
        create_key_file(path)
        return cls.load(path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Return the keys of a file. Raises KeyFileError, also when others than its owner may read it."""
        return cls(read_key_file(path))

    @classmethod
    def rotate(cls, path: str | os.PathLike[str]) -> Self:
        """Add a fresh key to a file, and load it. Raises KeyFileError.

        Processes that have loaded the file before do not know the new key: load the file in all of them, or start them
        anew, before anything is sealed with it. An older key may be deleted once every value went through :meth:`reseal`.
        """
        add_key(path)
        return cls.load(path)

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the keys, the newest last."""
        return tuple(self._ciphers)

    def __repr__(self) -> str:
        """Show the ids, never a key."""
        return f"KeyRing(ids={list(self._ciphers)})"

    def seal(self, tenant: str, name: str, value: bytes | str) -> str:
        """Return the value sealed for this tenant and name.

        ``value`` is text, or bytes that are UTF-8, of at most 64 KiB. Raises SecretValueError.
        """
        _check_place(tenant, name)
        plain = _plain(name, value)
        nonce = os.urandom(_NONCE_BYTES)
        bound = _bound_to(self._newest, tenant, name)
        data = nonce + self._ciphers[self._newest].encrypt(nonce, plain, bound)
        return f"{_PREFIX}.{self._newest}.{_encoded(data)}."

    def open(self, tenant: str, name: str, sealed: str) -> str:
        """Return the value that was sealed for this tenant and name. Raises SealedError."""
        key_id, data = _parts(name, sealed)
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise SealedError(
                Reason.KEY,
                f"the secret {shown(name)} was sealed with the key {key_id}, which is not in the key file",
                "put the key back into the key file, or set the secret again",
            )
        nonce, encrypted = data[:_NONCE_BYTES], data[_NONCE_BYTES:]
        with suppress(InvalidTag):
            return cipher.decrypt(nonce, encrypted, _bound_to(key_id, tenant, name)).decode()
        raise _changed(name)

    def reseal(self, tenant: str, name: str, sealed: str) -> str:
        """Return the value sealed with the newest key: the same text when it is so already. Raises SealedError."""
        value = self.open(tenant, name, sealed)
        if sealed.startswith(f"{_PREFIX}.{self._newest}."):
            return sealed
        return self.seal(tenant, name, value)


def _check_place(tenant: str, name: str) -> None:
    if not 0 < len(tenant) <= MOST_TENANT_CHARACTERS:
        raise SecretValueError(f"a tenant has 1 to {MOST_TENANT_CHARACTERS} characters")
    if not NAME.fullmatch(name):
        raise SecretValueError(
            f"{shown(name)} cannot be the name of a secret",
            "use letters, digits, _ and -, at most 100, and begin with a letter or _",
        )


def _plain(name: str, value: bytes | str) -> bytes:
    # Raised outside of the handler: an error of the codec holds the value, and would stay as the context.
    plain: bytes | None = None
    with suppress(UnicodeError):
        plain = value.encode() if isinstance(value, str) else value.decode().encode()
    if plain is None:
        raise SecretValueError(
            f"the value of the secret {name} is not text",
            "encode what is binary, with base64 for example",
        )
    if len(plain) > MOST_VALUE_BYTES:
        raise SecretValueError(
            f"the value of the secret {name} has {len(plain)} bytes; at most {MOST_VALUE_BYTES} are allowed"
        )
    return plain


def _bound_to(key_id: str, tenant: str, name: str) -> bytes:
    # A JSON list is unambiguous: the tenant "a" with the name "bc" is not the tenant "ab" with the name "c".
    return json.dumps([_PREFIX, key_id, tenant, name]).encode()


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _parts(name: str, sealed: str) -> tuple[str, bytes]:
    """Return the key's id and the data of a sealed text."""
    if not sealed.startswith(f"{_PREFIX}.") or len(sealed) > _MOST_SEALED:
        raise SealedError(
            Reason.FORM, f"what is kept of the secret {shown(name)} is not a sealed value"
        )
    if not sealed.endswith(".") or sealed.count(".") < 3:
        raise SealedError(
            Reason.CUT, f"what is kept of the secret {shown(name)} is cut off", "set it again"
        )
    found = _SEALED.fullmatch(sealed)
    data = b""
    if found:
        with suppress(binascii.Error):
            data = base64.urlsafe_b64decode(found[2] + "=" * (-len(found[2]) % 4))
    # The last letter may have bits that decoding ignores: only the one right way of writing is accepted.
    if not found or len(data) < _NONCE_BYTES + _TAG_BYTES or _encoded(data) != found[2]:
        raise _changed(name)
    return found[1], data


def _changed(name: str) -> SealedError:
    return SealedError(
        Reason.CHANGED,
        f"what is kept of the secret {shown(name)} was altered, or was sealed for another tenant or name",
        "set it again",
    )
