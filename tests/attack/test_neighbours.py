"""Two tenants' guests side by side: what each way from one to the other is stopped by, and that nothing else is needed.

A row is a way: what the first guest does, what the second then tries, and the layers that each suffice against it.
"""

import os
from dataclasses import dataclass
from typing import Any

import pytest
from arena import Arena, Targets

from blockyard_sandbox.errors import SandboxUnavailableError


@dataclass(frozen=True)
class Way:
    """From one guest to the next; ``aside`` are layers out of the way in any case."""

    name: str
    first: str
    second: str
    stops: tuple[str, ...]
    aside: tuple[str, ...] = ()


WAYS = (
    Way(
        "an abstract socket",
        """
s = socket.socket(socket.AF_UNIX); s.bind(chr(0) + "meeting"); s.listen()
CONFIG["kept"] = s
""",
        """
def go():
    socket.socket(socket.AF_UNIX).connect(chr(0) + "meeting"); return True
result = attempt(go)
""",
        ("seccomp", "landlock"),
    ),
    Way(
        "a port on the loopback, brought up first",
        """
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
fcntl.ioctl(s, 0x8914, struct.pack("16sH14x", b"lo", 1 | 64))
CONFIG["kept"] = socket.create_server(("127.0.0.1", 4711))
""",
        "result = attempt(lambda: socket.create_connection(('127.0.0.1', 4711), 60))",
        ("seccomp", "landlock"),
        aside=("capabilities", "uid"),
    ),
    Way(
        "shared memory of the system",
        """
place = sc("shmget", 0x5EED, 4096, 0o1666)
CONFIG["kept"] = place
""",
        "result = attempt(lambda: sc('shmget', 0x5EED, 0, 0) >= 0)",
        ("seccomp", "ipc"),
    ),
    Way(
        "messages of the system",
        "CONFIG['kept'] = sc('msgget', 0x5EED, 0o1666)",
        "result = attempt(lambda: sc('msgget', 0x5EED, 0) >= 0)",
        ("seccomp", "ipc"),
    ),
    Way(
        "a message queue by name",
        "CONFIG['kept'] = sc('mq_open', b'meeting', os.O_CREAT | os.O_RDWR, 0o666, 0)",
        "result = attempt(lambda: sc('mq_open', b'meeting', os.O_RDONLY, 0, 0) >= 0)",
        ("seccomp", "ipc", "landlock"),
        aside=("rlimits",),
    ),
    Way(
        "the keyring of a user",
        "sc('add_key', b'user', b'meeting', b'secret', 6, -4)",
        "result = attempt(lambda: sc('keyctl', 10, -4, b'user', b'meeting', 0) >= 0)",
        ("seccomp", "uid"),
    ),
    Way(
        "a signal",
        "",
        "result = attempt(lambda: os.kill(T['first_pid'], 0) is None)",
        ("seccomp", "pid", "landlock", "uid"),
    ),
    Way(
        "a signal through a descriptor that the zygote holds",
        "",
        "result = attempt(lambda: gather(range(5, 200), lambda n: sc('pidfd_send_signal', n, 0, 0, 0)))",
        ("seccomp", "descriptors", "landlock", "uid", "pid"),
    ),
    Way(
        "its processor time",
        "",
        "result = attempt(lambda: time.clock_gettime((~T['first_pid'] << 3) | 2))",
        ("pid",),
    ),
    Way(
        "a lock on a file that both may read",
        """
place = os.open("/zoneinfo/Europe/Paris", os.O_RDONLY)
fcntl.flock(place, fcntl.LOCK_EX)
CONFIG["kept"] = place
""",
        """
def go():
    try:
        fcntl.flock(os.open("/zoneinfo/Europe/Paris", os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return "it is locked"
result = attempt(go)
""",
        ("seccomp",),
    ),
    Way(
        "its priority",
        "",
        "result = attempt(lambda: os.setpriority(os.PRIO_PROCESS, T['first_pid'], 19) is None)",
        ("seccomp", "pid", "uid"),
    ),
)

