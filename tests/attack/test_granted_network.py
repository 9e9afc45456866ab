"""Attacks by scripts that were given hosts: all they reach is those, through the platform's proxy, for the time of their stage."""

import asyncio
import contextlib
import os
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from arena import Arena, Targets
from attack_cases import Case, read_file
from granted_network import HELPERS, Hosts
from local_index import LocalIndex
from script_stages import WORDS, Tenant, check, own_cache, served_meanwhile, stage_of, tenant_of

from blockyard_platform import LogLine
from blockyard_platform.results import StageRecord
from blockyard_schemas.statuses import Code, Status

pytestmark = pytest.mark.usefixtures("swept")
CASES = read_file("network_cases.txt")
GRANTED = ["127.0.0.1", "localhost"]


@pytest.fixture(scope="module")
def hosts() -> Iterator[Hosts]:
    with Hosts() as found:
        yield found


@pytest.fixture(scope="module")
def tenant(arena: Arena, hosts: Hosts) -> Iterator[Tenant]:
    limits = {"cpu_seconds": 20, "processes": 16}
    with (
        own_cache(),
        LocalIndex(WORDS) as index,
        tenant_of(arena.runner, index, hosts=hosts.rules, stage=limits) as tenant,
    ):
        yield tenant


@pytest.fixture(scope="module")
def facts(arena: Arena, targets: Targets, hosts: Hosts) -> dict[str, Any]:
    return targets.facts | hosts.facts | {"weak_sibling": arena.sibling().pid}


def reaching(code: str, facts: dict[str, Any]) -> dict[str, Any]:
    """Return a virtual-python stage that was given the hosts."""
    case = Case("network", "stopped", frozenset(), frozenset(), HELPERS + code)
    return stage_of(case, facts) | {"hosts": GRANTED}


def descriptors() -> int:
    """Return how many are open here, but for what the platform keeps for its next guests."""
    found = 0
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the folder's own, which is closed by now
            found += not os.readlink(link).endswith("/cgroup.procs")
    return found


def wait_for(seen: Callable[[], bool], arena: Arena) -> None:
    """Wait for what is under way: the loop's next rounds, and the threads of the web server, which is one of this process."""
    until = time.monotonic() + 60
    while not seen():
        assert time.monotonic() < until
        arena.runner.run(asyncio.sleep(0.01))


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 28
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_an_attack_is_stopped(
    case: Case, tenant: Tenant, facts: dict[str, Any], arena: Arena, targets: Targets, hosts: Hosts
) -> None:
    wait_for(lambda: not hosts.open, arena)
    before = descriptors()
    record = arena.runner.run(tenant.run(reaching(case.code, facts)))
    check(case, record)
    assert (hosts.forbidden, targets.visits, targets.traces()) == (0, 0, [])
    wait_for(lambda: descriptors() <= before, arena)


def test_what_was_refused_is_told(
    tenant: Tenant, facts: dict[str, Any], arena: Arena, hosts: Hosts
) -> None:
    lines: list[LogLine] = []
    code = 'result = tells(b"CONNECT 127.0.0.1:%d HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n" % T["denied"])'
    record = arena.runner.run(tenant.run(reaching(code, facts), on_log=lines.append))
    assert record.outputs["result"] == 403
    place = f"127.0.0.1:{facts['denied']}"
    note = f"the policy's hosts do not allow {place} (FORBIDDEN_HOST {Code.FORBIDDEN_HOST.value})"
    assert [line.text for line in lines] == [note]
    assert hosts.forbidden == 0


@pytest.mark.parametrize(
    "given", [["127.0.0.1:1"], ["evil.example"], ["169.254.169.254"], ["*"], ["0.0.0.1"], ["[::1]"]]
)
@pytest.mark.parametrize(
    "stage", [{"bash": "echo on"}, {"run": "print('on')", "deps": []}], ids=["bash", "virtual"]
)
def test_hosts_that_are_computed_are_checked_too(
    stage: dict[str, Any], given: list[str], tenant: Tenant, arena: Arena
) -> None:
    stages = [stage | {"id": "a", "hosts": "${{ params.hosts }}"}]
    document: dict[str, Any] = {"name": "t", "params": {"hosts": {"default": given}}}
    result = arena.runner.run(tenant.runner.run(document | {"stages": stages}))
    assert result.problems == (), result.problems
    record = result.jobs["main"].stages["a"]
    assert record.status is Status.FAILED
    assert record.code in (Code.FORBIDDEN_HOST, Code.INVALID_ARGUMENT), record
    assert record.outputs == {}


