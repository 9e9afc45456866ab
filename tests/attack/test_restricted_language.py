"""Attacks in the restricted language: each is refused, by what it should be, or harmless.

The cases lie in ``restricted_language.txt``.  Each runs in a process of its own with memory and CPU limits, without the
jail: what holds here must not need it.  Those that are stopped by a limit need limits, which the process has.
"""

import ast
import faulthandler
import json
import os
import re
import resource
import signal
import sys
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from restricted_cases import cases_by_title, restricted_cases

from blockyard_sandbox.guest.log import LogStream
from blockyard_sandbox.guest.operations import Handler, handlers
from blockyard_sandbox.guest.preload import preload
from blockyard_sandbox.guest.serve import answer

MEMORY = 512 * 1024 * 1024
CPU_SECONDS = 1
WALL_SECONDS = 3
"""For what a clock is to end."""

ENOUGH_SECONDS = 120
"""For all else, on either clock: a machine may be slow, or stand still for a while."""

GENERATED = {
    "deep brackets": "result = " + "(" * 5000 + "1" + ")" * 5000,
    "deep lists": "result = " + "[" * 91 + "]" * 91,
    "deep unary operators": "result = " + "-" * 50_000 + "1",
    "deep nots": "result = " + "not " * 50_000 + "1",
    "deep attribute chain": "result = x" + ".a" * 50_000,
    "deep additions": "result = " + "+".join(["x"] * 20_000),
    "deep conditions": "result = " + "1 if x else " * 20_000 + "2",
    "deep blocks": "".join(" " * depth + "if 1:\n" for depth in range(150)) + " " * 150 + "x",
    "many statements": "a = 1\n" * 40_000,
    "huge source": "#" * 300_000,
    "NUL character": "result = 'a\0b'",
    "half a surrogate pair": "result = '\ud800'",
}


@pytest.fixture(scope="module")
def operations() -> dict[str, Handler]:
    preload()
    return handlers({})


def _run_child(code: str, operations: dict[str, Handler], out: int, clocks: set[str]) -> None:
    """Run one case and write its answer: called in the child process, where a crash is an outcome like others."""
    faulthandler.disable()
    # What other tests of this process have mapped, and the threads that they have started, is not the case's.
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + MEMORY, mapped + MEMORY))
    cpu = CPU_SECONDS if "CPU" in clocks else ENOUGH_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(WALL_SECONDS if "WALL" in clocks else ENOUGH_SECONDS)
    log = LogStream(lambda call, text: None)
    sys.stdout = sys.stderr = log
    sys.unraisablehook = lambda _: None
    request = {
        "id": 1,
        "op": "python",
        "payload": {"code": code},
        "limits": {"output_bytes": 100_000, "result_bytes": 1_000_000},
    }
    with os.fdopen(out, "wb") as pipe:
        pipe.write(answer(request, operations, log)[4:])


def _run(code: str, operations: dict[str, Handler], clocks: Iterable[str] = ()) -> dict[str, Any]:
    """Run one case in a child; return its answer, or {"ended": CPU, WALL or CRASH}. ``clocks`` are those that may end it soon."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            _run_child(code, operations, writing, set(clocks))
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        text = pipe.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        names = {signal.SIGXCPU: "CPU", signal.SIGKILL: "CPU", signal.SIGALRM: "WALL"}
        return {"ended": names.get(signal.Signals(os.WTERMSIG(status)), "CRASH")}
    assert os.WEXITSTATUS(status) == 0
    answered: dict[str, Any] = json.loads(text)
    return answered


@pytest.mark.parametrize(("outcome", "words", "code"), restricted_cases())
def test_attack(operations: dict[str, Handler], outcome: str, words: str, code: str) -> None:
    checked = operations["check"]({"code": code})["errors"]
    assert bool(checked) == (outcome == "compile"), checked
    answered = _run(code, operations, words.split() if outcome == "limit" else ())
    if outcome == "limit":
        ended = answered.get("ended") or answered.get("error", {"code": "harmless"})["code"]
        assert ended in words.split()
    elif outcome == "harmless":
        assert answered.get("value") == {"outputs": {"result": ast.literal_eval(words)}}
    else:
        error = answered["error"]
        assert words in error["message"]
        assert (error["code"] == "RESTRICTED_CODE") == (outcome in {"compile", "guard"}), error
        if outcome == "compile":
            assert error["line"] is not None
            assert error["text"]


@pytest.mark.parametrize("code", GENERATED.values(), ids=GENERATED.keys())
def test_source_too_large_or_too_deep_is_refused(operations: dict[str, Handler], code: str) -> None:
    answered = _run(code, operations)
    assert answered.get("error", {}).get("code") == "RESTRICTED_CODE", answered


def test_guest_answers_after_each_kind_of_failure(operations: dict[str, Handler]) -> None:
    log = LogStream(lambda call, text: None)
    for code in ("raise SystemExit", "def f(): f()\nf()", "x = (", "raise KeyboardInterrupt"):
        answer({"id": 1, "op": "python", "payload": {"code": code}}, operations, log)
        frame = answer({"id": 2, "op": "ping"}, operations, log)
        assert json.loads(frame[4:]) == {"id": 2, "value": "pong"}


@pytest.mark.parametrize("name", ["_getattr_", "__builtins__", "_", "class", "a.b", "", "1a"])
def test_variables_from_outside_cannot_take_a_guards_name(
    operations: dict[str, Handler], name: str
) -> None:
    log = LogStream(lambda call, text: None)
    for op, payload in (
        ("python", {"code": "result = 1", "vars": {name: 1}}),
        ("expressions", {"sources": ["1"], "names": {name: 1}}),
    ):
        frame = answer({"id": 1, "op": op, "payload": payload}, operations, log)
        assert json.loads(frame[4:])["error"]["code"] == "INVALID_ARGUMENT"


def test_two_guests_draw_different_random_numbers(operations: dict[str, Handler]) -> None:
    code = "import random, uuid\nresult = [random.random(), str(uuid.uuid4())]"
    first, second = (_run(code, operations)["value"]["outputs"]["result"] for _ in range(2))
    assert first[0] != second[0]
    assert first[1] != second[1]


def test_every_advisory_of_the_library_has_its_case() -> None:
    """Its changelog names them; one that is new fails this test until there is a case for it."""
    changes = metadata.distribution("RestrictedPython").read_text("METADATA") or ""
    published = set(re.findall(r"CVE-\d+-\d+", changes))
    titles = " ".join(cases_by_title())
    assert published >= {"CVE-2023-37271", "CVE-2023-41039", "CVE-2024-47532", "CVE-2025-22153"}
    assert {
        number
        for number in published | {"CVE-2026-55830", "CVE-2026-76825"}
        if number not in titles
    } == set()
