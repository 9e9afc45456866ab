"""email.send: what a server is handed, over which connection, and what is said when it goes wrong."""

import asyncio
import base64
import email
import email.policy
import os
import shutil
import ssl
from collections.abc import AsyncIterator, Callable
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from blockyard_platform.results import StageRecord
from blockyard_schemas.statuses import Code

from .conftest import Use, silent
from .mail_server import Mail, MailServer

pytestmark = pytest.mark.skipif(
    shutil.which("openssl") is None and os.environ.get("BLOCKYARD_REQUIRE") != "all",
    reason="there is no openssl here",
)
PASSWORD = "smtp-Pa55word"  # noqa: S105  (made up)
DRAFT = {
    "connection": "office",
    "to": ["ann@example.com"],
    "subject": "Hi",
    "text": "Hello\n.\nBye",
}


@pytest_asyncio.fixture
async def server(authority: tuple[Path, Path]) -> AsyncIterator[MailServer]:
    """Yield a server with STARTTLS and one user."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority)
    found = MailServer(context, users={"me": PASSWORD})
    await found.start()
    yield found
    await found.close()


Rules = Callable[..., dict[str, Any]]


@pytest.fixture
def rules(server: MailServer, authority: tuple[Path, Path]) -> Rules:
    """Return what makes the keys of a policy for the server."""

    def made(**more: Any) -> dict[str, Any]:
        rule = {
            "name": "office",
            "host": "127.0.0.1",
            "port": server.port,
            "private": True,
            "certificates": str(authority[0]),
            "username": "me",
            "password_secret": "SMTP",
            "senders": ["reports@example.com", "Ops@example.com"],
            "recipients": ["*@example.com", "bob@example.org"],
            "max_recipients": 3,
            **more,
        }
        rule = {key: value for key, value in rule.items() if value is not None}
        return {"mail": [rule], "secrets_held": {"admin/SMTP": PASSWORD}}

    return made


def parsed(mail: Mail) -> EmailMessage:
    data = mail.data.replace(b"\r\n", b"\n")
    message: EmailMessage = email.message_from_bytes(data, policy=email.policy.default)
    return message


def told(record: StageRecord) -> str:
    assert record.error is not None, record
    return str(record.error["message"])


async def test_a_message_over_starttls(use: Use, server: MailServer, rules: Rules) -> None:
    record = await use("email.send", DRAFT, **rules())
    assert record.error is None
    result = record.outputs["result"]
    assert (result["accepted"], result["refused"]) == (["ann@example.com"], {})
    (mail,) = server.mails
    assert (mail.secure, mail.user, mail.sender) == (True, "me", "reports@example.com")
    assert mail.recipients == ["ann@example.com"]
    message = parsed(mail)
    assert message["message-id"] == result["message_id"]
    assert str(result["message_id"]).endswith("@example.com>")
    assert (message["from"], message["to"]) == ("reports@example.com", "ann@example.com")
    assert (message["subject"], message["auto-submitted"]) == ("Hi", "auto-generated")
    assert message.get_content() == "Hello\n.\nBye\n"
    before = server.lines[: server.lines.index("STARTTLS")]
    assert [line.split(" ")[0] for line in before] == ["EHLO"]
    assert before[0] == "EHLO [127.0.0.1]"


async def test_all_that_a_message_can_have(use: Use, server: MailServer, rules: Rules) -> None:
    draft = {
        "connection": "office",
        "to": ["ann@example.com"],
        "cc": ["bob@example.org"],
        "bcc": ["eve@example.com"],
        "sender": "ops@EXAMPLE.com",
        "reply_to": "desk@elsewhere.test",
        "subject": "Grüße " + "x" * 200,
        "text": "é" * 2_000,
        "html": "<p>hi</p>",
        "attachments": [
            {"name": "a ü.csv", "text": "a,b\r\n1,2\n", "type": "text/csv"},
            {"name": "b.bin", "base64": base64.b64encode(bytes(range(256))).decode()},
        ],
    }
    record = await use("email.send", draft, **rules())
    assert record.error is None
    (mail,) = server.mails
    assert mail.sender == "Ops@example.com"
    assert sorted(mail.recipients) == ["ann@example.com", "bob@example.org", "eve@example.com"]
    assert b"eve" not in mail.data
    assert mail.data.isascii()
    assert max(map(len, mail.data.split(b"\r\n"))) <= 998
    message = parsed(mail)
    assert (message["subject"], message["reply-to"]) == (draft["subject"], draft["reply_to"])
    assert message["cc"] == "bob@example.org"
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert plain.get_content() == "é" * 2_000 + "\r\n"  # in Base64, line ends are as they are sent
    assert html.get_content() == "<p>hi</p>\n"
    files = [
        (it.get_filename(), it.get_content_type(), it.get_payload(decode=True))
        for it in message.iter_attachments()
    ]
    assert files == [
        ("a ü.csv", "text/csv", b"a,b\r\n1,2\n"),
        ("b.bin", "application/octet-stream", bytes(range(256))),
    ]


async def test_a_message_over_tls_and_one_in_the_clear(
    use: Use, server: MailServer, rules: Rules, authority: tuple[Path, Path]
) -> None:
    secure = MailServer(server.context, implicit=True)
    await secure.start()
    more = {"security": "tls", "port": secure.port, "username": None, "password_secret": None}
    record = await use("email.send", DRAFT, **rules(**more))
    assert record.error is None
    assert secure.mails[0].secure
    await secure.close()
    record = await use("email.send", DRAFT, **rules(security="none"))
    assert record.error is None
    assert not server.mails[0].secure


async def test_some_recipients_are_refused(use: Use, server: MailServer, rules: Rules) -> None:
    server.refused.add("no@example.com")
    draft = {**DRAFT, "to": ["ann@example.com", "no@example.com", "ann@example.com"]}
    result = (await use("email.send", draft, **rules())).outputs["result"]
    assert result["accepted"] == ["ann@example.com"]
    assert result["refused"] == {"no@example.com": "550 nobody of that name is here"}
    record = await use("email.send", {**draft, "to": ["no@example.com"]}, **rules())
    assert record.code is Code.UNHANDLED_EXCEPTION
    assert told(record) == (
        "the mail server 'office' refuses all recipients:"
        " no@example.com (550 nobody of that name is here)"
    )


@pytest.mark.parametrize(
    ("draft", "code", "words"),
    [
        ({"connection": "other"}, Code.FORBIDDEN_HOST, "servers that it names: office"),
        ({"to": ["ann@example.net"]}, Code.FORBIDDEN_HOST, "recipients: *@example.com, bob@example.org"),
        ({"bcc": ["ann@example.net"]}, Code.FORBIDDEN_HOST, "recipients:"),
        ({"to": ["bob@example.org.evil.test"]}, Code.FORBIDDEN_HOST, "recipients:"),
        ({"sender": "boss@example.com"}, Code.FORBIDDEN_HOST, "senders that it names: reports@example.com"),
        ({"to": []}, Code.INVALID_ARGUMENT, "at least one recipient"),
        ({"to": [f"a{i}@example.com" for i in range(4)]}, Code.INVALID_ARGUMENT, "at most 3 recipients"),
        ({"to": ["a@example.net@example.com"]}, Code.INVALID_ARGUMENT, "is no address"),
        ({"to": ["a%evil.test@example.com"]}, Code.INVALID_ARGUMENT, "is no address"),
        ({"to": ["-oQ@example.com"]}, Code.INVALID_ARGUMENT, "is no address"),
        ({"to": ['"a b"@example.com']}, Code.INVALID_ARGUMENT, "is no address"),
        ({"to": ["Ann <a@example.com>"]}, Code.INVALID_ARGUMENT, "is no address"),
        ({"to": ["a@example.com>\r\nRCPT TO:<b@evil.test"]}, Code.INVALID_ARGUMENT, "is no address"),
        ({"to": ["a@example.com\n"]}, Code.INVALID_ARGUMENT, "is no address"),
        ({"to": ["ä@example.com"]}, Code.INVALID_ARGUMENT, "is no address"),
        ({"to": ["x" * 250 + "@example.com"]}, Code.INVALID_ARGUMENT, "is no address"),
        ({"reply_to": "a@b\r\nBcc: c@evil.test"}, Code.INVALID_ARGUMENT, "is no address"),
        ({"subject": "a\r\nBcc: eve@evil.test"}, Code.INVALID_ARGUMENT, "not one line"),
        ({"subject": "a\u2028b"}, Code.INVALID_ARGUMENT, "not one line"),
        ({"subject": "a\x85b"}, Code.INVALID_ARGUMENT, "not one line"),
        ({"subject": "x" * 501}, Code.INVALID_ARGUMENT, "longer than 500"),
        ({"text": None}, Code.INVALID_ARGUMENT, "give the message's text, its html, or both"),
        ({"text": "x" * 200_000}, Code.INVALID_ARGUMENT, "larger than 64 KiB (message_kib)"),
        ({"text": "x" * (65 << 10)}, Code.INVALID_ARGUMENT, "larger than 64 KiB (message_kib)"),
        ({"attachments": [{"name": "a"}]}, Code.INVALID_ARGUMENT, "attachments[0] has a name, one of"),
        ({"attachments": [{"name": "a/b", "text": ""}]}, Code.INVALID_ARGUMENT, "is no name of a file"),
        ({"attachments": [{"name": 'a"\r\nX: y', "text": ""}]}, Code.INVALID_ARGUMENT, "is no name of a file"),
        ({"attachments": [{"name": "a", "base64": "*"}]}, Code.INVALID_ARGUMENT, "cannot be read"),
        ({"attachments": [{"name": "a", "text": "", "type": "message/rfc822"}]}, Code.INVALID_ARGUMENT, "is no type"),
        ({"attachments": [{"name": "a", "text": "", "type": "text/plain\r\nX: y"}]}, Code.INVALID_ARGUMENT, "is no type"),
        ({"attachments": [{"name": "a", "text": ""}] * 21}, Code.INVALID_ARGUMENT, "at most 20 attachments"),
    ],
)  # fmt: skip
async def test_what_is_refused_before_anybody_is_talked_to(
    use: Use, server: MailServer, rules: Rules, draft: dict[str, Any], code: Code, words: str
) -> None:
    record = await use("email.send", {**DRAFT, **draft}, **rules(message_kib=64))
    assert record.code is code, record
    assert words in told(record)
    assert server.lines == []


@pytest.mark.parametrize(
    "text", ["a\r.\r\nb", "a\n.\n.\nb", "\r\n.\r\nMAIL FROM:<x@y>", "..a\r.b", "."]
)
async def test_no_text_ends_a_message_early(
    use: Use, server: MailServer, rules: Rules, text: str
) -> None:
    record = await use("email.send", {**DRAFT, "text": text}, **rules())
    assert record.error is None
    (mail,) = server.mails
    assert parsed(mail).get_content() == text.replace("\r\n", "\n").replace("\r", "\n") + "\n"
    assert [line for line in server.lines if line.startswith("MAIL")] == [
        "MAIL FROM:<reports@example.com>"
    ]


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        ({"private": False}, Code.FORBIDDEN_HOST, "is not allowed to the policy's mail server 'office'"),
        ({"host": "169.254.169.254"}, Code.FORBIDDEN_HOST, "is not allowed to the policy's mail server"),
        ({"host": "mail.test", "security": "none"}, Code.FORBIDDEN_HOST, "is not on this machine, and is not encrypted"),
        ({"host": "other.test"}, Code.UNHANDLED_EXCEPTION, "has a certificate that is not trusted"),
        ({"certificates": None}, Code.UNHANDLED_EXCEPTION, "has a certificate that is not trusted"),
        ({"certificates": "/none/such"}, Code.UNHANDLED_EXCEPTION, "certificates of the policy's mail server 'office'"),
        ({"username": "you"}, Code.UNHANDLED_EXCEPTION, "refuses the user or the password (535)"),
        ({"security": "tls"}, Code.UNHANDLED_EXCEPTION, "does not speak TLS"),
        ({"password_secret": "NONE"}, Code.INVALID_ARGUMENT, "there is no secret 'admin/NONE'"),
        ({"recipients": []}, Code.FORBIDDEN_HOST, "recipients: none"),
    ],
)  # fmt: skip
async def test_what_is_refused_before_anything_is_sent(
    use: Use,
    server: MailServer,
    rules: Rules,
    names: dict[str, list[list[str]]],
    more: dict[str, Any],
    code: Code,
    words: str,
) -> None:
    names["other.test"] = [["127.0.0.1"]]
    names["mail.test"] = [["10.255.255.1"]]
    record = await use("email.send", DRAFT, **rules(**more))
    assert record.code is code, record
    assert words in told(record)
    assert PASSWORD not in repr(record)
    assert server.mails == []


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"GREETING": "554 no"}, "answers 554 no"),
        ({"STARTTLS": "454 not now"}, "answers 454 not now"),
        ({"EHLO": "250 mail.example"}, "does not offer what the policy asks for: STARTTLS"),
        ({"MAIL": "550 not you\r\n"}, "refuses the sender: 550 not you"),
        ({"DATA": f"554 said {PASSWORD}"}, "answers 554 said ***"),
        ({"DATA": "250 what"}, "answers 250 what"),
        ({"EHLO": "\0\0\0"}, "hangs up, or does not speak SMTP"),
    ],
)
async def test_a_server_that_is_not_as_it_should(
    use: Use, server: MailServer, rules: Rules, answers: dict[str, str], words: str
) -> None:
    server.answers = answers
    record = await use("email.send", DRAFT, **rules())
    assert record.code is Code.UNHANDLED_EXCEPTION
    assert told(record).startswith("the mail server 'office' ")
    assert words in told(record)
    assert server.mails == []
    if "STARTTLS" in words:
        assert not any(line.startswith(("AUTH", "MAIL")) for line in server.lines)


async def test_nobody_listens(use: Use, server: MailServer, rules: Rules) -> None:
    policy = rules()
    await server.close()
    with silent(server.port):
        record = await use("email.send", DRAFT, **policy)
    assert (record.code, told(record)) == (
        Code.UNHANDLED_EXCEPTION,
        "the mail server 'office' cannot be talked to (Connection refused)",
    )


@pytest.mark.parametrize("verb", ["EHLO", "DATA"])
async def test_a_server_that_says_nothing(
    use: Use, server: MailServer, rules: Rules, verb: str
) -> None:
    server.silent.add(verb)
    record = await asyncio.wait_for(use("email.send", DRAFT, **rules(send_seconds=0.5)), 120)
    assert record.code is Code.TIMEOUT
    assert "has not taken the message within 0.5 s; whether it will be sent is not known" in told(record)  # fmt: skip


async def test_how_many_messages_a_run_may_send(
    server: MailServer, rules: Rules, data: Path
) -> None:
    from blockyard_platform import Runner
    from blockyard_platform.secrets.providers import GivenSecrets
    from blockyard_sandbox.sandbox import Sandbox
    from blockyard_sandbox.spec import JailSpec

    policy: dict[str, Any] = {"name": "acme", "tags": ["email"], **rules()}
    policy["stages"] = ["call", "foreach"]
    policy["blocks"] = {"email.send": 2}
    secrets = GivenSecrets(policy.pop("secrets_held"))
    stage = {"id": "it", "uses": "email.send", "with": DRAFT}
    document = {"name": "t", "stages": [{"id": "f", "foreach": [1, 2, 3], "stages": [stage]}]}
    async with Runner(policy=policy, sandbox=Sandbox(JailSpec()), secrets=secrets) as runner:
        result = await runner.run(document)
    assert result.jobs["main"].stages["f"].code is Code.BLOCK_LIMIT_EXCEED
    ids = [parsed(mail)["message-id"] for mail in server.mails]
    assert len(ids) == len(set(ids)) == 2