needs_root = pytest.mark.skipif(
    os.getuid() != 0 and os.environ.get("BLOCKYARD_REQUIRE") != "all",
    reason="leaving layers out needs root: an ordinary user cannot have a jail without a user namespace",
)


def outcome(arena: Arena, way: Way, without: frozenset[str], targets: Targets) -> str:
    """Return what the second guest says while the first one lives."""
    try:
        with arena.guests(2, without) as (first, second):
            facts: dict[str, Any] = targets.facts | {"first_pid": first.pid}
            arena.ask(first, way.first, facts)
            answer = arena.ask(second, way.second, facts)
    except SandboxUnavailableError as error:
        return f"stopped: no guest: {error}"
    return f"stopped: {answer.error}" if answer.error is not None else str(answer.value)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_neighbours_have_no_way_to_each_other(way: Way, arena: Arena, targets: Targets) -> None:
    assert outcome(arena, way, frozenset(), targets).startswith("stopped")


@needs_root
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_it_is_a_way_where_all_its_layers_are_left_out(
    way: Way, arena: Arena, targets: Targets
) -> None:
    without = frozenset(way.stops) | frozenset(way.aside)
    assert outcome(arena, way, without, targets).startswith("PWNED")


@needs_root
@pytest.mark.parametrize(
    ("way", "layer"),
    [pytest.param(way, layer, id=f"{way.name}-{layer}") for way in WAYS for layer in way.stops],
)
def test_one_layer_alone_closes_it(way: Way, layer: str, arena: Arena, targets: Targets) -> None:
    without = frozenset(way.stops) - {layer} | frozenset(way.aside)
    assert outcome(arena, way, without, targets).startswith("stopped")


def test_a_neighbour_that_takes_all_memory_harms_itself_alone(
    arena: Arena, targets: Targets
) -> None:
    with arena.guests(2) as (greedy, modest):
        assert arena.ask(modest, "CONFIG['kept'] = 'x' * (20 << 20)", targets.facts).error is None
        bomb = "held = []\nwhile True:\n    held.append(bytearray(1 << 20))"
        assert arena.ask(greedy, bomb, targets.facts).error is not None
        kept = arena.ask(modest, "result = len(CONFIG['kept'])", targets.facts)
        assert kept.value == 20 << 20


def test_a_neighbour_that_dies_harms_itself_alone(arena: Arena, targets: Targets) -> None:
    with arena.guests(2) as (first, second):
        assert arena.ask(first, "ctypes.string_at(1)", targets.facts).error is not None
        assert not first.alive
        assert arena.ask(second, "result = 'well'", targets.facts).value == "well"


def test_a_neighbour_that_changes_what_both_inherited_changes_its_copy(
    arena: Arena, targets: Targets
) -> None:
    with arena.guests(2) as (first, second):
        change = (
            "CONFIG['mark'] = 'CANARY'\nsys.modules['json'].dumps = None\nos.environ['X'] = '1'"
        )
        arena.ask(first, change, targets.facts)
        look = "result = [CONFIG.get('mark'), json.dumps([1]), os.environ.get('X')]"
        assert arena.ask(second, look, targets.facts).value == [None, "[1]", None]


def test_neighbours_have_users_scratch_folders_and_random_numbers_of_their_own(
    arena: Arena, targets: Targets
) -> None:
    look = "result = [os.getuid(), os.getgid(), os.listdir('/scratch'), random.random(), os.urandom(8).hex()]"
    with arena.guests(3) as guests:
        for guest in guests:
            arena.ask(guest, f"open('/scratch/note{guest.pid}', 'w').write('mine')", targets.facts)
        seen = [arena.ask(guest, look, targets.facts).value for guest in guests]
    assert [row[2] for row in seen] == [[f"note{guest.pid}"] for guest in guests]
    assert len({row[3] for row in seen}) == len({row[4] for row in seen}) == 3
    if os.getuid() == 0:
        assert len({row[0] for row in seen}) == len({row[1] for row in seen}) == 3
