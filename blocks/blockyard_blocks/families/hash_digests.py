"""Hash: digests of texts, and texts for bytes."""

import base64
import binascii
import hashlib
import hmac as hmacs
import zlib
from typing import Literal

from blockyard_blocks.declaring import Example, family

hash_block = family("hash")

Encoding = Literal["hex", "base64"]
Algorithm = Literal["md5", "sha1", "sha256", "sha384", "sha512", "sha3_256", "blake2b"]


def _shown(digest: bytes, encoding: Encoding) -> str:
    return digest.hex() if encoding == "hex" else base64.b64encode(digest).decode()


@hash_block(Example({"text": "abc"}, "900150983cd24fb0d6963f7d28e17f72"))
def md5(*, text: str, encoding: Encoding = "hex") -> str:
    """Return the MD5 digest of a text in UTF-8; it protects against nothing but accidents.

    - text: the text
    - encoding: how to write it
    """
    return _shown(hashlib.md5(text.encode(), usedforsecurity=False).digest(), encoding)


@hash_block(Example({"text": "abc"}, "a9993e364706816aba3e25717850c26c9cd0d89d"))
def sha1(*, text: str, encoding: Encoding = "hex") -> str:
    """Return the SHA-1 digest of a text in UTF-8; it protects against nothing but accidents.

    - text: the text
    - encoding: how to write it
    """
    return _shown(hashlib.sha1(text.encode(), usedforsecurity=False).digest(), encoding)


@hash_block(
    Example({"text": "abc", "encoding": "base64"}, "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=")
)
def sha256(*, text: str, encoding: Encoding = "hex") -> str:
    """Return the SHA-256 digest of a text in UTF-8.

    - text: the text
    - encoding: how to write it
    """
    return _shown(hashlib.sha256(text.encode()).digest(), encoding)


@hash_block(
    Example(
        {"text": "", "encoding": "base64"},
        "z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==",
    )
)
def sha512(*, text: str, encoding: Encoding = "hex") -> str:
    """Return the SHA-512 digest of a text in UTF-8.

    - text: the text
    - encoding: how to write it
    """
    return _shown(hashlib.sha512(text.encode()).digest(), encoding)


@hash_block(Example({"text": "abc", "size": 8}, "d8bb14d833d59559"))
def blake2b(*, text: str, size: int = 32, encoding: Encoding = "hex") -> str:
    """Return the BLAKE2b digest of a text in UTF-8.

    - text: the text
    - size: how many bytes it has, 1 to 64
    - encoding: how to write it
    """
    if not 1 <= size <= 64:
        raise ValueError("size must be from 1 to 64 bytes")
    return _shown(hashlib.blake2b(text.encode(), digest_size=size).digest(), encoding)


@hash_block(Example({"text": "abc"}, 891568578))
def crc32(*, text: str) -> int:
    """Return the CRC-32 checksum of a text in UTF-8.

    - text: the text
    """
    return zlib.crc32(text.encode())


@hash_block(
    Example(
        {"text": "what do ya want for nothing?", "key": "Jefe"},
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    )
)
def hmac(
    *, text: str, key: str, algorithm: Algorithm = "sha256", encoding: Encoding = "hex"
) -> str:
    """Return the HMAC (RFC 2104) of a text and a key, both in UTF-8.

    - text: the text
    - key: the key
    - algorithm: the digest to use
    - encoding: how to write it
    """
    return _shown(hmacs.new(key.encode(), text.encode(), algorithm).digest(), encoding)


@hash_block(Example({"text": "héllo?"}, "aMOpbGxvPw=="))
def base64_encode(*, text: str, url_safe: bool = False) -> str:
    """Write a text, in UTF-8, as Base64 (RFC 4648).

    - text: the text
    - url_safe: with - and _ in the place of + and /, and without = at the end
    """
    if url_safe:
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    return base64.b64encode(text.encode()).decode()


@hash_block(Example({"text": "aMOpbGxvPw"}, "héllo?"))
def base64_decode(*, text: str) -> str:
    """Read a text, in UTF-8, from Base64 in either of its forms; the = at the end may be missing.

    - text: the Base64 text
    """
    standard = "".join(text.split()).translate(str.maketrans("-_", "+/")).rstrip("=")
    try:
        data = base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("the text is not Base64") from None
    return _text(data)


@hash_block(Example({"text": "hé"}, "68c3a9"))
def hex_encode(*, text: str) -> str:
    """Write a text, in UTF-8, as hexadecimal digits.

    - text: the text
    """
    return text.encode().hex()


@hash_block(Example({"text": "68 C3 A9"}, "hé"))
def hex_decode(*, text: str) -> str:
    """Read a text, in UTF-8, from hexadecimal digits.

    - text: the digits, white space between bytes is passed over
    """
    try:
        data = bytes.fromhex(text)
    except ValueError:
        raise ValueError("the text is not made of pairs of hexadecimal digits") from None
    return _text(data)


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ValueError("the bytes are not a text in UTF-8") from None
