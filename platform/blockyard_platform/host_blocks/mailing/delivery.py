"""One message, one connection, to an address that was checked; encrypted before anything of the message or the password is said.

The standard library's client speaks SMTP (RFC 5321); the socket is ours, since its own would look the name up again.
"""

from __future__ import annotations

import smtplib
import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from blockyard_platform.containers import fail
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from blockyard_platform.errors import StageFailureError
    from blockyard_platform.host_blocks.mailing.messages import Envelope

_CONNECT_SECONDS: Final = 10.0
_QUIET_SECONDS: Final = 300.0
"""Seconds of silence that a server is granted (RFC 5321, 4.5.3.2); the policy's send_seconds are for all."""

_TRIES: Final = 4


@dataclass(frozen=True, slots=True)
class Server:
    """A server: what it is called, where it is, how it proves its name, and who we are to it."""

    name: str
    host: str
    port: int
    addresses: tuple[str, ...]
    security: Literal["starttls", "tls", "none"]
    trust: ssl.SSLContext | None
    login: tuple[str, str] | None = field(repr=False)


class Line:
    """A connection that another thread may cut at any time, also before it is there."""

    def __init__(self) -> None:
        """Begin without one."""
        self._lock = threading.Lock()
        self._copy: socket.socket | None = None
        self._cut = False

    def opened(self, connection: socket.socket) -> None:
        """Take a connection; raise OSError when it is to be cut already."""
        with self._lock:
            if self._cut:
                connection.close()
                raise ConnectionAbortedError
            self._copy = connection.dup()

    def cut(self) -> None:
        """End the connection, whoever uses it."""
        with self._lock:
            self._cut = True
            if self._copy is not None:
                with suppress(OSError):
                    self._copy.shutdown(socket.SHUT_RDWR)
                self._copy.close()
                self._copy = None


def delivered(server: Server, envelope: Envelope, line: Line) -> dict[str, str]:
    """Hand a message over; return who was refused, and the server's words. Blocks. Raises StageFailureError (UNHANDLED_EXCEPTION)."""
    failure = ""
    try:
        return _delivered(server, envelope, line)
    except smtplib.SMTPRecipientsRefused as error:
        told = [f"{who} ({_words(*answer)})" for who, answer in sorted(error.recipients.items())]
        failure = f"refuses all recipients: {'; '.join(told[:5])}"
    except smtplib.SMTPAuthenticationError as error:
        failure = f"refuses the user or the password ({error.smtp_code})"
    except smtplib.SMTPSenderRefused as error:
        failure = f"refuses the sender: {_words(error.smtp_code, error.smtp_error)}"
    except smtplib.SMTPResponseException as error:
        failure = f"answers {_words(error.smtp_code, error.smtp_error)}"
    except smtplib.SMTPNotSupportedError:
        failure = "does not offer what the policy asks for: STARTTLS, or a way to log in"
    except ssl.SSLCertVerificationError as error:
        failure = f"has a certificate that is not trusted ({error.verify_message})"
    except ssl.SSLError:
        failure = "does not speak TLS as it should"
    except smtplib.SMTPException:
        failure = "hangs up, or does not speak SMTP as it should"
    except OSError as error:
        failure = f"cannot be talked to ({error.strerror or type(error).__name__})"
    # Raised outside of the handlers: their exceptions hold what was sent.
    raise _failed(server, failure)


def _delivered(server: Server, envelope: Envelope, line: Line) -> dict[str, str]:
    connection = _connected(server)
    line.opened(connection)
    if server.security == "tls" and server.trust is not None:
        connection = server.trust.wrap_socket(connection, server_hostname=server.host)
    smtp = _client(server, connection)
    try:
        smtp.ehlo()
        if server.security == "starttls":
            smtp.starttls(context=server.trust)
            smtp.ehlo()
        if server.login is not None:
            smtp.login(*server.login)
        refused: dict[str, Any] = smtp.sendmail(
            envelope.sender, list(envelope.recipients), envelope.data
        )
        with suppress(smtplib.SMTPException, OSError):
            smtp.quit()
    finally:
        smtp.close()
    return {who: _words(*answer) for who, answer in refused.items()}


def _connected(server: Server) -> socket.socket:
    failure: OSError = ConnectionRefusedError()
    for address in server.addresses[:_TRIES]:
        try:
            return socket.create_connection((address, server.port), _CONNECT_SECONDS)
        except OSError as error:
            failure = error
    raise failure


def _client(server: Server, connection: socket.socket) -> smtplib.SMTP:
    """Return a client on a connection; it has read the server's greeting."""
    connection.settimeout(_QUIET_SECONDS)
    here = connection.getsockname()[0]

    class Client(smtplib.SMTP):
        def _get_socket(self, *_: Any) -> socket.socket:
            return connection

    # As an address (RFC 5321, 4.1.3): the name of this machine is nobody's business.
    own = f"[IPv6:{here}]" if ":" in here else f"[{here}]"
    try:
        return Client(server.host, server.port, local_hostname=own, timeout=_QUIET_SECONDS)
    except BaseException:
        connection.close()
        raise


def _words(code: int, text: bytes | str) -> str:
    """Return what a server says: its code, and the beginning of its words, as far as they can be seen."""
    said = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    seen = "".join(each if each.isprintable() else " " for each in said[:300])
    return f"{code} {' '.join(seen.split())}".strip()


def _failed(server: Server, failure: str) -> StageFailureError:
    return fail(Code.UNHANDLED_EXCEPTION, f"the mail server '{server.name}' {failure}")
