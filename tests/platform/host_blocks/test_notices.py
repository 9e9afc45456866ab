"""notify.webhook: what is posted, how it is signed, when it is tried again."""

import json
from typing import Any

import pytest

from blockyard_platform.host_blocks import notifying
from blockyard_platform.results import StageRecord
from blockyard_platform.triggers import hooks_out
from blockyard_platform.triggers.hooks_out import Next
from blockyard_platform.triggers.signatures import is_signed, read_header
from blockyard_schemas.statuses import Code

from .conftest import Site, Use, reply

KEY = "a-key-of-sixteen-bytes-and-more"
DATA = {"text": "Grüße", "n": [1, None]}


def told(record: StageRecord) -> str:
    assert record.error is not None, record
    return str(record.error["message"])


def rules(site: Site, **more: Any) -> dict[str, Any]:
    rule = {"name": "chat", "url": site.url("/in"), "private": True, **more}
    rule = {key: value for key, value in rule.items() if value is not None}
    held = {"admin/HOOK": KEY, "admin/URL": site.url("/in/tok3n-in-the-url"), "MINE": KEY}
    return {"webhooks": [rule], "secrets_held": held, "secrets": ["MINE"]}


def body_of(site: Site, index: int = -1) -> bytes:
    return site.asked[index].partition(b"\r\n\r\n")[2]


def signed_by(site: Site, key: str, index: int = -1) -> bool:
    header = site.head("blockyard-signature", index)
    claim = None if header is None else read_header("timestamped", header)
    return claim is not None and is_signed(claim, [key.encode()], body_of(site, index))


async def test_a_delivery_to_a_webhook_of_the_policy(use: Use, site: Site) -> None:
    site.answers["/in"] = reply(202, b"thanks")
    given = {"to": "chat", "data": DATA, "headers": {"X-Kind": "report"}}
    record = await use("notify.webhook", given, **rules(site, secret="HOOK"))  # noqa: S106
    result = record.outputs["result"]
    assert (result["status"], result["attempts"]) == (202, 1)
    assert site.asked[0].startswith(b"POST /in HTTP/1.1\r\n")
    assert json.loads(body_of(site)) == DATA
    assert site.head("content-type") == "application/json"
    assert site.head("x-kind") == "report"
    assert site.head("blockyard-delivery") == result["delivery"]
    assert signed_by(site, KEY)
    assert not signed_by(site, KEY + "x")


async def test_without_a_secret_nothing_is_signed(use: Use, site: Site) -> None:
    site.answers["/in"] = reply(200)
    await use("notify.webhook", {"to": "chat", "data": 1}, **rules(site))
    assert site.head("blockyard-signature") is None
    assert site.head("blockyard-delivery") is not None


async def test_a_url_that_is_a_secret_is_shown_to_nobody(use: Use, site: Site) -> None:
    site.answers["/in/tok3n-in-the-url"] = reply(400)
    policy = rules(site, url=None, url_secret="URL", secret="HOOK")  # noqa: S106
    record = await use("notify.webhook", {"to": "chat", "data": 1}, **policy)
    assert told(record) == (
        "the webhook 'chat' was not delivered in 1 attempt: the answer is 400 Bad Request"
    )
    assert len(site.asked) == 1
    assert signed_by(site, KEY)


async def test_a_delivery_to_a_host_that_the_policy_allows(use: Use, site: Site) -> None:
    site.answers["/x"] = reply(200)
    given = {"url": site.url("/x"), "data": 1, "secret": {"secret": "MINE"}}
    record = await use("notify.webhook", given, hosts=[site.rule()], **rules(site))
    assert record.outputs["result"]["status"] == 200
    assert signed_by(site, KEY)
    record = await use("notify.webhook", given, **rules(site))
    assert (record.code, len(site.asked)) == (Code.FORBIDDEN_HOST, 1)


