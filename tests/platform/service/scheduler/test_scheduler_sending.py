"""Webhooks that go out: signed, tried again, dead in the end, and only to where the policy lets them."""

import asyncio
import json
import socket
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from blockyard_platform.host_blocks.outgoing import connection
from blockyard_platform.secrets.errors import Reason, SealedError
from blockyard_platform.service.registry import policies, tenants
from blockyard_platform.service.registry.callers import Caller
from blockyard_platform.service.registry.database import Database
from blockyard_platform.service.registry.errors import NotFoundError
from blockyard_platform.service.runs.orders import Order
from blockyard_platform.service.scheduler import outgoing, sending, subscriptions
from blockyard_platform.service.scheduler.endings import on_approval_asked
from blockyard_platform.service.scheduler.outgoing import LEASE, Outgoing
from blockyard_platform.service.scheduler.sender import Sender
from blockyard_platform.service.scheduler.sending import attempt, note, prepare
from blockyard_platform.service.scheduler.tables import OUTGOING, SUBSCRIPTIONS
from blockyard_platform.triggers.hooks_out import DELIVERY, SIGNATURE, Backoff
from blockyard_platform.triggers.signatures import is_signed, read_header

from .conftest import START, Clock, by, every
from .receiving import Receiver, receiving
from .recording import Recording

KEY = b"the key of the tenant ant"
PATIENCE = 120.0
BACKOFF = Backoff(attempts=4, base=1.0, factor=1.0, longest=1.0, give_up=1e9)


