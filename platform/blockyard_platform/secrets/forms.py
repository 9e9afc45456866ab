"""The forms in which a secret value may turn up in a text: plain, base64, hexadecimal, percent-encoded, escaped."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from urllib.parse import quote

from blockyard_platform.secrets.errors import SecretValueError

SHORTEST = 4
"""Characters of a value that is masked in other forms than its own.

The base64 of three bytes that stand anywhere in a text has as few as two letters of its own: masking every place where these
two stand would make any text unreadable, and would still hide nothing, since so short a value is guessed at once.
"""
MOST_BYTES = 128 << 10
MOST_LINES = 2_000
"""Bytes (UTF-8) and lines of all values of one masker: they have some fifty forms each, which take time and memory."""
LONGEST = 64
"""Characters of a piece. A longer form is masked piece by piece, so that no text has to be held back for long."""

_URL_SAFE = str.maketrans("+/", "-_")
_BASE64_WIDTHS = (76, 64)
_HEX_WIDTHS = (60,)
"""Where programs break lines: base64 and MIME, PEM, ``xxd -p``."""
_SHORTEST_WRAPPED = 8
"""Characters of a line of base64 or hexadecimal: four hexadecimal digits would be found in any list of hashes."""
_LEFT_PLAIN = ("", "/", "!'()*", "!'()*;,/?:@&=+$#", "!'()*;,/?:@&=+$#[]")
"""What is not percent-encoded: RFC 3986, paths, encodeURIComponent, encodeURI, whole addresses."""
_JSON_SETS = ("<>&", "<>&\u2028\u2029", "<>&'")
_JSON_UPPER_SET = "<>&'+`"
"""What is written as \\uXXXX besides what must be: HTML-safe writers, Go, Flask; and .NET, with upper-case digits."""
_PERCENT = re.compile("(?:%[0-9A-F]{2})+")
_ESCAPE = re.compile(r"\\(?:u[0-9a-f]{4}|.)", re.DOTALL)


def check_size(values: Iterable[str]) -> None:
    """Raise SecretValueError when the values are more than one masker may have."""
    values = list(values)
    size = sum(len(each.encode("utf-8", "surrogatepass")) for each in values)
    if size > MOST_BYTES or sum(len(each.splitlines()) for each in values) > MOST_LINES:
        raise SecretValueError(
            f"the values to mask have more than {MOST_BYTES} bytes or {MOST_LINES} lines together",
            "use fewer secrets in one run, or smaller ones",
        )


def pieces_of(value: str) -> Iterator[str]:
    """Yield what has to be masked for a value: its forms and those of its lines, cut into pieces of at most 64 characters.

    A blank value has none: no secret is kept by hiding spaces and line ends.
    """
    if not value.strip():
        return
    for part in with_lines(value):
        for form in forms_of(part):
            yield from _cut(form)
    for form in wrapped_forms_of(value):
        yield from _cut(form)


def with_lines(text: str, shortest: int = SHORTEST) -> set[str]:
    """Return a text, and itself and its lines without the space around them, apart from lines shorter than ``shortest``.

    Programs print line by line, and log writers put something before each. Short lines, such as a brace of a JSON
    document, would be masked everywhere.
    """
    lines = (line.strip() for line in text.splitlines())
    return {text, text.strip(), *(line for line in lines if len(line) >= shortest)}


def forms_of(value: str) -> set[str]:
    """Return the forms of a value, its own among them; of a value shorter than 4 characters there is only its own."""
    if len(value) < SHORTEST:
        return {value}
    data = value.encode("utf-8", "surrogatepass")
    forms = {value, *_base64(data), *_hexadecimal(data), *_percent(data)}
    if not (value.isascii() and value.isalnum()):
        forms.update(_in_json(value), _in_python(value, data))
    return forms


def _cut(form: str) -> Iterator[str]:
    for at in range(0, len(form) - LONGEST, LONGEST):
        yield form[at : at + LONGEST]
    yield form[-LONGEST:]


def _base64(data: bytes) -> Iterator[str]:
    for before, first in ((0, 0), (1, 2), (2, 3)):
        # Of a longer text's base64, the value alone decides the letters from ``first`` up to ``whole``. With
        # ``padded`` and ``bare`` the text ends where the value ends.
        padded = b64encode(bytes(before) + data).decode()
        bare = padded.rstrip("=")
        # A letter at an edge that holds bits of what is around, and up to four of the value, is left.
        whole = (before + len(data)) * 8 // 6
        forms = {padded[first:], bare[first:], bare[first:whole]}
        yield from forms
        yield from (form.translate(_URL_SAFE) for form in forms)


def _hexadecimal(data: bytes) -> Iterator[str]:
    yield data.hex()
    yield data.hex().upper()


def wrapped_forms_of(value: str) -> Iterator[str]:
    """Yield the base64 and hexadecimal forms of a long value as programs print them, in several lines, and each of these lines."""
    data = value.encode("utf-8", "surrogatepass")
    base64 = b64encode(data).decode()
    yield from _wrapped(base64, _BASE64_WIDTHS)
    yield from _wrapped(base64.translate(_URL_SAFE), _BASE64_WIDTHS)
    yield from _wrapped(data.hex(), _HEX_WIDTHS)
    yield from _wrapped(data.hex().upper(), _HEX_WIDTHS)


def _wrapped(text: str, widths: Iterable[int]) -> Iterator[str]:
    for width in widths:
        if len(text) > width:
            lines = (text[at : at + width] for at in range(0, len(text), width))
            yield from with_lines("\n".join(lines), _SHORTEST_WRAPPED)


def _percent(data: bytes) -> Iterator[str]:
    forms = {quote(data, safe=left) for left in _present(_LEFT_PLAIN, data.decode("latin-1"))}
    # Form encoding: + for a space; browsers leave * and encode ~.
    plus = {quote(data, safe=" " + left).replace(" ", "+") for left in ("", "*", "/")}
    forms |= plus | {form.replace("~", "%7E") for form in forms | plus}
    forms.add("".join(f"%{byte:02X}" for byte in data))
    yield from forms
    yield from (_PERCENT.sub(lambda found: found[0].lower(), form) for form in forms)


def _in_json(value: str) -> Iterator[str]:
    bodies = json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]
    for body in bodies:
        yield body
        yield body.replace("/", "\\/")
        yield from (_with_escapes(body, characters) for characters in _present(_JSON_SETS, value))
    yield _ESCAPE.sub(_upper, bodies[0])
    yield _ESCAPE.sub(_upper, _with_escapes(bodies[0].replace('\\"', "\\u0022"), _JSON_UPPER_SET))


def _present(sets: Iterable[str], value: str) -> set[str]:
    """Return the sets with only those characters that a value has: most sets are alike then."""
    return {"".join(each for each in characters if each in value) for characters in sets}


def _with_escapes(text: str, characters: str) -> str:
    return text.translate({ord(each): f"\\u{ord(each):04x}" for each in characters})


def _upper(found: re.Match[str]) -> str:
    return found[0][:2] + found[0][2:].upper()


def _in_python(value: str, data: bytes) -> Iterator[str]:
    # The double quote in front makes repr choose single quotes around, and escape those inside.
    for body in (repr('"' + value)[2:-1], ascii('"' + value)[2:-1], repr(b'"' + data)[3:-1]):
        yield body
        yield body.replace("\\'", "'")
