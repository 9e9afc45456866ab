"""The guest's loop: frames in, log frames and one answer out, whatever user code does."""

import contextlib
import json
import os
import socket
import struct
from collections.abc import Iterator
from typing import Any

import pytest

from blockyard_sandbox.guest.operations import handlers
from blockyard_sandbox.guest.serve import serve


class Client:
    """The control plane's side, reduced to what the tests need."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._number = 0

    def send(self, op: str, payload: dict[str, Any], **more: Any) -> int:
        self._number += 1
        body = json.dumps({"id": self._number, "op": op, "payload": payload, **more}).encode()
        self.sock.sendall(struct.pack(">I", len(body)) + body)
        return self._number

    def receive(self) -> dict[str, Any]:
        head = self._exactly(4)
        frame: dict[str, Any] = json.loads(self._exactly(int.from_bytes(head, "big")))
        return frame

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self.sock.recv(size - len(data))
            assert more, "the guest is gone"
            data += more
        return data

    def call(self, op: str, payload: dict[str, Any], **more: Any) -> tuple[dict[str, Any], str]:
        number = self.send(op, payload, **more)
        log = ""
        while True:
            frame = self.receive()
            assert frame.pop("id") == number
            if "log" not in frame:
                return frame, log
            log += frame["log"]


def _echo(payload: dict[str, Any]) -> Any:
    print("from a handler")
    return payload["value"]


class CodedError(Exception):
    """As a block raises it: an exception that carries its code."""

    code = "FORBIDDEN_BLOCK"


def _fail(payload: dict[str, Any]) -> Any:
    raise {
        "coded": CodedError("no"),
        "assert": AssertionError("a"),
        "value": ValueError("v"),
        "descriptors": OSError(24, "too many"),
        "not plain": KeyboardInterrupt(),
    }[payload["how"]]


@pytest.fixture
def client() -> Iterator[Client]:
    """Start a guest in a child process, as the zygote does."""
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            ours.close()
            serve(theirs, handlers({"echo": _echo, "fail": _fail, "odd": lambda _: {1, 2}}))
        except SystemExit as end:
            status = int(end.code or 0)
        finally:
            os._exit(status)
    theirs.close()
    yield Client(ours)
    ours.close()
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) in {0, 70}


def test_ping(client: Client) -> None:
    assert client.call("ping", {}) == ({"value": "pong"}, "")


def test_python_gives_outputs_and_log(client: Client) -> None:
    frame, log = client.call("python", {"code": "print('hé', n)\nresult = n + 1", "vars": {"n": 1}})
    assert frame == {"value": {"outputs": {"result": 2}}}
    assert log == "hé 1\n"


def test_first_print_comes_before_the_end(client: Client) -> None:
    """The loop waits on user code only: the log is there while the stage still runs."""
    client.send(
        "python", {"code": "print('now')\nimport time\ntime.sleep(0.3)\nprint('then')\nresult = 1"}
    )
    client.sock.settimeout(30)
    assert client.receive()["log"] == "now\n"
    assert client.receive()["log"] == "then\n"
    assert client.receive()["value"] == {"outputs": {"result": 1}}


def test_many_prints_travel_together(client: Client) -> None:
    number = client.send("python", {"code": "for i in range(5000):\n    print(i)\nresult = 1"})
    frames: list[str] = []
    while "log" in (frame := client.receive()):
        assert frame["id"] == number
        frames.append(frame["log"])
    assert "".join(frames) == "".join(f"{i}\n" for i in range(5000))
    assert frames[0] == "0\n"
    assert len(frames) < 500


@pytest.mark.parametrize(
    "code",
    [
        "raise SystemExit(3)",
        "raise KeyboardInterrupt",
        "raise GeneratorExit",
        "def f(): f()\nf()",
        "raise MemoryError",
        "raise BaseException('x')",
        "raise StopIteration",
    ],
)
def test_no_exception_ends_the_loop(client: Client, code: str) -> None:
    frame, _ = client.call("python", {"code": code})
    assert frame["error"]["code"] in {"UNHANDLED_EXCEPTION", "MEMORY_LIMIT"}
    assert frame["error"]["line"] is not None
    assert client.call("ping", {})[0] == {"value": "pong"}


def test_output_limit(client: Client) -> None:
    code = "for i in range(1000):\n    try:\n        print('x' * 99)\n    except BaseException:\n        pass"
    frame, log = client.call("python", {"code": code}, limits={"output_bytes": 1000})
    assert frame["error"]["code"] == "OUTPUT_LIMIT"
    assert log == ("x" * 99 + "\n") * 10


def test_output_is_counted_in_bytes(client: Client) -> None:
    frame, _ = client.call("python", {"code": "print('é' * 60)"}, limits={"output_bytes": 100})
    assert frame["error"]["code"] == "OUTPUT_LIMIT"
    frame, _ = client.call("python", {"code": "result = 1"}, limits={"output_bytes": 100})
    assert frame == {"value": {"outputs": {"result": 1}}}


def test_half_a_surrogate_pair_can_be_printed(client: Client) -> None:
    frame, log = client.call("python", {"code": "print('a\\ud800b')\nresult = 1"})
    assert frame == {"value": {"outputs": {"result": 1}}}
    assert log == "a\\ud800b\n"


def test_result_limit(client: Client) -> None:
    frame, _ = client.call("python", {"code": "result = 'x' * 2000"}, limits={"result_bytes": 1000})
    assert frame["error"]["code"] == "RESULT_LIMIT"


def test_extensions_print_and_answer(client: Client) -> None:
    assert client.call("echo", {"value": [1, None]}) == ({"value": [1, None]}, "from a handler\n")


@pytest.mark.parametrize("value", [float("nan"), "\ud800"])
def test_what_an_extension_cannot_answer_is_an_error(client: Client, value: Any) -> None:
    frame, _ = client.call("echo", {"value": value})
    assert frame["error"]["code"] == "INVALID_TYPE"


def test_odd_answers_are_errors(client: Client) -> None:
    assert client.call("odd", {})[0]["error"]["code"] == "INVALID_TYPE"
    assert client.call("nothing", {})[0]["error"]["code"] == "INVALID_TYPE"


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ("coded", "FORBIDDEN_BLOCK"),
        ("assert", "ASSERTION_ERROR"),
        ("value", "UNHANDLED_EXCEPTION"),
        ("descriptors", "OPEN_FILES_LIMIT"),
        ("not plain", "UNHANDLED_EXCEPTION"),
    ],
)
def test_codes_of_extensions(client: Client, how: str, code: str) -> None:
    assert client.call("fail", {"how": how})[0]["error"]["code"] == code


def test_broken_frame_ends_the_process(client: Client) -> None:
    client.sock.sendall(b"\xff\xff\xff\xff")
    assert client.sock.recv(10) == b""


def test_half_a_frame_ends_the_process(client: Client) -> None:
    client.sock.sendall(b"\x00\x00\x00\x09{")
    client.sock.shutdown(socket.SHUT_WR)
    with contextlib.suppress(ConnectionError):
        assert client.sock.recv(10) == b""


def test_large_requests_arrive_whole(client: Client) -> None:
    rows = [{"n": n, "text": "x" * 50} for n in range(20_000)]
    frame, _ = client.call(
        "python", {"code": "result = sum(r['n'] for r in rows)", "vars": {"rows": rows}}
    )
    assert frame == {"value": {"outputs": {"result": sum(range(20_000))}}}


def test_extension_cannot_take_an_operations_name() -> None:
    with pytest.raises(ValueError, match="python"):
        handlers({"python": _echo})