PERL = """
exec 2>&1
sees() { perl -MSocket -e 'socket(S, AF_INET, SOCK_STREAM, 0) or exit 2; connect(S, pack_sockaddr_in($ARGV[1], inet_aton($ARGV[0]))) or exit 1' "$@"; }
sees 127.0.0.1 3128 && echo the proxy
sees 127.0.0.1 DENIED && echo BROKEN
sees 127.0.0.1 EVERYWHERE && echo BROKEN
sees 127.0.0.1 GRANTED && echo BROKEN
sees 169.254.169.254 80 && echo BROKEN
(exec 3<>/dev/tcp/127.0.0.1/DENIED) && echo BROKEN
(exec 3<>/dev/udp/169.254.169.254/53) && echo BROKEN
for pair in '10 1 0' '1 1 0' '16 3 0' '17 3 0' '40 1 0' '2 3 1' '2 10 3' '2 1 132' '2 1 262' '38 5 0'; do
  perl -e 'socket(S, $ARGV[0], $ARGV[1], $ARGV[2]) or exit 1' $pair && echo "BROKEN $pair"
done
perl -MSocket -e 'socket(S, 2, 1, 0); bind(S, pack_sockaddr_in(0, INADDR_ANY)) or exit 1' && echo BROKEN
perl -MSocket -e 'socket(S, 2, 1, 0); listen(S, 5) or exit 1' && echo BROKEN
cat /etc/resolv.conf /etc/hosts && echo BROKEN
ip link set lo down 2>/dev/null && echo BROKEN
ls /sys/class/net && echo BROKEN
curl -s -m 60 http://127.0.0.1:GRANTED/; echo
curl -s -m 60 -o /dev/null -w '%{http_code}\\n' http://127.0.0.1:DENIED/
http_proxy= curl -s -m 60 --noproxy '*' http://127.0.0.1:DENIED/ && echo BROKEN
curl -s -m 60 --noproxy '*' http://127.0.0.1:GRANTED/ && echo BROKEN
echo held
"""


def _filled(script: str, facts: dict[str, Any]) -> str:
    for name in ("denied", "everywhere", "granted"):
        script = script.replace(name.upper(), str(facts[name]))
    return script


@pytest.mark.parametrize(
    "env", [{}, {"http_proxy": "", "all_proxy": "", "ALL_PROXY": "http://192.0.2.1:9"}]
)
def test_a_bash_script_reaches_what_it_was_given_and_nothing_else(
    env: dict[str, str], tenant: Tenant, facts: dict[str, Any], arena: Arena, hosts: Hosts
) -> None:
    stage = {"bash": _filled(PERL, facts), "env": env, "hosts": GRANTED}
    record = arena.runner.run(tenant.run(stage))
    said = str(record.outputs["stdout"]).splitlines()
    assert not [line for line in said if "BROKEN" in line], said
    assert "the proxy" in said
    assert said[-1] == "held"
    assert ("granted" in said, "403" in said) == ((False, False) if env else (True, True))
    assert hosts.forbidden == 0


SOCKET = "import socket\ntry:\n    socket.socket()\n    result = 'PWNED'\nexcept PermissionError as error:\n    result = str(error)\n"


