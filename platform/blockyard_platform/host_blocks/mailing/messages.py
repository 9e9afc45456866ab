"""A message as it is sent: headers of one line each, bodies and files encoded, no line end but CR LF."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from blockyard_platform.containers import fail
from blockyard_platform.host_blocks.mailing.addresses import checked, recipients_of, sender_of
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from blockyard_blocks import Context
    from blockyard_schemas.policy_messages import MailServer

_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_HALVES = re.compile("[\ud800-\udfff]")
_NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff/\\]{1,200}")
_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,60}/[a-z0-9][a-z0-9.+-]{0,100}")
_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")
_SUBJECT = 500
_MOST_FILES = 20
_POLICY = SMTP.clone(cte_type="7bit")


@dataclass(frozen=True, slots=True)
class Draft:
    """What a stage says of a message."""

    subject: str
    text: str | None
    html: str | None
    sender: str | None
    to: list[str]
    cc: list[str]
    bcc: list[str]
    reply_to: str | None
    attachments: list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a server is handed."""

    sender: str
    recipients: tuple[str, ...]
    message_id: str
    data: bytes


def enveloped(draft: Draft, rule: MailServer, context: Context) -> Envelope:
    """Return a message, checked and encoded. Raises StageFailureError: FORBIDDEN_HOST, INVALID_ARGUMENT.

    The id is the same whenever this stage of this run sends: who gets a message twice can tell.
    """
    sender = sender_of(draft.sender, rule)
    recipients = recipients_of([*draft.to, *draft.cc, *draft.bcc], rule)
    stamp = hashlib.sha256(f"{context.run_id}\0{context.stage}".encode()).hexdigest()[:32]
    message_id = f"<{stamp}@{sender.rpartition('@')[2]}>"
    _check_size(draft, rule)
    message = EmailMessage(policy=_POLICY)
    message["From"] = sender
    if draft.to:
        message["To"] = ", ".join(draft.to)
    if draft.cc:
        message["Cc"] = ", ".join(draft.cc)
    if draft.reply_to is not None:
        message["Reply-To"] = checked("reply_to", draft.reply_to)
    message["Subject"] = _line("subject", draft.subject)
    message["Date"] = formatdate(usegmt=True)
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"
    _fill(message, draft)
    data = message.as_bytes()
    # A lone CR or LF is the end of a line to some servers, and of the whole message to others.
    if _BARE.search(data):
        raise fail(Code.INVALID_ARGUMENT, "the message cannot be encoded")
    if len(data) > rule.message_kib * 1024:
        raise _too_large(rule)
    return Envelope(sender, recipients, message_id, data)


def _fill(message: EmailMessage, draft: Draft) -> None:
    if draft.text is None and draft.html is None:
        raise fail(Code.INVALID_ARGUMENT, "give the message's text, its html, or both")
    if draft.text is not None:
        message.set_content(_body("text", draft.text))
    if draft.html is not None:
        add: Any = message.set_content if draft.text is None else message.add_alternative
        add(_body("html", draft.html), subtype="html")
    if len(draft.attachments) > _MOST_FILES:
        raise fail(Code.INVALID_ARGUMENT, f"a message has at most {_MOST_FILES} attachments")
    for index, file in enumerate(draft.attachments):
        _attach(message, file, f"attachments[{index}]")


def _attach(message: EmailMessage, file: dict[str, str], place: str) -> None:
    unknown = file.keys() - {"name", "text", "base64", "type"}
    if unknown or "name" not in file or ("text" in file) == ("base64" in file):
        what = f"{place} has a name, one of text and base64, and perhaps a type"
        raise fail(Code.INVALID_ARGUMENT, what)
    if not _NAME.fullmatch(file["name"]):
        raise fail(Code.INVALID_ARGUMENT, f"{place}: {file['name'][:60]!a} is no name of a file")
    usual = "text/plain" if "text" in file else "application/octet-stream"
    kind = file.get("type", usual).lower()
    if not _TYPE.fullmatch(kind) or kind.startswith(("multipart/", "message/")):
        raise fail(Code.INVALID_ARGUMENT, f"{place}: {kind[:60]!a} is no type of a file")
    main, _, sub = kind.partition("/")
    data = _bytes(file, place)
    message.add_attachment(data, maintype=main, subtype=sub, filename=file["name"])


def _bytes(file: dict[str, str], place: str) -> bytes:
    try:
        if "text" in file:
            return file["text"].encode()
        return base64.b64decode(file["base64"], validate=True)
    except (UnicodeEncodeError, binascii.Error, ValueError):
        raise fail(Code.INVALID_ARGUMENT, f"{place} cannot be read") from None


def _line(what: str, text: str) -> str:
    if len(text) > _SUBJECT or _UNSEEN.search(text):
        message = (
            f"the {what} is longer than {_SUBJECT} characters, or not one line that can be seen"
        )
        raise fail(Code.INVALID_ARGUMENT, message)
    return text


def _body(what: str, text: str) -> str:
    if _HALVES.search(text):
        raise fail(Code.INVALID_ARGUMENT, f"the {what} holds half of a character")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _check_size(draft: Draft, rule: MailServer) -> None:
    """Look at the parts before any of them is encoded."""
    texts = [draft.text or "", draft.html or ""]
    texts += [part for file in draft.attachments for part in file.values()]
    if sum(map(len, texts)) > 2 * rule.message_kib * 1024:
        raise _too_large(rule)


def _too_large(rule: MailServer) -> Exception:
    return fail(
        Code.INVALID_ARGUMENT, f"the message is larger than {rule.message_kib} KiB (message_kib)"
    )
