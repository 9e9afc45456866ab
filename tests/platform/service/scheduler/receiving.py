"""A real server on this machine that is told of runs, and answers as a test says."""

from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Thread


class Receiver:
    """Remembers what comes, and answers with the ``statuses`` in turn, and the last of them from then on."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.statuses = [200]
        self.headers: dict[str, str] = {}
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        self._arrived = Condition()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/told?by=blockyard"

    def take(self, path: str, headers: dict[str, str], body: bytes) -> int:
        with self._arrived:
            self.got.append((path, headers, body))
            self._arrived.notify_all()
            return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]

    def wait(self, count: int, seconds: float) -> bool:
        """Wait until so many requests have come."""
        with self._arrived:
            return self._arrived.wait_for(lambda: len(self.got) >= count, seconds)


class Listening(ThreadingHTTPServer):
    """Keeps all who come at once, until it gets round to them."""

    request_queue_size = 128


@contextmanager
def receiving() -> Generator[Receiver]:
    """Yield a server that listens."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("content-length", "0"))
            headers = {name.lower(): text for name, text in self.headers.items()}
            status = receiver.take(self.path, headers, self.rfile.read(length))
            self.send_response(status)
            for name, text in receiver.headers.items():
                self.send_header(name, text)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = Listening(("127.0.0.1", 0), Handler)
    receiver = Receiver(server.server_port)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
