"""What a policy says of messages that leave the platform: mail servers and webhooks by name."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from blockyard_schemas.policy_base import WHOLE, Model, count, seconds
from blockyard_schemas.policy_containers import HostPath, Word
from blockyard_schemas.policy_services import SecretName

HostName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9:][A-Za-z0-9.:-]{0,252}$")]
MailAddress = Annotated[
    str,
    StringConstraints(
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9.&'*+/=?^_`{|}~#$-]{0,63}@[A-Za-z0-9][A-Za-z0-9.-]{0,252}$"
    ),
]
MailPattern = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9._+*?-]{1,64}@[A-Za-z0-9.*?-]{1,253}$")
]
WebhookUrl = Annotated[
    str, StringConstraints(pattern=r"^https?://[^\s@/?#]+(/[^\s#]*)?$", max_length=4_000)
]


class MailServer(Model):
    """A mail server that email.send may name, and what may be sent by it."""

    name: Word
    """What documents call it."""
    host: HostName
    """Its name or address."""
    port: Annotated[int, count(1, 65_535), WHOLE] = 587
    """Its port: usually 587 with starttls, 465 with tls."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """How the connection is encrypted; with starttls and tls the server has to prove its name."""
    plain: bool = False
    """Whether security: none may leave this machine, where others may read what is sent."""
    private: bool = False
    """Whether it may lie in a private network, or on this machine itself."""
    certificates: HostPath | None = None
    """A file with the certificates of authorities to be trusted, in place of those of the machine."""
    username: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    """The user, when the server asks for one."""
    password_secret: SecretName | None = None
    """The admin's secret that holds the password."""
    senders: Annotated[tuple[MailAddress, ...], Field(min_length=1, max_length=100)]
    """The addresses that messages may come from; the first when the stage names none."""
    recipients: Annotated[tuple[MailPattern, ...], Field(max_length=1_000)] = ()
    """Those who may be written to, by patterns such as *@example.com; none means nobody."""
    max_recipients: Annotated[int, count(1, 1_000), WHOLE] = 10
    """Recipients of one message."""
    message_kib: Annotated[int, count(1, 65_536), WHOLE] = 1_024
    """The size of one message, attachments included, in KiB."""
    send_seconds: Annotated[float, seconds(3_600)] = 30.0
    """Seconds that handing over one message may take."""

    @model_validator(mode="after")
    def _has_both(self) -> Self:
        if (self.username is None) != (self.password_secret is None):
            raise ValueError(f"mail '{self.name}': a username comes with password_secret")
        return self


class Webhook(Model):
    """A URL that notify.webhook may name."""

    name: Word
    """What documents call it."""
    url: WebhookUrl | None = None
    """The URL."""
    url_secret: SecretName | None = None
    """The admin's secret that holds the URL, where who knows it may use it."""
    secret: SecretName | None = None
    """The admin's secret that signs deliveries, of at least 16 bytes."""
    private: bool = False
    """Whether it may lie in a private network, or on this machine itself."""
    attempts: Annotated[int, count(1, 10), WHOLE] = 4
    """How often one delivery is tried."""

    @model_validator(mode="after")
    def _has_one(self) -> Self:
        if (self.url is None) == (self.url_secret is None):
            raise ValueError(f"webhook '{self.name}': give url or url_secret")
        return self