def reveal(tenant: str, name: str) -> Sequence[bytes]:
    if name == "GONE":
        raise NotFoundError("secret", name)
    if name == "SEALED":
        raise SealedError(Reason.KEY, "it was sealed with a key that is not in the key file")
    return (b"short",) if name == "SHORT" else (KEY,)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give attempts all the time that a slow machine needs: one that takes too long is made again."""
    monkeypatch.setattr(sending, "SECONDS", PATIENCE)
    monkeypatch.setattr(connection, "CONNECT_SECONDS", PATIENCE)


@pytest.fixture
def receiver(database: Database) -> Iterator[Receiver]:
    with receiving() as found:
        allow(database, found.port, private=True)
        yield found


def allow(database: Database, port: int, *, private: bool, tenant: str = "ant") -> None:
    rule = {"host": "127.0.0.1", "ports": [port], "private": private}
    with database.writing() as work:
        policies.put(work, by("admin"), tenant, json.dumps({"hosts": [rule]}))


def subscribe(database: Database, url: str, **more: Any) -> None:
    given: dict[str, Any] = {"events": ["run.succeeded", "run.failed"], "secret": "KEY"}
    given |= more
    tenant = given.pop("tenant", "ant")
    with database.writing() as work:
        subscriptions.put(work, by("admin", tenant), tenant, given.pop("name", "s"), url, **given)


def end(runs: Recording, status: str = "SUCCESS", key: str = "k", tenant: str = "ant") -> str:
    run = runs.submit(Caller.service(tenant), Order(tenant, "report", key=key)).run_id
    runs.end(run, status, total=3)
    return run


def send(database: Database, backoff: Backoff = BACKOFF) -> int:
    """Make an attempt of each delivery that is due; return how many."""
    with database.writing() as work:
        taken = outgoing.take(work, 16)
    for each in taken:
        prepared = prepare(database, reveal, each)
        assert not isinstance(prepared, str), prepared
        note(database, each, asyncio.run(attempt(each, prepared, backoff)))
    return len(taken)


def waiting(database: Database) -> tuple[Outgoing, ...]:
    with database.reading() as work:
        return outgoing.page(work, by("viewer", "ant"), "ant").items


def test_a_subscriber_is_told_once_of_what_it_asked_for(
    database: Database, runs: Recording, receiver: Receiver
) -> None:
    subscribe(database, receiver.url)
    run = end(runs)
    end(runs, "CANCEL", "other")
    assert send(database) == 1
    assert send(database) == 0
    ((path, headers, body),) = receiver.got
    assert path == "/told?by=blockyard"
    assert headers["content-type"] == "application/json"
    said = json.loads(body)
    assert said == {
        "id": headers[DELIVERY.lower()],
        "event": "run.succeeded",
        "at": "2027-01-15T08:00:00.250000+00:00",
        "tenant": "ant",
        "run": {"id": run, "workflow": "report", "status": "SUCCESS", "origin": "api"},
    }
    claim = read_header("timestamped", headers[SIGNATURE.lower()])
    assert claim is not None
    assert claim.time == str(int(START))
    assert is_signed(claim, [KEY], body)
    assert every(database, OUTGOING) == []


def test_it_is_tried_again_with_the_same_id_and_another_signature(
    database: Database, clock: Clock, runs: Recording, receiver: Receiver
) -> None:
    receiver.statuses = [503, 500, 200]
    subscribe(database, receiver.url)
    end(runs)
    for number in range(1, 4):
        assert send(database) == 1
        assert send(database) == 0
        assert len(receiver.got) == number
        clock.now += 2
    assert waiting(database) == ()
    assert len({headers[DELIVERY.lower()] for _, headers, _ in receiver.got}) == 1
    assert len({headers[SIGNATURE.lower()] for _, headers, _ in receiver.got}) == 3


def test_it_is_dead_in_the_end_and_can_be_sent_once_more(
    database: Database, clock: Clock, runs: Recording, receiver: Receiver
) -> None:
    receiver.statuses = [503, 503, 503, 503, 200]
    subscribe(database, receiver.url)
    end(runs)
    for _ in range(6):
        send(database)
        clock.now += 2
    (dead,) = waiting(database)
    assert (dead.due, dead.tries, dead.status, dead.problem) == (
        None,
        4,
        503,
        "the receiver answers 503",
    )
    with database.writing() as work:
        outgoing.again(work, by("author", "ant"), "ant", dead.id)
        with pytest.raises(NotFoundError):
            outgoing.again(work, by("author", "ant"), "ant", dead.id)
    assert send(database) == 1
    assert (len(receiver.got), waiting(database)) == (5, ())


@pytest.mark.parametrize(
    ("status", "problem", "enabled"),
    [
        (400, "the receiver answers 400", True),
        (302, "the receiver answers 302", True),
        (410, "the receiver answers 410", False),
    ],
)
def test_answers_that_are_final(
    status: int,
    problem: str,
    enabled: bool,
    database: Database,
    runs: Recording,
    receiver: Receiver,
) -> None:
    receiver.statuses = [status]
    receiver.headers = {"location": receiver.url}
    subscribe(database, receiver.url)
    end(runs)
    assert send(database) == 1
    (dead,) = waiting(database)
    assert (dead.due, dead.problem, len(receiver.got)) == (None, problem, 1)
    (row,) = every(database, SUBSCRIPTIONS)
    assert row.enabled is enabled


def test_a_receiver_says_when_to_come_again(
    database: Database, clock: Clock, runs: Recording, receiver: Receiver
) -> None:
    receiver.statuses = [429, 200]
    receiver.headers = {"retry-after": "600"}
    subscribe(database, receiver.url)
    end(runs)
    patient = Backoff(attempts=4, base=1.0, longest=3_600.0)
    send(database, patient)
    assert waiting(database)[0].due == START + 600
    clock.now += 599
    assert send(database, patient) == 0
    clock.now += 1
    assert send(database, patient) == 1


def test_only_hosts_of_the_policy_are_told(
    database: Database, runs: Recording, receiver: Receiver
) -> None:
    subscribe(database, receiver.url)
    subscribe(database, "https://elsewhere.example/x", name="t")
    allow(database, receiver.port, private=False)
    end(runs)
    assert send(database) == 2
    problems = sorted(it.problem or "" for it in waiting(database))
    assert "the policy does not allow the host 'elsewhere.example" in problems[0]
    assert "the policy's hosts do not allow the address of 127.0.0.1" in problems[1]
    assert [it.due for it in waiting(database)] == [None, None]
    assert receiver.got == []


def test_nobody_listens(database: Database, clock: Clock, runs: Recording) -> None:
    with socket.socket() as held:  # so that nobody else takes the port meanwhile
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        allow(database, port, private=True)
        subscribe(database, f"http://127.0.0.1:{port}/")
        end(runs)
        send(database)
    (row,) = waiting(database)
    assert row.due is not None
    assert "cannot be connected to" in (row.problem or "")


def test_what_cannot_be_sent_is_told(
    database: Database, runs: Recording, receiver: Receiver
) -> None:
    subscribe(database, receiver.url)
    end(runs)
    with database.writing() as work:
        (each,) = outgoing.take(work, 16)

    def why() -> Any:
        return prepare(database, reveal, each)

    subscribe(database, receiver.url, secret="GONE")  # noqa: S106
    assert why() == "there is no secret 'GONE'"
    subscribe(database, receiver.url, secret="SEALED")  # noqa: S106
    assert why() == "it was sealed with a key that is not in the key file"
    subscribe(database, receiver.url, secret="SHORT")  # noqa: S106
    outcome = asyncio.run(attempt(each, why(), BACKOFF))
    assert (outcome.next.action, outcome.problem) == ("give-up", "a secret has at least 16 bytes")
    subscribe(database, receiver.url, enabled=False)
    assert why() == "the subscription is switched off, or not there any more"
    with database.writing() as work:
        tenants.disable(work, by("admin"), "ant", "mines coins")
    assert why() == "the tenant is disabled"


def test_an_attempt_that_was_never_ended_is_made_again(
    database: Database, clock: Clock, runs: Recording, receiver: Receiver
) -> None:
    subscribe(database, receiver.url)
    end(runs)
    with database.writing() as work:
        assert len(outgoing.take(work, 16)) == 1
    assert send(database) == 0
    clock.now += LEASE
    assert send(database) == 1


def test_of_each_tenant_a_few_are_taken(database: Database, runs: Recording) -> None:
    for tenant in ("ant", "bee"):
        subscribe(database, "https://a.example/", tenant=tenant)
        for number in range(6):
            end(runs, key=str(number), tenant=tenant)
    with database.writing() as work:
        first = [it.tenant for it in outgoing.take(work, 16)]
        second = [it.tenant for it in outgoing.take(work, 16, busy=["ant"])]
    assert sorted(first) == ["ant"] * 4 + ["bee"] * 4
    assert second == ["bee"] * 2


def test_what_waits_and_what_is_dead_is_bounded(
    database: Database, runs: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "MOST_OPEN", 2)
    monkeypatch.setattr(outgoing, "MOST_DEAD", 2)
    subscribe(database, "https://a.example/")
    for number in range(3):
        end(runs, key=str(number))
    assert [it.problem for it in waiting(database) if it.due is None] == [
        "too many deliveries wait"
    ]
    for each in waiting(database):
        with database.writing() as work:
            outgoing.failed(work, "ant", each.id, None, None, "x")
    assert len(waiting(database)) == 2


def test_approvals_are_told_of(database: Database) -> None:
    subscribe(database, "https://a.example/", events=["approval.asked"])
    with database.writing() as work:
        on_approval_asked(work, "ant", "r", "report", "main/ask", "may I?")
    (row,) = waiting(database)
    said = json.loads(row.body)
    assert said["approval"] == {"path": "main/ask", "message": "may I?"}
    assert said["run"] == {"id": "r", "workflow": "report", "status": "WAIT"}


def test_the_thread_sends_what_comes_and_tries_again(
    database: Database, clock: Clock, runs: Recording, receiver: Receiver
) -> None:
    receiver.statuses = [503, 503, 200]
    subscribe(database, receiver.url)
    sender = Sender(
        database, reveal, Backoff(attempts=99, base=1.0, longest=1.0, give_up=1e9), runs.failed
    )
    sender.start()
    try:
        end(runs)
        sender.nudge()
        for count in (1, 2, 3):
            for _ in range(1_000):
                if receiver.wait(count, 0.05):
                    break
                clock.now += 2
                sender.nudge()
    finally:
        sender.close()
    assert len(receiver.got) >= 3


def test_several_threads_send_each_once(
    database: Database, runs: Recording, receiver: Receiver
) -> None:
    subscribe(database, receiver.url)
    for number in range(9):
        end(runs, key=str(number))
    senders = [Sender(database, reveal, BACKOFF, runs.failed) for _ in range(2)]
    for each in senders:
        each.start()
    try:
        assert receiver.wait(9, 60)
    finally:
        for each in senders:
            each.close()
    ids = [headers[DELIVERY.lower()] for _, headers, _ in receiver.got]
    assert (len(ids), len(set(ids))) == (9, 9)


def test_a_sender_whose_database_is_away_goes_on(
    database: Database, runs: Recording, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("blockyard_platform.service.scheduler.sender.AFTER_ERROR", 0.01)
    subscribe(database, receiver.url)
    end(runs)
    rename = "ALTER TABLE {} RENAME TO {}"
    with database.writing() as work:
        work.connection.exec_driver_sql(rename.format("outgoing", "elsewhere"))
    sender = Sender(database, reveal, BACKOFF, runs.failed)
    sender.start()
    try:
        assert runs.told.wait(60)
        with database.writing() as work:
            work.connection.exec_driver_sql(rename.format("elsewhere", "outgoing"))
        assert receiver.wait(1, 60)
    finally:
        sender.close()
    assert {what for what, _ in runs.errors} == {"webhooks to send"}
    runs.errors.clear()
