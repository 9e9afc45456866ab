"""email.send: one message by a mail server that the policy names."""

from __future__ import annotations

from typing import Any

from blockyard_blocks import Context, Example, block

_EXAMPLE = Example(
    {
        "connection": "office",
        "to": ["ops@example.com"],
        "subject": "The report of January",
        "text": "It is attached.",
        "attachments": [{"name": "report.csv", "text": "month,total\n2026-01,12\n"}],
    },
    {
        "message_id": "<5b1f2a@example.com>",
        "accepted": ["ops@example.com"],
        "refused": {},
    },
    varies=True,
)


@block(name="send", tags={"email"}, runs="host", limit=100, examples=[_EXAMPLE])
async def send(
    context: Context,
    *,
    connection: str,
    to: list[str],
    subject: str,
    text: str | None = None,
    html: str | None = None,
    cc: list[str] | None = None,
    bcc: list[str] | None = None,
    sender: str | None = None,
    reply_to: str | None = None,
    attachments: list[dict[str, str]] | None = None,
) -> dict[str, Any]:
    """Hand one message to a mail server, and return its id, who was accepted, and who was refused and why.

    Who may be written to, and from which addresses, is the policy's to say; what it does not allow fails with FORBIDDEN_HOST. That a
    server has accepted a message does not mean that it arrives.

    - connection: the name of one of the policy's mail servers
    - to: addresses such as ann@example.com, without names
    - subject: one line
    - text: the message as text
    - html: the message as HTML, beside or in place of the text
    - cc: more addresses, which all see
    - bcc: more addresses, which nobody sees
    - sender: one of the addresses that the policy allows; the first of these without it
    - reply_to: an address for answers
    - attachments: files, each with a name, one of text and base64, and its type, such as text/csv, if it is to have another
    """
    from blockyard_platform.host_blocks.mailing.messages import Draft
    from blockyard_platform.host_blocks.mailing.sending import sent

    draft = Draft(subject, text, html, sender, to, cc or [], bcc or [], reply_to, attachments or [])
    return await sent(connection, draft, context)
