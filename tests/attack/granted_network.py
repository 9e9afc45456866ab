"""What attacks on a granted network need: hosts that answer, one of which must hear nobody, and a policy that grants the other."""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, Self

from arena import Listener
from local_index import CountingServer

HELPERS = """
def asked(request):
    with socket.create_connection(("127.0.0.1", 3128), 120) as s:
        got = b""
        try:
            s.sendall(request)
            s.shutdown(socket.SHUT_WR) if not request.startswith(b"CONNECT") else None
            while data := s.recv(65536):
                got += data
        except ConnectionError:
            pass
        return got

def tells(request):
    with socket.create_connection(("127.0.0.1", 3128), 120) as s:
        s.sendall(request)
        return int(s.recv(100).split()[1])
"""


def own_addresses() -> list[str]:
    """Return addresses of this machine that others may reach it by; a machine may have none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(("192.0.2.1", 9))
        except OSError:
            return []
        return [str(sock.getsockname()[0])]


@dataclass
class Hosts:
    """A web server that the policy grants, a listener that it does not, and one on every address of the machine."""

    server: CountingServer = field(init=False)
    denied: Listener = field(init=False)
    everywhere: Listener = field(init=False)
    waiting: threading.Event = field(default_factory=threading.Event)
    """Set when somebody asks for ``/wait``."""
    released: threading.Event = field(default_factory=threading.Event)
    """Lets go of who asks for ``/wait``."""

    def __enter__(self) -> Self:
        """Begin to serve."""
        self.server = CountingServer(("127.0.0.1", 0), _handler(self))
        self.denied = _listener("127.0.0.1")
        self.everywhere = _listener("0.0.0.0")  # noqa: S104  (what must not be reached by any address)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self.released.set()
        self.server.shutdown()
        self.server.server_close()
        self.denied.sock.close()
        self.everywhere.sock.close()

    @property
    def visits(self) -> int:
        """How many connections to the web server there have been."""
        return self.server.visits

    @property
    def open(self) -> set[socket.socket]:
        """The connections that the web server has open."""
        return self.server.open

    def catch_up(self) -> None:
        """Visit the web server: it serves in order, so that whoever came before has been counted then."""
        with socket.create_connection(("127.0.0.1", self.server.server_port), 120) as sock:
            sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
            while sock.recv(4096):
                pass

    @property
    def facts(self) -> dict[str, Any]:
        """What attacks are told."""
        return {
            "granted": self.server.server_port,
            "denied": self.denied.sock.getsockname()[1],
            "everywhere": self.everywhere.sock.getsockname()[1],
            "addresses": own_addresses(),
        }

    @property
    def forbidden(self) -> int:
        """How often somebody came where nobody may."""
        return self.denied.visits + self.everywhere.visits

    @property
    def rules(self) -> list[dict[str, Any]]:
        """The policy's hosts."""
        port = self.server.server_port
        return [
            {"host": "127.0.0.1", "ports": [port], "private": True},
            {"host": "localhost", "ports": [port]},
        ]


def _listener(address: str) -> Listener:
    sock = socket.socket()
    sock.bind((address, 0))
    found = Listener(sock)
    found.listen()
    return found


def _handler(hosts: Hosts) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/big":
                self._flood()
            elif self.path == "/wait":
                hosts.waiting.set()
                hosts.released.wait(120)
                self._say(b"released")
            elif self.path == "/host":
                self._say((self.headers.get("Host") or "").encode())
            else:
                self._say(b"granted")

        def do_POST(self) -> None:
            while self.rfile.read1(1 << 20):
                pass

        def _say(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _flood(self) -> None:
            self.send_response(200)
            self.end_headers()
            try:
                while True:
                    self.wfile.write(bytes(1 << 20))
            except OSError:
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (its names are the library's)
            """Say nothing."""

    return Handler
