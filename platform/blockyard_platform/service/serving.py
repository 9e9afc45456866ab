"""``blockyard serve``: the API on a socket, and what else is to run beside it, until a signal ends both in order."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import signal
import socket
import ssl
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import uvicorn
import uvloop

from blockyard_platform.service import process
from blockyard_platform.service.api.app import create_app
from blockyard_platform.service.operations.setup import told
from blockyard_platform.service.protocol import BoundedHttp
from blockyard_platform.service.starting import started
from blockyard_schemas.problems import InvalidDocumentError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from contextlib import AbstractAsyncContextManager

    from blockyard_platform.service.parts import Parts
    from blockyard_platform.service.runs.watching import Watching
    from blockyard_platform.service.settings import Settings

    Companion: TypeAlias = Callable[[Parts], AbstractAsyncContextManager[Any]]
    """What runs beside the API in the same event loop: begun before it, ended after it."""

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
GRACE_SECONDS = 10
"""How long requests that are under way may take to end."""


@dataclass(frozen=True, slots=True)
class Telling:
    """What is told at the start: lines for programs and people, and warnings."""

    say: Callable[[str], None]
    warn: Callable[[str], None]


def serve(settings: Settings, telling: Telling, companions: tuple[Companion, ...] = ()) -> None:
    """Serve until SIGTERM or SIGINT. Raises InvalidDocumentError when the service cannot be started."""
    process.prepare()
    _check_tls(settings)
    listening = _listen(settings)
    with told(settings), listening, started(settings) as found:
        server = _Server(_config(settings, create_app(found.parts)), found.parts.watching)
        with _signals(server), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            # Whoever is told that the service is there can end it in order from now on.
            _tell(settings, listening, found.token, telling)
            if found.own_keys:
                telling.warn(
                    f"A key file was made, {settings.keys_file}, for a database that is in use already."
                    " All servers and workers on it need the same: copy that of the first, or name it with --keys."
                )
            process.settle()
            runner.run(_serve(server, listening, found.parts, companions))


class _Server(uvicorn.Server):
    """Lets nobody wait for news when it ends: streams and waits would hold it up, and their clients ask again."""

    def __init__(self, config: uvicorn.Config, watching: Watching) -> None:
        """Tell those who wait here."""
        super().__init__(config)
        self._watching = watching

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End, without those who wait."""
        self._watching.leave()
        await super().shutdown(sockets)


async def _serve(
    server: uvicorn.Server,
    listening: socket.socket,
    parts: Parts,
    companions: tuple[Companion, ...],
) -> None:
    async with AsyncExitStack() as stack:
        for companion in companions:
            await stack.enter_async_context(companion(parts))
        await server.serve(sockets=[listening])
        # From now on a second signal does not wait for the companions.
        for number in _SIGNALS:
            signal.signal(number, signal.default_int_handler)


@contextmanager
def _signals(server: uvicorn.Server) -> Generator[None]:
    """Have signals end the server before it takes them itself, and after: uvicorn gives each on to whoever was there before it."""

    def stop(number: int, frame: object) -> None:
        server.should_exit = True

    before = {number: signal.signal(number, stop) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _check_tls(settings: Settings) -> None:
    """Raise InvalidDocumentError for a certificate that cannot be served with, before anything is begun or told."""
    if settings.tls_certificate is None:
        return
    hint = "name files in PEM: the certificate with those above it, and its key without a password"
    try:
        for file in (settings.tls_certificate, settings.tls_key):
            if file is not None:
                file.read_bytes()
        # Nobody is asked for the password of a key: one that has none is read with any.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(settings.tls_certificate, settings.tls_key, password=lambda: "")
    except ssl.SSLError as error:
        files = f"{settings.tls_certificate} and {settings.tls_key}"
        other = error.reason == "KEY_VALUES_MISMATCH"
        words = "the key is not the certificate's" if other else "they cannot be read"
        raise _no_tls(f"HTTPS cannot be served with {files}: {words}", hint) from error
    except OSError as error:
        raise _no_tls(f"{error.filename} cannot be read: {error.strerror}", hint) from error


def _no_tls(message: str, hint: str) -> InvalidDocumentError:
    return InvalidDocumentError([Problem("start", "", message, hint)])


def _listen(settings: Settings) -> socket.socket:
    """Return the socket, which keeps who comes before the service is ready."""
    try:
        family, kind, *_, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        found = socket.socket(family, kind)
        try:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind(address)
            found.listen(1_024)
        except OSError:
            found.close()
            raise
    except OSError as error:
        message = f"cannot listen on {settings.host}, port {settings.port}: {error.strerror}"
        busy = error.errno in (errno.EADDRINUSE, errno.EACCES)
        hint = "give another --port, or end what listens there"
        if not busy:
            hint = "give a --host that is an address of this machine"
        raise InvalidDocumentError([Problem("start", "", message, hint)]) from error
    found.set_inheritable(False)
    return found


def _config(settings: Settings, app: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=BoundedHttp,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        limit_concurrency=settings.connections,
        timeout_graceful_shutdown=GRACE_SECONDS,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
    )


def _tell(
    settings: Settings, listening: socket.socket, token: str | None, telling: Telling
) -> None:
    host, port = listening.getsockname()[:2]
    named = f"[{host}]" if ":" in host else host
    scheme = "http" if settings.tls_certificate is None else "https"
    telling.say(f"Blockyard listens on {settings.public_url or f'{scheme}://{named}:{port}'}")
    if token is not None:
        telling.say(f"The first admin's token, which is shown this once: {token}")
    if scheme == "http" and not ipaddress.ip_address(host).is_loopback:
        telling.warn(
            "Tokens and documents travel readable: others reach this address, and it has no TLS."
            " Set tls_certificate and tls_key, or put a proxy before it that has."
        )
