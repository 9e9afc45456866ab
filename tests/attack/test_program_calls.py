"""The system calls of a jail that starts programs: the kernel refuses all others, and looks at the arguments of some."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from full_python import calls, numbers

from blockyard_platform import Runner
from blockyard_sandbox.jail import kernel, seccomp
from blockyard_schemas.policy import personal_policy
from blockyard_schemas.policy_packages import HostRule

SWEEP = 'for (@ARGV) { $! = 0; my $r = syscall($_, 0, 0, 0, 0, 0, 0); print "$_ $r ", $!+0, "\\n" if $r != -1 || $! != 1 }'
_TRAMPOLINES = (335, 336) if kernel.machine() == 0 else ()
NEVER = {
    *("ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "execveat", "clone3"),
    *("mount", "umount2", "pivot_root", "chroot", "fsopen", "fsmount", "open_tree", "move_mount"),
    *("mount_setattr", "unshare", "setns", "socket", "connect", "bind", "listen", "accept4"),
    *("io_uring_setup", "io_uring_enter", "io_uring_register", "userfaultfd", "bpf", "seccomp"),
    *("perf_event_open", "add_key", "keyctl", "request_key", "init_module", "finit_module"),
    *("kexec_load", "kexec_file_load", "reboot", "swapon", "open_by_handle_at", "quotactl", "acct"),
    *("name_to_handle_at", "syslog", "settimeofday", "clock_settime", "sethostname", "iopl"),
    *("ioperm", "modify_ldt", "personality", "setuid", "setresuid", "setgroups", "capset"),
    *("mknod", "mknodat", "chown", "fchownat", "setxattr", "setrlimit", "shmget", "semget"),
    *("msgget", "mq_open", "memfd_create", "memfd_secret", "vmsplice", "fanotify_init"),
    *("inotify_init1", "setpriority", "sched_setscheduler", "sched_setattr", "ioprio_set"),
    *("process_madvise", "landlock_create_ruleset", "pidfd_send_signal", "tkill"),
}


@dataclass(frozen=True)
class Shell:
    """A runner for scripts."""

    loop: asyncio.Runner
    runner: Runner

    def run(self, script: str, *, network: bool = False) -> str:
        """Return what a script prints."""
        given = {"hosts": ["127.0.0.1"]} if network else {}
        stages = [{"id": "a", "bash": script} | given]
        result = self.loop.run(self.runner.run({"name": "t", "stages": stages}))
        record = result.jobs["main"].stages["a"]
        assert result.success, record.error
        return str(record.outputs["stdout"])


@pytest.fixture(scope="module")
def shell() -> Iterator[Shell]:
    with asyncio.Runner() as loop:
        policy = personal_policy()
        rule = HostRule(host="127.0.0.1", ports=(9,), private=True)
        runner = Runner(policy=policy.model_copy(update={"hosts": (rule,)}))
        yield Shell(loop, runner)
        loop.run(runner.close())


def test_the_list_has_the_kernels_numbers_and_not_these() -> None:
    listed = {rule.name: rule for rule in seccomp.rules(programs=True)}
    known = {name: pair[kernel.machine()] for name, pair in numbers().items()}
    assert {name: known[name] for name in listed} == {
        name: rule.number for name, rule in listed.items()
    }
    refused = {name for name, rule in listed.items() if rule.errno is not None}
    assert not (listed.keys() - refused) & NEVER


def test_the_kernel_refuses_every_other_call(shell: Shell) -> None:
    allowed = {rule.number for rule in seccomp.rules(programs=True)}
    others = [n for n in range(1024) if n not in allowed and n not in _TRAMPOLINES]
    assert len(others) > 700
    assert shell.run(f"perl -e '{SWEEP}' {' '.join(map(str, others))}") == ""


NETWORK = {
    *("socket", "connect", "getsockname", "getpeername", "getsockopt", "setsockopt", "shutdown"),
    *("sendto", "recvfrom"),
}
"""What a script with hosts may do besides; two of them are in the other list for connected sockets."""


def test_a_network_adds_the_calls_of_its_list_and_no_other() -> None:
    without = {rule.name: rule for rule in seccomp.rules(programs=True)}
    given = {rule.name: rule for rule in seccomp.rules(programs=True, network=True)}
    known = {name: pair[kernel.machine()] for name, pair in numbers().items()}
    assert given.keys() - without.keys() == NETWORK - {"sendto", "recvfrom"}
    assert without.keys() <= given.keys()
    assert {name for name, rule in given.items() if rule != without.get(name)} <= NETWORK
    assert {name: given[name].number for name in NETWORK} == {it: known[it] for it in NETWORK}
    assert not given.keys() & (NEVER - NETWORK - {"clone3"})


def test_the_kernel_refuses_every_other_call_with_a_network_too(shell: Shell) -> None:
    allowed = {rule.number for rule in seccomp.rules(programs=True, network=True)}
    others = [n for n in range(1024) if n not in allowed and n not in _TRAMPOLINES]
    assert len(others) > 700
    sweep = f"perl -e '{SWEEP}' {' '.join(map(str, others))}"
    assert shell.run(sweep, network=True) == ""
    # The sweep would tell: the same numbers, and those of the network's own calls, which fail in other ways.
    reached = [calls()[name] for name in ("connect", "getsockname", "getpeername", "shutdown")]
    lines = shell.run(f"perl -e '{SWEEP}' {' '.join(map(str, reached))}", network=True)
    assert {int(line.split()[0]) for line in lines.splitlines()} == set(reached)
    assert shell.run(f"perl -e '{SWEEP}' {' '.join(map(str, reached))}") == ""


def test_calls_that_are_answered_with_another_error(shell: Shell) -> None:
    expected = {
        rule.number: rule.errno for rule in seccomp.rules(programs=True) if rule.errno is not None
    }
    numbered = " ".join(map(str, expected))
    lines = [line.split() for line in shell.run(f"perl -e '{SWEEP}' {numbered}").splitlines()]
    assert {int(number): int(error) for number, _, error in lines} == expected
    assert {int(result) for _, result, _ in lines} == {-1}


_PERMITTED = "perl -e '$r = syscall({call}); print $r == -1 ? $!+0 : \"went through\"'"


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        *[("clone", f"{flag | 17}, 0, 0, 0, 0") for flag in (0x20000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000)],
        ("clone", "0x7e020011, 0, 0, 0, 0"),
        *[("fcntl", f"0, {command}, 0") for command in (8, 10, 15, 1024, 1026, 1033)],
        ("ioctl", "0, 0x5412, 0"),
        ("ioctl", "0, 0x541c, 0"),
        ("prctl", "4, 1, 0, 0, 0"),
        ("prctl", "22, 0, 0, 0, 0"),
        ("prctl", "38, 0, 0, 0, 0"),
        ("prctl", "0x59616d61, -1, 0, 0, 0"),
        ("socketpair", "2, 1, 0, 0"),
        ("socketpair", "10, 1, 0, 0"),
        ("socketpair", "16, 3, 0, 0"),
        ("prlimit64", "0, 7, 1, 0"),
        ("sendto", "3, 0, 1, 0, 1, 16"),
    ],
)  # fmt: skip
def test_arguments_are_looked_at(name: str, arguments: str, shell: Shell) -> None:
    call = f"{calls()[name]}, {arguments}"
    assert shell.run(_PERMITTED.replace("{call}", call)) == "1"


@pytest.mark.parametrize(
    ("name", "arguments", "error"),
    [
        *[("socket", f"{family}, 1, 0", 1) for family in (0, 1, 3, 10, 16, 17, 38, 40, 44, 0x7FFFFFFF)],
        *[("socket", f"2, {kind}, 0", 1) for kind in (0, 3, 4, 5, 6, 10, 2048, 4097, 0x7FFFFFFF)],
        *[("socket", f"2, 1, {protocol}", 1) for protocol in (1, 2, 33, 41, 132, 136, 255, 262)],
        ("socket", "2, 2, 1", 1),
        ("socket", "10, 1, 6", 1),
        ("socket", "2, 1, 17", 93),
        *[("setsockopt", f"99, {level}, 2, 0, 0", 1) for level in (0, 17, 41, 132, 255, 263, 282, 284, 0x7FFFFFFF)],
        *[("setsockopt", f"99, {level}, {option}, 0, 0", 1) for level in (1, 6) for option in (0, 3, 10, 11, 14, 15, 16, 17, 19, 22, 25, 26, 27, 31, 33, 36, 42, 50, 51, 52, 60, 69)],
        ("setsockopt", "99, 1, 2, 0, 0", 9),
        ("setsockopt", "99, 6, 1, 0, 0", 9),
        *[("fcntl", f"0, {command}, 0", 1) for command in (8, 9, 10, 11, 15, 16, 17, 1024, 1025, 1026, 1033, 1034, 0x7FFFFFFF)],
        ("fcntl", "99, 3, 0", 9),
        ("fcntl", "99, 1030, 0", 9),
    ],
)  # fmt: skip
def test_arguments_are_looked_at_with_a_network_too(
    name: str, arguments: str, error: int, shell: Shell
) -> None:
    call = f"{calls()[name]}, {arguments}"
    assert shell.run(_PERMITTED.replace("{call}", call), network=True) == str(error)


@pytest.mark.parametrize(
    "script",
    [
        "sort <(:) 2>/dev/null; echo b a | tr ' ' '\\n' | sort | head -1 | grep -q a",
        "find . -name x; sed s/a/b/ <<< a | grep -q b; awk 'BEGIN { exit 0 }'",
        "mkdir d && cd d && : > f && mv f g && ln -s g h && rm -r ../d",
        "tar cf - . | gzip | gunzip | tar tf - >/dev/null",
        "date +%s | grep -q '^[0-9]*$' && sleep 0.01 && seq 3 | xargs -n1 -P2 echo >/dev/null",
        "perl -e 'fork; wait; print 1' | grep -q 11",
        "stat . >/dev/null && df . >/dev/null && du -s . >/dev/null && touch -d 2020-01-01 x",
        "timeout 1 true && nice true; (trap 'exit 0' USR1; kill -USR1 $BASHPID; sleep 1)",
    ],
)
def test_what_scripts_need_goes_on_working(script: str, shell: Shell) -> None:
    assert shell.run(f"set -o pipefail; {{ {script}; }} && echo fine").endswith("fine\n")