def test_the_next_stage_without_hosts_has_no_network(
    tenant: Tenant, facts: dict[str, Any], arena: Arena
) -> None:
    got = 'result = tells(b"GET http://127.0.0.1:%d/ HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n" % T["granted"])'
    perl = "perl -MSocket -e 'socket(S, 2, 1, 0) and print qq(PWNED)'; (exec 3<>/dev/tcp/127.0.0.1/3128) 2>/dev/null && echo PWNED; env | grep -i proxy; echo end"
    without = {"run": SOCKET, "deps": ["full-python"]}
    stages = [without, reaching(got, facts) | {"id": "b"}, without, {"bash": "true", "hosts": GRANTED}, {"bash": perl}, without]  # fmt: skip
    numbered = [stage | {"id": f"s{n}"} for n, stage in enumerate(stages)]
    records = arena.runner.run(tenant.run_all(numbered))
    refused = "[Errno 1] Operation not permitted"
    assert [records[n].outputs["result"] for n in (0, 1, 2, 5)] == [refused, 200, refused, refused]
    assert records[3].code is Code.DONE
    assert records[4].outputs["stdout"] == "end\n"


LEFT = """
import urllib.request
held = socket.create_connection(("127.0.0.1", 3128))
held.sendall(b"CONNECT 127.0.0.1:%d HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n" % T["granted"])
assert b" 200 " in held.recv(100)
reader, writer = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for number in set(range(1, 64)) - {9, 19, 32, 33}:
            signal.signal(number, signal.SIG_IGN)
        while True:
            try:
                held.send(b"G")
                tells(b"GET http://127.0.0.1:%d/left HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n" % T["granted"])
                os.write(writer, b"x")
            except OSError:
                pass
    os._exit(0)
os.read(reader, 1)
END
"""
"""It goes on once the process that it leaves behind has reached the host."""


@pytest.mark.parametrize(
    ("end", "code"),
    [("result = 1", Code.DONE), ("os.abort()", Code.KILLED_BY_SIGNAL), ("time.sleep(60)", Code.TIMEOUT)],
)  # fmt: skip
def test_a_process_that_is_left_behind_reaches_nothing_any_more(
    end: str, code: Code, tenant: Tenant, facts: dict[str, Any], arena: Arena, hosts: Hosts
) -> None:
    came = hosts.visits
    clock = {"timeout": 6} if code is Code.TIMEOUT else {}
    record = arena.runner.run(tenant.run(reaching(LEFT.replace("END", end), facts) | clock))
    assert record.code is code, record
    assert hosts.visits > came + 1

    async def settle() -> None:
        """Serve on until the host has seen the end of every connection, and for a while longer."""
        await asyncio.to_thread(hosts.catch_up)
        until = time.monotonic() + 60
        while hosts.open and time.monotonic() < until:
            await asyncio.sleep(0.02)
        came = hosts.visits
        await asyncio.sleep(0.3)
        assert (hosts.open, hosts.visits) == (set(), came)

    arena.runner.run(settle())


WAITS = """
def own(data):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(data, ("127.0.0.1", ear.getsockname()[1]))

ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
ear.sendto(b"x", ("127.0.0.1", 9))
ear.settimeout(120)
own(b"mine")
heard = [ear.recv(9).decode()]
said = asked(b"GET http://127.0.0.1:%d/wait HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n" % T["granted"])
ear.setblocking(False)
while True:
    try:
        heard.append(ear.recv(9).decode())
    except BlockingIOError:
        break
result = [heard, said.endswith(b"released")]
"""
SHOUTS = """
sent = 0
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    for port in range(1024, 65536):
        try:
            sent += s.sendto(b"PWNED", ("127.0.0.1", port)) > 0
        except OSError:
            pass
result = sent
"""


def test_two_scripts_with_a_network_each_have_their_own_loopback(
    tenant: Tenant, facts: dict[str, Any], arena: Arena, hosts: Hosts
) -> None:
    """One hears what it says to itself, and nothing of what another one says to every port while it listens."""
    hosts.waiting.clear()
    hosts.released.clear()

    async def meet() -> tuple[StageRecord, StageRecord]:
        listening = asyncio.ensure_future(tenant.run(reaching(WAITS, facts)))
        assert await asyncio.to_thread(hosts.waiting.wait, 120)
        shouting = await tenant.run(reaching(SHOUTS, facts))
        hosts.released.set()
        return await listening, shouting

    listened, shouted = arena.runner.run(meet())
    assert shouted.outputs["result"] > 60_000, shouted
    assert listened.outputs["result"] == [["mine"], True], listened


