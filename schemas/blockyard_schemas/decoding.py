"""From bytes to text: UTF-8 alone, and no character that no editor shows."""

from __future__ import annotations

import re

from blockyard_schemas.findings import Findings
from blockyard_schemas.limits import ReadLimits
from blockyard_schemas.places import Places
from blockyard_schemas.problems import InvalidDocumentError, Problem

_NEVER = re.compile("[\x00\ud800-\udfff]")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
_OTHER_MARKS = ((b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"), (b"\x00\x00\xfe\xff", "UTF-32"))
_MARK = "\ufeff"


def decoded(text: bytes | str, limits: ReadLimits) -> str:
    """Return the text without a byte order mark; raise InvalidDocumentError (size, encoding, character)."""
    if len(text) > limits.bytes:
        raise _too_long(limits)
    if isinstance(text, bytes):
        text = _from_utf8(text)
    elif len(text) * 4 > limits.bytes and len(text.encode("utf-8", "replace")) > limits.bytes:
        raise _too_long(limits)
    text = text.removeprefix(_MARK)
    wrong = _NEVER.search(text)
    if wrong is not None:
        raise _character(text, wrong.start())
    return text


def check_printable(text: str) -> None:
    """Raise InvalidDocumentError (character) when a text holds what YAML does not allow."""
    wrong = _CONTROL.search(text)
    if wrong is not None:
        raise _character(text, wrong.start())


def _from_utf8(text: bytes) -> str:
    for mark, name in _OTHER_MARKS:
        if text.startswith(mark):
            message = f"the text is {name}, and only UTF-8 is read"
            raise InvalidDocumentError([Problem("encoding", "", message, "save it as UTF-8", 1, 1)])
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        before = text[: error.start].decode("utf-8", "replace")
        line, column = Places(before).of(len(before))
        message = f"byte 0x{text[error.start]:02x} is not valid UTF-8"
        hint = "save the file as UTF-8"
        raise InvalidDocumentError([Problem("encoding", "", message, hint, line, column)]) from None


def _character(text: str, at: int) -> InvalidDocumentError:
    number = ord(text[at])
    name = "a NUL byte" if number == 0 else f"the character U+{number:04X}, which is not printable"
    return Findings(Places(text), 1).stop(
        "character",
        f"the text holds {name}",
        "take it out; inside quotes it can be written as an escape, such as \\x1b",
        at=at,
    )


def _too_long(limits: ReadLimits) -> InvalidDocumentError:
    message = f"the text is longer than {limits.bytes} bytes"
    return InvalidDocumentError([Problem("size", "", message, "split it into several workflows")])
