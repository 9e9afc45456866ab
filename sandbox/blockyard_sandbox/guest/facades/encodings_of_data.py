"""Data as text or bytes: json, base64, hashlib, hmac, uuid, urllib.parse."""

import base64
import binascii
import hashlib
import hmac
import json
import urllib.parse
import uuid
from collections.abc import Callable
from typing import Any

from blockyard_sandbox.guest.facade import Facade
from blockyard_sandbox.guest.facades.part import Part, pick

BASE64 = """a85decode a85encode b16decode b16encode b32decode b32encode b32hexdecode b32hexencode b64decode
b64encode b85decode b85encode decodebytes encodebytes standard_b64decode standard_b64encode
urlsafe_b64decode urlsafe_b64encode"""

# Left out: file_digest takes file objects.
HASHES = """blake2b blake2s md5 new pbkdf2_hmac scrypt sha1 sha224 sha256 sha384 sha3_224 sha3_256 sha3_384
sha3_512 sha512 shake_128 shake_256"""

HASH = "block_size copy digest digest_size hexdigest name update"

# Left out: uuid1 and getnode tell the machine's address.
UUIDS = "NAMESPACE_DNS NAMESPACE_OID NAMESPACE_URL NAMESPACE_X500 UUID uuid3 uuid4 uuid5"

UUID = """bytes bytes_le clock_seq fields hex int node time time_hi_version time_low time_mid urn variant
version"""

URLS = """parse_qs parse_qsl quote quote_from_bytes quote_plus unquote unquote_plus unquote_to_bytes
urldefrag urlencode urljoin urlparse urlsplit urlunparse urlunsplit"""

SPLIT = "count fragment geturl hostname index netloc password path port query scheme username"


def dumps(
    value: Any,
    *,
    skipkeys: bool = False,
    ensure_ascii: bool = True,
    check_circular: bool = True,
    allow_nan: bool = True,
    indent: int | str | None = None,
    separators: tuple[str, str] | None = None,
    default: Callable[[Any], Any] | None = None,
    sort_keys: bool = False,
) -> str:
    """Return JSON text; without ``cls``, since an encoder class is shared by all who use it."""
    return json.dumps(
        value,
        skipkeys=skipkeys,
        ensure_ascii=ensure_ascii,
        check_circular=check_circular,
        allow_nan=allow_nan,
        indent=indent,
        separators=separators,
        default=default,
        sort_keys=sort_keys,
    )


def loads(
    text: str | bytes,
    *,
    object_hook: Callable[[dict[str, Any]], Any] | None = None,
    parse_float: Callable[[str], Any] | None = None,
    parse_int: Callable[[str], Any] | None = None,
    parse_constant: Callable[[str], Any] | None = None,
    object_pairs_hook: Callable[[list[tuple[str, Any]]], Any] | None = None,
) -> Any:
    """Return the data of a JSON text; without ``cls``."""
    return json.loads(
        text,
        object_hook=object_hook,
        parse_float=parse_float,
        parse_int=parse_int,
        parse_constant=parse_constant,
        object_pairs_hook=object_pairs_hook,
    )


def part() -> Part:
    """Build the facades of encoded data."""
    urls = pick(urllib.parse, URLS)
    return Part(
        {
            "json": {"dumps": dumps, "loads": loads, "JSONDecodeError": json.JSONDecodeError},
            "base64": pick(base64, BASE64),
            "binascii": pick(binascii, "Error crc32 hexlify unhexlify"),
            "hashlib": pick(hashlib, HASHES),
            "hmac": pick(hmac, "compare_digest digest new"),
            "uuid": pick(uuid, UUIDS),
            "urllib": {"parse": Facade("urllib.parse", urls)},
            "urllib.parse": urls,
        },
        (
            (json.JSONDecodeError, "add_note args colno doc lineno msg pos"),
            (binascii.Error, "add_note args"),
            *((kind, HASH) for kind in _hash_types()),
            (hmac.HMAC, HASH),
            (uuid.UUID, UUID),
            (urllib.parse.SplitResult, SPLIT),
            (urllib.parse.ParseResult, SPLIT + " params"),
            (urllib.parse.DefragResult, "count fragment geturl index url"),
            (urllib.parse.SplitResultBytes, SPLIT),
            (urllib.parse.ParseResultBytes, SPLIT + " params"),
        ),
    )


def _hash_types() -> set[type]:
    return {type(hashlib.new(name)) for name in hashlib.algorithms_guaranteed}