FLOODS = {
    "down": """
with socket.create_connection(("127.0.0.1", 3128), 20) as s:
    s.sendall(b"GET http://127.0.0.1:%d/big HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n" % T["granted"])
    while s.recv(1 << 20):
        pass
""",
    "up": """
with socket.create_connection(("127.0.0.1", 3128), 20) as s:
    s.sendall(b"CONNECT 127.0.0.1:%d HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n" % T["granted"])
    s.recv(100)
    s.sendall(b"POST / HTTP/1.1\\r\\n\\r\\n")
    while True:
        s.sendall(bytes(1 << 20))
""",
    "unread": """
held = []
for _ in range(30):
    s = socket.create_connection(("127.0.0.1", 3128), 20)
    s.sendall(b"GET http://127.0.0.1:%d/big HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n" % T["granted"])
    held.append(s)
time.sleep(60)
""",
    "heads": """
while True:
    try:
        with socket.create_connection(("127.0.0.1", 3128), 20) as s:
            s.sendall(b"GET http://127.0.0.1:1/ HTTP/1.1\\r\\nX: " + b"x" * 15_000 + b"\\r\\n\\r\\n")
    except OSError:
        pass
""",
}


@pytest.mark.parametrize("way", FLOODS)
def test_the_platform_goes_on_while_bytes_without_end_pass(
    way: str, tenant: Tenant, facts: dict[str, Any], arena: Arena, hosts: Hosts
) -> None:
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    async def flood() -> tuple[list[StageRecord], list[float]]:
        async with served_meanwhile(tenant) as served:
            stage = reaching(FLOODS[way], facts) | {"timeout": 1}
            records = [await tenant.run(stage)]
            while served.wants(1):  # the machine is slow: it is to go on for as long as that takes
                records.append(await tenant.run(stage))
        return records, served.seconds

    records, seconds = arena.runner.run(flood())
    assert {record.code for record in records} <= {Code.TIMEOUT, Code.CPU_LIMIT}, records
    assert seconds
    assert max(seconds) < 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - most < 64 * 1024
    assert hosts.forbidden == 0


FULL = """
held = [socket.create_connection(("127.0.0.1", 3128), 120) for _ in range(50)]
held[0].sendall(b"GET http://127.0.0.1:%d/wait HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n" % T["granted"])
print("full", flush=True)
got = b""
while data := held[0].recv(4096):
    got += data
result = got.endswith(b"released")
"""
"""It takes all places, and ends when the host lets go of the first."""


def test_what_serves_one_script_is_not_held_up_by_another(
    tenant: Tenant, facts: dict[str, Any], arena: Arena, hosts: Hosts
) -> None:
    """Each stage has a proxy of its own: one that has all its places taken takes none of another's."""
    get = 'result = tells(b"GET http://127.0.0.1:%d/ HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n" % T["granted"])'

    hosts.waiting.clear()
    hosts.released.clear()

    async def both() -> tuple[StageRecord, StageRecord]:
        ready = asyncio.Event()

        def on_log(_: LogLine) -> None:
            ready.set()

        first = asyncio.ensure_future(tenant.run(reaching(FULL, facts), on_log=on_log))
        await asyncio.wait_for(ready.wait(), 120)
        second = await tenant.run(reaching(get, facts))
        assert not first.done(), first.result()
        hosts.released.set()
        return await first, second

    first, second = arena.runner.run(both())
    assert first.outputs["result"] is True, first
    assert second.outputs["result"] == 200


def test_nothing_is_left_open(
    tenant: Tenant, facts: dict[str, Any], arena: Arena, hosts: Hosts
) -> None:
    code = "held = [socket.create_connection(('127.0.0.1', 3128)) for _ in range(30)]\nos._exit(0)"
    arena.runner.run(tenant.run(reaching(code, facts)))
    wait_for(lambda: not hosts.open, arena)
    before = descriptors()
    for _ in range(3):
        assert arena.runner.run(tenant.run(reaching(code, facts))).code is Code.DONE
    wait_for(lambda: descriptors() == before, arena)
