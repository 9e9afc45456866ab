"""A bash that is started before its script comes: as one that is started for it, and out of reach of the scripts before."""

import asyncio
import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockyard_sandbox.guest.ahead import quoted, words_of
from blockyard_sandbox.limits import GuestLimits
from blockyard_sandbox.programs import program_spec
from blockyard_sandbox.sandbox import Answer, Guest, Sandbox
from blockyard_schemas.statuses import Code

LIMITS = GuestLimits(
    cpu_seconds=60,
    run_cpu_seconds=60,
    wall_seconds=120,
    memory_bytes=128 << 20,
    processes=18,
    scratch_bytes=16 << 20,
)
HERE = str(Path(__file__).parent)


@dataclass
class Scripts:
    """A guest that runs scripts."""

    loop: asyncio.Runner
    guest: Guest

    def run(self, script: str, **env: str) -> dict[str, Any]:
        """Return the answer to a script."""
        answer = self.answer(script, **env)
        assert answer.value is not None, answer
        return dict(answer.value)

    def answer(self, script: str, **env: str) -> Answer:
        """Return whatever a script comes to."""
        return self.loop.run(self.guest.call("shell", {"script": script, "env": env}))

    def waiting(self) -> list[int]:
        """Return the processes below the guest, once it has done what it does between two calls."""
        assert self.loop.run(self.guest.call("ping", {})).value == "pong"
        path = Path(f"/proc/{self.guest.pid}/task/{self.guest.pid}/children")
        found = [int(each) for each in path.read_text().split()]
        for each in found:
            until(partial(_reads, each))
        return found


def until(true: Callable[[], bool]) -> None:
    """Wait until something is true."""
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.001)


def _reads(pid: int) -> bool:
    """Whether a process has come so far that it waits for its standard input, or has ended."""
    try:
        number, *arguments = Path(f"/proc/{pid}/syscall").read_text().split()
    except ProcessLookupError:
        return True
    read = {"x86_64": "0", "aarch64": "63"}[os.uname().machine]
    return number == read and arguments[0] == "0x0"


def guests(*, cold: bool, limits: GuestLimits = LIMITS) -> Iterator[Scripts]:
    extension = {"shell": ("shell_probe:make", {"cold": cold})}
    spec = replace(program_spec("full"), extensions=extension, paths=(HERE,))
    with asyncio.Runner() as loop:
        sandbox = Sandbox(spec)
        loop.run(sandbox.start())
        guest = loop.run(sandbox.guest(limits))
        yield Scripts(loop, guest)
        loop.run(guest.close())
        loop.run(sandbox.close())


@pytest.fixture
def scripts() -> Iterator[Scripts]:
    """Return a guest whose next script finds a bash that waits."""
    yield from warm(LIMITS)


def warm(limits: GuestLimits) -> Iterator[Scripts]:
    for each in guests(cold=False, limits=limits):
        assert [each.run("true")["ahead"] for _ in range(3)] == [False, False, True]
        assert len(each.waiting()) == 1
        yield each


@pytest.fixture
def cold() -> Iterator[Scripts]:
    for each in guests(cold=True):
        assert [each.run("true")["ahead"] for _ in range(3)] == [False, False, False]
        yield each


LOOK = r"""
echo "$? $_ $0 $- $# [$!] $LINENO $BASH_SUBSHELL ${BASH_EXECUTION_STRING-unset} ${BASH_SOURCE[*]} ${FUNCNAME[*]}"
: $SECONDS; declare -p | grep -Ev ' (BASHPID|EPOCH[A-Z]*|BASH_ARGC|RANDOM|SRANDOM|SECONDS|BASH_COMMAND|REPLY)='
[[ -v REPLY || -v BASH_ENV ]] && echo broken
[[ $$ == $BASHPID && $PPID == 1 ]] && echo own
shopt -p; set -o; trap -p; declare -F; alias; hash; jobs; caller; umask; { ulimit -a; ulimit -Ha; } | grep -v virtual
env | sort
ls -lA --time-style=+; cat "$0" | wc -c
for n in $(seq 3 260); do (: <&$n) 2> /dev/null && echo "descriptor $n"; done
(echo into nothing >&0) && read -t 60 line; echo "$? [$line]"
perl -e 'print getpgrp() - getppid() != 0 ? "" : "x", " @{[map { $SIG{$_} // q() } sort keys %SIG]}\n"'
no-such-command; false | true; echo "${PIPESTATUS[*]}"
"""


