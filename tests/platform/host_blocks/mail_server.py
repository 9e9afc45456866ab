"""A mail server on this machine: SMTP (RFC 5321) with STARTTLS and AUTH, which keeps what it is sent and can misbehave."""

import asyncio
import base64
import ssl
from dataclasses import dataclass, field


@dataclass
class Mail:
    """A message as it came: who said it is from whom, for whom, and its bytes with the dots taken out again."""

    sender: str
    recipients: list[str]
    data: bytes
    secure: bool
    user: str | None


@dataclass
class MailServer:
    """The server. ``refused`` are recipients that it does not take; ``answers`` take the place of what it would say, by verb."""

    context: ssl.SSLContext | None = None
    implicit: bool = False
    users: dict[str, str] = field(default_factory=dict[str, str])
    refused: set[str] = field(default_factory=set[str])
    answers: dict[str, str] = field(default_factory=dict[str, str])
    silent: set[str] = field(default_factory=set[str])
    mails: list[Mail] = field(default_factory=list[Mail])
    lines: list[str] = field(default_factory=list[str])
    port: int = 0
    server: asyncio.Server | None = None

    async def start(self) -> None:
        context = self.context if self.implicit else None
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context)
        self.port = self.server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self.server is not None:
            self.server.close()
            await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _Talk(self, reader, writer).run()
        except (OSError, asyncio.IncompleteReadError, ValueError):
            pass
        finally:
            writer.transport.abort()


class _Talk:
    def __init__(
        self, server: MailServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.server, self.reader, self.writer = server, reader, writer
        self.secure = server.implicit
        self.user: str | None = None
        self.sender, self.recipients = "", list[str]()

    async def run(self) -> None:
        await self._say(self.server.answers.get("GREETING", "220 mail.example ESMTP"))
        while True:
            line = (await self.reader.readuntil(b"\n")).decode().rstrip("\r\n")
            word, space, rest = line.partition(" ")
            verb = word.upper()
            self.server.lines.append(verb + space + rest)
            if verb in self.server.silent:
                await asyncio.sleep(3_600)
            if verb in self.server.answers:
                await self._say(self.server.answers[verb])
                continue
            if verb == "QUIT":
                await self._say("221 bye")
                return
            await self._answer(verb, line)

    async def _answer(self, verb: str, line: str) -> None:
        if verb == "EHLO":
            offers = ["mail.example", "8BITMIME"]
            if self.server.context is not None and not self.secure:
                offers.append("STARTTLS")
            if self.server.users:
                offers.append("AUTH PLAIN")
            last = len(offers) - 1
            text = [f"250{' ' if at == last else '-'}{each}" for at, each in enumerate(offers)]
            await self._say("\r\n".join(text))
        elif verb == "STARTTLS" and self.server.context is not None:
            await self._say("220 go on")
            await self.writer.start_tls(self.server.context)
            self.secure = True
        elif verb == "AUTH":
            _, user, password = base64.b64decode(line.split(" ")[2]).decode().split("\0")
            known = self.server.users.get(user) == password
            self.user = user if known else None
            await self._say("235 welcome" if known else f"535 not {user} with {password}")
        elif verb == "MAIL":
            self.sender = _address(line)
            await self._say("250 ok" if self.user or not self.server.users else "530 log in")
        elif verb == "RCPT":
            who = _address(line)
            if who in self.server.refused:
                await self._say("550 nobody of that name\x07 is here")
                return
            self.recipients.append(who)
            await self._say("250 ok")
        elif verb == "DATA":
            await self._say("354 go on")
            data = await self.reader.readuntil(b"\r\n.\r\n")
            taken = data[:-3].replace(b"\r\n..", b"\r\n.")
            mail = Mail(self.sender, self.recipients, taken, self.secure, self.user)
            self.server.mails.append(mail)
            await self._say("250 taken")
        else:
            await self._say("250 ok" if verb in ("RSET", "NOOP") else "502 what?")

    async def _say(self, text: str) -> None:
        self.writer.write(text.encode() + b"\r\n")
        await self.writer.drain()


def _address(line: str) -> str:
    return line.partition("<")[2].partition(">")[0]
