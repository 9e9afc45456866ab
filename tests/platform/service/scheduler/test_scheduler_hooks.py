"""Webhooks that come in: to a run, or to an answer that tells nothing."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from blockyard_platform.secrets.errors import Reason, SealedError
from blockyard_platform.service.registry import tenants, usage
from blockyard_platform.service.registry.database import Database
from blockyard_platform.service.registry.errors import NotFoundError
from blockyard_platform.service.registry.usage import Quota
from blockyard_platform.service.runs.settling import Ended
from blockyard_platform.service.scheduler import deliveries
from blockyard_platform.service.scheduler.hooks import Answer, HookDesk
from blockyard_platform.service.scheduler.tables import DELIVERIES, HOOKS
from blockyard_platform.triggers.payloads import MOST_BYTES
from blockyard_platform.triggers.signatures import write_header
from blockyard_schemas.statuses import Status

from .conftest import START, Clock, Put, by, every
from .recording import Killed, Recording, nothing

NOW = START
KEYS = {"ant": b"the key of the tenant ant", "bee": b"the key of the tenant bee"}
JSON = {"content-type": "application/json"}
NOTHING = {"error": "the request was not accepted"}
ON = "params: {id: any}\non: {webhook: {path: orders/new, secret: ORDERS, params: {id: '${{ event.body.id }}'}%s}}"


def reveal(tenant: str, name: str) -> Sequence[bytes]:
    if name == "GONE":
        raise NotFoundError("secret", name)
    if name == "SEALED":
        raise SealedError(Reason.KEY, "it was sealed with a key that is not in the key file")
    return () if name == "EMPTY" else (b"short",) if name == "SHORT" else (KEYS[tenant],)


class Ends:
    """Waits for nothing: says how a run has ended, or that it has not."""

    def __init__(self) -> None:
        self.said: Ended | None = None
        self.asked: list[tuple[str, str, float]] = []

    async def __call__(self, tenant: str, run_id: str, seconds: float) -> Ended | None:
        self.asked.append((tenant, run_id, seconds))
        await asyncio.sleep(0)
        return self.said


@pytest.fixture
def ends() -> Ends:
    return Ends()


@pytest.fixture
def desk(database: Database, runs: Recording, ends: Ends) -> HookDesk:
    return HookDesk(database, runs, reveal, ends)


def signed(body: bytes, key: bytes = KEYS["ant"], at: float = NOW) -> dict[str, str]:
    return JSON | {"blockyard-signature": write_header([key], body, int(at))}


def send(
    desk: HookDesk,
    body: Any = b'{"id": 7}',
    headers: dict[str, str] | None = None,
    *,
    path: str = "orders/new",
    tenant: str = "ant",
    now: float = NOW,
) -> Answer:
    given = signed(body) if headers is None else headers
    return asyncio.run(desk.deliver(tenant, path, given, body, now))


def test_a_signed_request_is_a_run(
    database: Database, runs: Recording, desk: HookDesk, put: Put
) -> None:
    put("take", ON % "")
    assert send(desk) == Answer(202, "run-ant-1", {"run_id": "run-ant-1"})
    assert runs.seen() == [("ant", "take", "webhook/orders/new", {"id": 7})]
    (row,) = every(database, DELIVERIES)
    assert (row.run, row.until) == ("run-ant-1", int(NOW) + 300)


def test_the_same_request_again_is_refused_by_every_process(
    database: Database, runs: Recording, desk: HookDesk, ends: Ends, put: Put
) -> None:
    put("take", ON % "")
    other = HookDesk(database, runs, reveal, ends)
    assert [send(each).status for each in (desk, other, desk)] == [202, 401, 401]
    assert send(other).body == NOTHING
    # Its content again, at another time, is another.
    assert send(desk, headers=signed(b'{"id": 7}', at=NOW + 1)).status == 202
    assert len(runs.rows()) == 2


def test_of_many_copies_at_once_one_is_taken(runs: Recording, desk: HookDesk, put: Put) -> None:
    put("take", ON % "")
    with ThreadPoolExecutor(6) as pool:
        told = sorted(each.status for each in pool.map(send, [desk] * 6))
    assert told == [202, 401, 401, 401, 401, 401]
    assert len(runs.rows()) == 1


WRONG: list[tuple[str, dict[str, Any]]] = [
    ("nothing signed", {"headers": JSON}),
    ("another key", {"headers": signed(b'{"id": 7}', KEYS["bee"])}),
    ("another body", {"headers": signed(b'{"id": 8}')}),
    ("too old", {"headers": signed(b'{"id": 7}', at=NOW - 301)}),
    ("too new", {"headers": signed(b'{"id": 7}', at=NOW + 302)}),
    ("no header of the kind", {"headers": JSON | {"blockyard-signature": "sha256=" + "0" * 64}}),
    ("another path", {"path": "orders/old"}),
    ("a path in capitals", {"path": "Orders/New"}),
    ("no path", {"path": ""}),
    ("a path upwards", {"path": "../orders/new"}),
    ("a long path", {"path": "a" * 10_000}),
    ("a path with NUL", {"path": "orders\x00new"}),
    ("half a character", {"path": "\ud800"}),
    ("another tenant's path", {"tenant": "bee"}),
    ("no such tenant", {"tenant": "nobody"}),
    ("what cannot be a tenant", {"tenant": "../ant\x00"}),
    ("a secret that is gone", {"path": "gone"}),
    ("a secret that is empty", {"path": "empty"}),
    ("a secret that is short", {"path": "short"}),
    ("a secret that does not open", {"path": "sealed"}),
]


@pytest.mark.parametrize(("why", "given"), WRONG, ids=[why for why, _ in WRONG])
def test_who_has_not_signed_learns_nothing(
    why: str, given: dict[str, Any], database: Database, runs: Recording, desk: HookDesk, put: Put
) -> None:
    put("take", ON % "")
    for name in ("gone", "empty", "short", "sealed"):
        put(name, f"on: {{webhook: {{path: {name}, secret: {name.upper()}}}}}")
    assert send(desk, **given) == Answer(401, None, NOTHING)
    headers: dict[str, str] = given.get("headers", signed(b'{"id": 7}'))
    place = {key: text for key, text in given.items() if key != "headers"}
    told = send(desk, headers=headers | {"content-type": "image/png"}, **place)
    assert told == Answer(401, None, NOTHING)
    told = send(desk, b"x" * (MOST_BYTES + 1), {}, **place)
    assert told == Answer(413, None, NOTHING)
    assert (runs.rows(), every(database, DELIVERIES)) == ([], [])


@pytest.mark.parametrize(
    ("body", "kind", "status", "words"),
    [
        (b"{", "application/json", 400, "the request was not accepted"),
        (b"x", "image/png", 415, "the request was not accepted"),
        (
            b'{"other": 7}',
            "application/json",
            422,
            "the request does not have what the workflow needs",
        ),
        (b"null", "application/json", 422, "the request does not have what the workflow needs"),
    ],
)
def test_who_has_signed_may_send_it_again_once_it_is_mended(
    body: bytes, kind: str, status: int, words: str, database: Database, desk: HookDesk, put: Put
) -> None:
    put("take", ON % "")
    for _ in range(2):
        headers = signed(body) | {"content-type": kind}
        assert send(desk, body, headers) == Answer(status, None, {"error": words})
    assert every(database, DELIVERIES) == []


def test_what_the_service_refuses_is_told_and_forgotten(
    database: Database, runs: Recording, desk: HookDesk, put: Put
) -> None:
    put(
        "take",
        "params: {refuse: any}\non: {webhook: {path: orders/new, secret: S, params: {refuse: 1}}}",
    )
    assert send(desk).status == 422
    put("take", ON % "")
    with database.writing() as work:
        usage.set_quota(work, by("admin"), "ant", Quota(runs=0))
    assert send(desk).status == 429
    with database.writing() as work:
        usage.set_quota(work, by("admin"), "ant", Quota())
        tenants.disable(work, by("admin"), "ant", "mines coins")
    told = send(desk)
    assert (told.status, told.body) == (503, {"error": "the workflow cannot run now"})
    with database.writing() as work:
        tenants.enable(work, by("admin"), "ant")
    assert every(database, DELIVERIES) == []
    assert send(desk).status == 202


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_around_the_submission_is_made_good_by_sending_again(
    moment: str, runs: Recording, desk: HookDesk, put: Put
) -> None:
    def kill(_: Any) -> None:
        raise Killed

    put("take", ON % "")
    setattr(runs, moment, kill)
    with pytest.raises(Killed):
        send(desk)
    setattr(runs, moment, nothing)
    assert send(desk).status == 202
    assert send(desk).status == 401
    assert len(runs.rows()) == 1


def ended(run: str, status: Status, outputs: dict[str, Any]) -> Ended:
    return Ended(run, "ant", "take", status, "webhook/orders/new", 0, None, 0.0, 0.0, outputs)


def test_a_hook_that_is_sync_answers_with_the_outputs(desk: HookDesk, ends: Ends, put: Put) -> None:
    put("take", ON % ", mode: sync, timeout: 5s")
    ends.said = ended("run-ant-1", Status.SUCCESS, {"total": 3})
    assert send(desk) == Answer(
        200, "run-ant-1", {"run_id": "run-ant-1", "status": "SUCCESS", "outputs": {"total": 3}}
    )
    ends.said = ended("run-ant-2", Status.FAILED, {"secret": 3})
    assert send(desk, b'{"id": 8}') == Answer(
        500, "run-ant-2", {"run_id": "run-ant-2", "status": "FAILED"}
    )
    ends.said = None
    assert send(desk, b'{"id": 9}') == Answer(202, "run-ant-3", {"run_id": "run-ant-3"})
    assert ends.asked == [("ant", f"run-ant-{n}", 5.0) for n in (1, 2, 3)]


def test_only_so_many_wait_at_once(
    database: Database, runs: Recording, ends: Ends, put: Put
) -> None:
    put("take", ON % ", mode: sync")
    full = HookDesk(database, runs, reveal, ends, most_waiting=0)
    assert send(full).status == 202
    assert ends.asked == []


def test_one_tenant_does_not_wait_in_the_place_of_all(
    database: Database, runs: Recording, put: Put
) -> None:
    for tenant in KEYS:
        put("take", ON % ", mode: sync, timeout: 300s", tenant=tenant)
    waiting: list[str] = []

    async def scene() -> list[int]:
        let_go = asyncio.Event()

        async def wait(tenant: str, run_id: str, seconds: float) -> Ended | None:
            waiting.append(tenant)
            await let_go.wait()
            return ended(run_id, Status.SUCCESS, {})

        desk = HookDesk(database, runs, reveal, wait, most_waiting=8)

        def sent(tenant: str, number: int) -> asyncio.Task[Answer]:
            body = b'{"id": %d}' % number
            headers = signed(body, KEYS[tenant])
            return asyncio.create_task(desk.deliver(tenant, "orders/new", headers, body, NOW))

        held: list[asyncio.Task[Answer]] = []
        for tenant, number in (("ant", 1), ("ant", 2)):
            held.append(sent(tenant, number))
            while len(waiting) < len(held):
                await asyncio.sleep(0.01)
        at_once = await sent("ant", 3)
        held.append(sent("bee", 1))
        while len(waiting) < len(held):
            await asyncio.sleep(0.01)
        let_go.set()
        answers = [at_once, *await asyncio.gather(*held), await sent("ant", 4)]
        return [it.status for it in answers]

    assert asyncio.run(scene()) == [202, 200, 200, 200, 200]
    assert waiting == ["ant", "ant", "bee", "ant"]


def test_forms_texts_and_githubs_signatures(runs: Recording, desk: HookDesk, put: Put) -> None:
    put(
        "form",
        "params: {a: any, kind: any}\non: {webhook: {path: form, secret: S, params: {a: '${{ event.body.a }}', kind: '${{ event.kind }}'}}}",
    )
    body = b"a=1&a=2"
    form = signed(body) | {"content-type": "application/x-www-form-urlencoded"}
    assert send(desk, body, form, path="form").status == 202
    put(
        "hub",
        "params: {t: any}\non: {webhook: {path: hub, secret: S, signature: github, params: {t: '${{ event.body }}'}}}",
    )
    mac = hmac.new(KEYS["ant"], b"hello", hashlib.sha256).hexdigest()
    headers = {"content-type": "text/plain", "x-hub-signature-256": f"sha256={mac}"}
    assert send(desk, b"hello", headers, path="hub").status == 202
    assert send(desk, b"hello", headers, path="hub", now=NOW + 60).status == 401
    assert [it[3] for it in runs.seen()] == [{"a": ["1", "2"], "kind": "form"}, {"t": "hello"}]


def test_what_is_remembered_is_bounded_and_forgotten(database: Database, clock: Clock) -> None:
    def admit(key: str, until: float, tenant: str = "ant") -> str:
        with database.writing() as work:
            return deliveries.admit(work, tenant, key, until, most=2)

    assert [admit("a", NOW + 10), admit("b", NOW + 20), admit("c", NOW + 30)] == [
        "new",
        "new",
        "full",
    ]
    assert [admit("c", NOW + 30, "bee"), admit("a", NOW + 10)] == ["new", "begun"]
    with database.writing() as work:
        assert deliveries.mark(work, "ant", "a", "run-1")
        assert not deliveries.mark(work, "ant", "a", "run-2")
    assert admit("a", NOW + 10) == "seen"
    clock.now += 15
    assert admit("c", NOW + 30) == "new"
    # The clock is put back: what may have been forgotten counts as seen.
    clock.now -= 15
    assert admit("a", NOW + 10) == "seen"
    clock.now += 3_600
    deliveries.forget(database)
    assert every(database, DELIVERIES) == []


def test_what_stands_in_the_rows_is_no_secret(database: Database, desk: HookDesk, put: Put) -> None:
    put("take", ON % "")
    send(desk)
    text = json.dumps(
        [list(map(str, row)) for row in (*every(database, HOOKS), *every(database, DELIVERIES))]
    )
    assert KEYS["ant"].decode() not in text