def test_a_script_sees_nothing_of_how_its_bash_was_started(scripts: Scripts, cold: Scripts) -> None:
    # The two guests have parents of their own: how much memory those began with may differ by a page, and so the limit.
    env = {"V": "a 'b' \"c\" $(id) `id` ~ * \\ \n\té\x01\x7f!", "EMPTY": "", "lower": "x" * 500}
    one, other = scripts.run(LOOK, **env), cold.run(LOOK, **env)
    assert (one.pop("ahead"), other.pop("ahead")) == (True, False)
    for each in (one, other):
        each.pop("cpu_seconds")
    assert set(one["stdout"].splitlines()) ^ set(other["stdout"].splitlines()) == set()
    assert one == other
    assert "broken" not in one["stdout"]
    assert "own" in one["stdout"].splitlines()


def test_the_seconds_that_a_bash_counts_begin_with_its_script(scripts: Scripts) -> None:
    scripts.waiting()
    waits = int(time.time())
    until(lambda: time.time() > waits + 1.1)  # one of the machine's clocks lags behind the other
    begun = int(time.time())  # a bash counts how often the clock's second has changed
    ended = scripts.run("echo $SECONDS ${EPOCHREALTIME%.*}")
    counted, now = map(int, ended["stdout"].split())
    assert ended["ahead"]
    assert 0 <= counted <= now - begun


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("exit 3", 3),
        ("kill -TERM $$", -15),
        ("set -e; false; echo no", 1),
        ("set -u; echo $nothing", 1),
        ("echo a; exec false", 1),
        ("if", 2),
        ("", 0),
        ("trap 'exit 4' EXIT; true", 4),
        ("cat; read x; exit $((10 + $?))", 11),
        ("exit", 0),
        ("return 5; exit 6", 6),
    ],
)
def test_a_script_ends_as_with_a_bash_of_its_own(
    script: str, code: int, scripts: Scripts, cold: Scripts
) -> None:
    one, other = scripts.run(script), cold.run(script)
    assert (one["return_code"], one["stdout"], one["stderr"]) == (
        other["return_code"],
        other["stdout"],
        other["stderr"],
    )
    assert (one["return_code"], one["ahead"], other["ahead"]) == (code, True, False)


