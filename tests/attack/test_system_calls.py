"""The list of system calls: what it names, and that the kernel refuses all others, each by trying it."""

import errno
import re
from importlib import resources

import pytest
from arena import Arena, Targets
from full_python import calls, numbers

from blockyard_sandbox.jail import kernel, seccomp

SWEEP = """
odd = {}
for number in T["numbers"]:
    try:
        sc(number, 0, 0, 0, 0, 0, 0)
    except OSError as error:
        if error.errno != T["expected"]:
            odd[str(number)] = error.errno
    else:
        odd[str(number)] = "went through"
result = odd
"""

_TRAMPOLINES = (335, 336) if kernel.machine() == 0 else ()
"""The kernel's own way back from its probes (uretprobe, uprobe): no filter sees them, any other caller gets SIGILL."""

NEVER = {
    *("execve", "execveat", "ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd"),
    *("mount", "umount2", "pivot_root", "chroot", "fsopen", "fsmount", "open_tree", "move_mount"),
    *("mount_setattr", "unshare", "setns", "kill", "tkill", "tgkill", "pidfd_send_signal"),
    *("socket", "socketpair", "connect", "bind", "listen", "accept4", "sendmsg", "recvmsg"),
    *("io_uring_setup", "io_uring_enter", "io_uring_register", "userfaultfd", "bpf", "seccomp"),
    *("perf_event_open", "add_key", "keyctl", "request_key", "init_module", "finit_module"),
    *("kexec_load", "kexec_file_load", "reboot", "swapon", "open_by_handle_at", "quotactl", "acct"),
    *("syslog", "settimeofday", "clock_settime", "sethostname", "iopl", "ioperm", "modify_ldt"),
    *("personality", "setuid", "setresuid", "setgroups", "capset", "prctl", "mknodat", "linkat"),
    *("symlinkat", "fchmodat", "fchownat", "ioctl", "fcntl", "setrlimit", "shmget", "semget"),
    *("msgget", "mq_open", "memfd_create", "memfd_secret", "splice", "vmsplice", "tee"),
    *("inotify_init1", "fanotify_init", "timer_create", "setitimer", "nice", "setpriority"),
    *("sched_setscheduler", "sched_setattr", "ioprio_set", "process_madvise", "modify_ldt"),
}


def test_the_list_has_the_kernels_numbers() -> None:
    """A number that is mistyped would allow another call, on one of the two architectures."""
    text = resources.files("blockyard_sandbox.jail").joinpath("syscalls.allow").read_text()
    listed = {
        words[0]: (int(words[1]), int(words[2]))
        for words in (line.split("#")[0].split() for line in text.splitlines())
        if words
    }
    assert {name: numbers()[name] for name in listed} == listed
    assert not listed.keys() & NEVER


def test_the_kernel_refuses_every_other_call(arena: Arena, targets: Targets) -> None:
    allowed = {rule.number for rule in seccomp.rules()}
    facts = targets.facts | {"expected": errno.EPERM}
    facts["numbers"] = [n for n in range(1024) if n not in allowed and n not in _TRAMPOLINES]
    answer = arena.attack(SWEEP, facts)
    assert answer.error is None, answer
    assert answer.value == {}


def test_new_processes_are_refused_as_if_there_were_too_many(
    arena: Arena, targets: Targets
) -> None:
    numbers = [rule.number for rule in seccomp.rules() if rule.errno == errno.EAGAIN]
    assert set(numbers) == {calls()[name] for name in ("clone", "clone3", "fork", "vfork")} - {-1}
    facts = targets.facts | {"expected": errno.EAGAIN, "numbers": numbers}
    assert arena.attack(SWEEP, facts).value == {}


@pytest.mark.parametrize("number", [0x40000000, 0x40000027, 0x7FFFFFFF, -1])
def test_numbers_beyond_the_table_end_the_guest(
    number: int, arena: Arena, targets: Targets
) -> None:
    if kernel.machine() != 0 and number < 0x40000000:
        pytest.skip("only x86_64 has two tables in one")
    answer = arena.attack(f"sc({number})", targets.facts)
    assert answer.error is not None
    assert re.search("SIGSYS", answer.error.message), answer


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("sc('mmap', 0, 4096, 4, 0x22, -1, 0)", id="map executable"),
        pytest.param("sc('mmap', 0, 4096, 5, 0x22, -1, 0)", id="map readable and executable"),
        pytest.param("sc('mmap', 0, 4096, 7, 0x21, -1, 0)", id="map shared and executable"),
        pytest.param("sc('mmap', 0, 4096, 0xF4, 0x22, -1, 0)", id="map with odd bits"),
        pytest.param("sc('mprotect', id(T) & ~4095, 4096, 4)", id="make executable"),
        pytest.param(
            "sc('mprotect', id(T) & ~4095, 4096, 0x1000007)", id="make growing and executable"
        ),
        pytest.param(
            "sc('prlimit64', 0, 7, 0x100000000, 0)", id="a limit whose pointer's low half is 0"
        ),
        pytest.param("sc('prlimit64', 0, 7, 1, 0)", id="a limit at an odd address"),
        pytest.param("sc('sendto', 3, b'x', 1, 0, b'address', 0)", id="send to an address"),
        pytest.param("sc('sendto', 3, b'x', 1, 0, 0x100000000, 16)", id="send to a high address"),
    ],
)
def test_arguments_are_looked_at(code: str, arena: Arena, targets: Targets) -> None:
    answer = arena.attack(f"result = attempt(lambda: {code} is not None)", targets.facts)
    assert answer.error is None
    assert answer.value == "stopped PermissionError: [Errno 1] Operation not permitted"


@pytest.mark.parametrize(
    "code",
    [
        "len(os.urandom(64)) == 64",
        "len(os.getrandom(16)) == 16",
        "time.sleep(0.001) is None",
        "os.getpid() == 1",
        "time.time() > 1e9",
        "bytearray(1 << 20)[5] == 0",
        "resource.getrlimit(resource.RLIMIT_CORE) in ((0, 0), (1, 1))",
        "open('/zoneinfo/Europe/Paris', 'rb').read(4) == b'TZif'",
        "len(os.listdir('/zoneinfo')) > 10",
        "threading.Lock().acquire()",
        "open('/scratch/note', 'w').write('mine') == 4",
    ],
)
def test_what_a_guest_needs_goes_on_working(code: str, arena: Arena, targets: Targets) -> None:
    assert arena.attack(f"result = {code}", targets.facts).value is True