@pytest.mark.parametrize("status", [408, 429, 500, 503])
async def test_it_is_tried_again_a_bounded_number_of_times(
    use: Use, site: Site, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    asked: list[tuple[Any, ...]] = []

    def after(*given: Any) -> Next:
        asked.append(given)
        found = notifying_after(*given)
        return Next(found.action, 0.0, found.gone)

    notifying_after = hooks_out.after
    monkeypatch.setattr(notifying, "after", after)
    site.answers["/in"] = reply(status, Retry_After="2")
    record = await use("notify.webhook", {"to": "chat", "data": 1}, **rules(site, attempts=3, secret="HOOK"))  # fmt: skip  # noqa: S106
    assert record.code is Code.UNHANDLED_EXCEPTION
    assert told(record).startswith(f"the webhook 'chat' was not delivered in 3 attempts: the answer is {status}")  # fmt: skip
    assert len(site.asked) == 3
    assert len({site.head("blockyard-delivery", at) for at in range(3)}) == 1
    assert all(signed_by(site, KEY, at) for at in range(3))
    assert {given[5] for given in asked} == {"2"}
    assert [given[1] for given in asked] == [1, 2, 3]


async def test_the_second_attempt_gets_through(use: Use, site: Site, other: Site) -> None:
    site.first["/in"] = reply(503)
    site.answers["/in"] = reply(200)
    record = await use("notify.webhook", {"to": "chat", "data": 1}, **rules(site))
    assert record.outputs["result"]["attempts"] == 2


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (reply(301, Location="/other"), "the answer is 301"),
        (reply(404), "the answer is 404 Not Found"),
        (reply(410), "the answer is 410 Gone"),
    ],
)
async def test_what_is_not_tried_again(use: Use, site: Site, answer: bytes, words: str) -> None:
    site.answers["/in"] = answer
    record = await use("notify.webhook", {"to": "chat", "data": 1}, **rules(site))
    assert record.code is Code.UNHANDLED_EXCEPTION
    assert words in told(record)
    assert len(site.asked) == 1


async def test_no_answer_and_a_wrong_one(use: Use, site: Site) -> None:
    site.endless["/in"] = (b"", b"", 3_600)
    given = {"to": "chat", "data": 1, "timeout": 0.2}
    record = await use("notify.webhook", given, **rules(site, attempts=1))
    assert told(record).endswith("in 1 attempt: no answer within 0.2 s")
    site.endless.clear()
    site.answers["/in"] = b"HTTP/1.1 999 What\r\ncontent-length: 0\r\n\r\n"
    record = await use("notify.webhook", {"to": "chat", "data": 1}, **rules(site, attempts=1))
    assert "in 1 attempt: the answer is 999" in told(record)
    site.answers["/in"] = reply(200, b"x" * 100_000)
    record = await use("notify.webhook", {"to": "chat", "data": 1}, **rules(site))
    assert record.code is Code.RESULT_LIMIT


@pytest.mark.parametrize(
    ("given", "more", "code", "words"),
    [
        ({"to": "other"}, {}, Code.FORBIDDEN_HOST, "webhooks that it names: chat"),
        ({}, {}, Code.INVALID_ARGUMENT, "give one of to and url"),
        ({"to": "chat", "url": "http://a.test/"}, {}, Code.INVALID_ARGUMENT, "give one of to and url"),
        ({"to": "chat", "secret": "x" * 16}, {}, Code.INVALID_ARGUMENT, "is the policy's to say"),
        ({"to": "chat"}, {"private": False}, Code.FORBIDDEN_HOST, "is not allowed to the policy's webhook 'chat'"),
        ({"to": "chat"}, {"url": "http://169.254.169.254/"}, Code.FORBIDDEN_HOST, "is not allowed"),
        ({"to": "chat"}, {"secret": "NONE"}, Code.INVALID_ARGUMENT, "there is no secret 'admin/NONE'"),
        ({"to": "chat", "timeout": 0}, {}, Code.INVALID_ARGUMENT, "timeout must be more than 0"),
        ({"to": "chat", "headers": {"Blockyard-Signature": "t=1"}}, {}, Code.INVALID_ARGUMENT, "is the platform's"),
        ({"to": "chat", "headers": {"x": "a\r\nb: c"}}, {}, Code.INVALID_ARGUMENT, "not printable ASCII"),
        ({"url": "HOST", "secret": "too short"}, {}, Code.INVALID_ARGUMENT, "at least 16 bytes"),
        ({"url": "http://user:pass@a.test/"}, {}, Code.INVALID_ARGUMENT, "it holds a user or a password"),
    ],
)  # fmt: skip
async def test_what_is_refused(
    use: Use, site: Site, given: dict[str, Any], more: dict[str, Any], code: Code, words: str
) -> None:
    if given.get("url") == "HOST":
        given = {**given, "url": site.url()}
    policy = rules(site, **more)
    record = await use("notify.webhook", {"data": 1, **given}, hosts=[site.rule()], **policy)
    assert record.code is code, record
    assert words in told(record)
    assert site.asked == []