@given(st.binary(max_size=60).filter(lambda data: b"\0" not in data))
def test_every_text_is_quoted_so_that_bash_reads_it_as_it_is(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    word = quoted(text)
    assert word.isascii()
    assert word.isprintable()
    command = f'export V={word} W=w; printf %s "$V$W"'
    done = subprocess.run(
        ["/bin/bash", "-c", command], check=True, capture_output=True, env={"LC_CTYPE": "C.UTF-8"}
    )
    assert done.stdout == data + b"w"


@pytest.mark.parametrize(
    "name", ["BASH_ENV", "SHELLOPTS", "POSIXLY_CORRECT", "IFS", "PATH", "HOME", "PS4", "LC_ALL", "LANG", "TZ", "SECONDS", "_", "UID", "OPTIND", "MALLOC_PERTURB_", "PWD"],
)  # fmt: skip
def test_a_variable_that_bash_looks_at_when_it_starts_gets_a_bash_of_its_own(
    name: str, scripts: Scripts, cold: Scripts
) -> None:
    assert words_of({name: "x"}) is None
    waited = scripts.waiting()
    look = f'echo "${{{name}-}}"; /usr/bin/env | /usr/bin/sort; /usr/bin/env true; set -o'
    one, other = scripts.run(look, **{name: "5"}), cold.run(look, **{name: "5"})
    if name == "SECONDS":  # which go on
        for each in (one, other):
            assert 5 <= int(each["stdout"].split()[0]) <= 5 + LIMITS.wall_seconds
            each["stdout"] = re.sub(r"(?m)^(SECONDS=)?\d+$", r"\1", each["stdout"])
    assert (one["stdout"], one["stderr"], one["return_code"]) == (
        other["stdout"],
        other["stderr"],
        other["return_code"],
    )
    assert not set(waited) & set(scripts.waiting())


def test_long_variables_get_a_bash_of_its_own(scripts: Scripts) -> None:
    assert words_of({"A": "x" * 40_000}) is None
    assert words_of({"A": "'" * 10_000}) is None
    for length in (17, 18, 100, 30_000, 40_000):
        assert scripts.run("echo ${#A}", A="x" * length)["stdout"] == f"{length}\n"


def test_no_variable_of_a_script_is_left_for_the_next(scripts: Scripts) -> None:
    assert scripts.run("export B=2; echo $A", A="secret")["stdout"] == "secret\n"
    after = scripts.run("env; declare -p | grep -c secret; echo [$A$B]")
    assert after["ahead"]
    assert "secret" not in after["stdout"]
    assert after["stdout"].endswith("\n0\n[]\n")


# One process alone stops the others, and those that kill one by one spare it: if none were left that is not stopped, nor kills
# all, the script would go on to its wall limit.
LEFT = """
first='set -C; echo $$ > .stops'
for stop in "kill -STOP -1" : :; do
  (setsid bash -c 'trap "" HUP TERM INT; '"$first"'; while :; do echo alive >| /scratch/here; '"$stop"'; kill -9 -1; sleep 0.01; done' & ) &
  first=:
done
until [[ -s .stops ]]; do :; done
perl -e 'use POSIX; open $f, "<", ".stops"; $s = <$f> + 0; for (1..4) { if (!fork) { setsid(); if (!fork) { $SIG{$_} = "IGNORE" for qw(HUP TERM INT); while (1) { kill 9, -1; kill 9, grep { $_ != $s } 2..400; select(undef, undef, undef, 0.002) } } exit } }'
echo 'echo BROKEN' > .profile; cp .profile .bashrc; echo 'echo BROKEN' > .stage.sh
exec 9> .held; disown -a; exit 0
"""


def test_what_a_script_leaves_running_does_not_reach_the_bash_that_waits(scripts: Scripts) -> None:
    for _ in range(5):
        assert scripts.run(LEFT)["clean"]
        (waiting,) = scripts.waiting()
        after = scripts.run("sleep 0.05; ls -A; kill -0 -- -1 2> /dev/null || echo alone; echo $$")
        assert after["ahead"]
        assert after["stdout"].split()[:2] == [".stage.sh", "alone"]
        assert not Path(f"/proc/{waiting}").exists()


def test_what_a_bash_reads_while_it_waits_cannot_be_changed(scripts: Scripts) -> None:
    change = "for f in /blockyard/ahead.sh /blockyard; do echo x 2>&1 >> $f; rm -rf $f; mv $f y; ln -sf /scratch/x $f; chmod 777 $f; done"
    scripts.run(change)
    after = scripts.run("cat /blockyard/ahead.sh")
    text = Path(program_spec("full").binds[-1].source).read_text()
    assert (after["stdout"], after["ahead"]) == (text, True)


def test_a_bash_that_has_died_while_it_waited_is_replaced(scripts: Scripts) -> None:
    for _ in range(3):
        (waiting,) = scripts.waiting()
        descriptor = os.pidfd_open(waiting)
        os.kill(waiting, signal.SIGKILL)
        assert select.select([descriptor], [], [], 60)[0]
        os.close(descriptor)
        assert scripts.run("echo $A", A="here")["stdout"] == "here\n"


def test_a_bash_that_waits_ends_with_its_guest(scripts: Scripts) -> None:
    (waiting,) = scripts.waiting()
    descriptor = os.pidfd_open(waiting)
    scripts.loop.run(scripts.guest.close())
    with pytest.raises(ProcessLookupError):
        signal.pidfd_send_signal(descriptor, 0)
    os.close(descriptor)


def test_a_bash_that_waits_is_closed_in_as_its_guest_is(scripts: Scripts) -> None:
    (waiting,) = scripts.waiting()

    def facts(pid: int) -> dict[str, str]:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        found = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
        kept = (
            "Uid",
            "Gid",
            "Groups",
            "NoNewPrivs",
            "Seccomp",
            "Seccomp_filters",
            "CapEff",
            "CapBnd",
        )
        return {name: found[name] for name in kept} | {
            "cgroup": Path(f"/proc/{pid}/cgroup").read_text(),
            **{kind: os.readlink(f"/proc/{pid}/ns/{kind}") for kind in ("pid", "mnt", "net", "ipc", "user", "uts")},
        }  # fmt: skip

    assert facts(waiting) == facts(scripts.guest.pid)
    descriptors = {each.name: os.readlink(each) for each in Path(f"/proc/{waiting}/fd").iterdir()}
    kinds = {name: place.partition(":")[0] for name, place in descriptors.items()}
    assert {kinds["0"], kinds["1"], kinds["2"]} == {"pipe"}
    assert set(descriptors.values()) <= {descriptors["0"], descriptors["1"], descriptors["2"], "/blockyard/ahead.sh"}  # fmt: skip


def test_the_seconds_of_a_bash_that_waited_are_those_of_its_script(scripts: Scripts) -> None:
    idle = scripts.run("true")
    busy = scripts.run("for ((n = 0; n < 100000; n++)); do :; done")
    assert idle["ahead"]
    assert busy["ahead"]
    assert 0 < idle["cpu_seconds"] < busy["cpu_seconds"]
    spent = scripts.run("end=$((${EPOCHREALTIME/./} + 300000)); while ((${EPOCHREALTIME/./} < end)); do :; done; times")  # fmt: skip
    minutes, _, seconds = spent["stdout"].split()[0].removesuffix("s").partition("m")
    assert spent["cpu_seconds"] >= 60 * int(minutes) + float(seconds)


@pytest.mark.parametrize(
    ("script", "codes"),
    [
        ("x=$(head -c 300000000 /dev/zero | tr '\\0' x)", {1, 2, -9, 137}),
        ("for n in $(seq 400); do sleep 5 & done; wait", {1, 254}),
        ("head -c 30000000 /dev/zero > big", {1, 153}),
    ],
)
def test_its_limits_hold_for_a_bash_that_has_waited(
    script: str, codes: set[int], scripts: Scripts
) -> None:
    ended = scripts.run(script)
    assert ended["ahead"]
    assert ended["return_code"] in codes, ended


def test_its_cpu_seconds_hold_for_a_bash_that_has_waited() -> None:
    for scripts in warm(replace(LIMITS, cpu_seconds=2, run_cpu_seconds=2)):
        ended = scripts.run("while :; do :; done")
        assert ended["ahead"]
        assert ended["return_code"] in {-24, -9}, ended


def test_a_call_that_is_over_its_time_ends_the_bash_that_had_waited(scripts: Scripts) -> None:
    (waiting,) = scripts.waiting()
    descriptor = os.pidfd_open(waiting)
    answer = scripts.loop.run(
        scripts.guest.call(
            "shell", {"script": "sleep 60", "env": {}}, limits=replace(LIMITS, wall_seconds=0.3)
        )
    )
    assert answer.error is not None
    assert answer.error.code is Code.TIMEOUT
    scripts.loop.run(scripts.guest.close())
    with pytest.raises(ProcessLookupError):
        signal.pidfd_send_signal(descriptor, 0)
    os.close(descriptor)
