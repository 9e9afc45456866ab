"""Every operation, with a real service on both databases."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from blockyard_platform.client import (
    Client,
    ConflictError,
    DisabledError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    UnauthorizedError,
    UsageError,
)

from .served import HELLO, POLICY, Served


def test_tenants_and_quotas(client: Client, tenant: str) -> None:
    assert client.get_tenant().name == tenant
    assert client.rename_tenant("The T").display == "The T"
    assert tenant in {it.name for it in client.list_tenants(limit=1)}
    with pytest.raises(ConflictError):
        client.create_tenant(tenant)
    with pytest.raises(InvalidError) as caught:
        client.create_tenant("No Name")
    assert caught.value.status == 422
    quota = client.put_quota(runs=5, cpu_seconds=1, stored_bytes=1_007)
    assert client.get_quota() == quota
    today = client.get_usage_today()
    assert (today.today.runs, today.quota.runs) == (0, 5)
    assert today.today.stored_bytes == len(HELLO)
    client.submit(HELLO).result(120)
    assert [it.runs for it in client.list_usage(tenant)] == [1]


def test_tokens(client: Client, tenant: str, either: Served) -> None:
    ends = datetime.now(UTC) + timedelta(days=1)
    issued = client.create_token(
        "viewer", tenant=tenant, label="of a test", scopes=["runs:read"], expires=ends
    )
    assert issued.token.expires == ends
    with either.client(tenant, issued.text) as viewer:
        me = viewer.get_me()
        assert (me.role, me.tenant, me.actions) == ("viewer", tenant, ["runs:read"])
        with pytest.raises(ForbiddenError) as forbidden:
            viewer.submit(HELLO)
        assert (forbidden.value.status, type(forbidden.value)) == (403, ForbiddenError)
        found = client.get_token(issued.token.id)
        assert found.label == "of a test"
        assert [it.id for it in client.list_tokens(tenant)] == [found.id]
        assert client.revoke_token(found.id).revoked is not None
        with pytest.raises(UnauthorizedError) as caught:
            viewer.get_me()
        assert (caught.value.status, caught.value.rule) == (401, "authentication")
    with pytest.raises(UsageError, match="time zone"):
        client.create_token("viewer", tenant=tenant, expires=datetime(2030, 1, 1))


def test_policies(client: Client, tenant: str) -> None:
    second = client.put_policy(POLICY + "steps: 1\n", note="narrow")
    assert (second.version, second.note) == (2, "narrow")
    assert [it.version for it in client.list_policies(limit=1)] == [2, 1]
    assert client.get_policy_in_force().version == 2
    assert client.get_policy(1).text == POLICY
    assert "+steps: 1" in client.diff_policies(1, 2).diff
    assert client.pin_policy(1).version == 1
    assert client.get_policy_in_force().version == 1
    assert client.pin_policy(None).version is None
    found = client.evaluate_policy("stages: [empty]", unchanged=True)
    assert [(it.reference.partition("@")[0], it.change.value) for it in found.items] == [
        ("hello", "refused")
    ]
    with pytest.raises(InvalidError) as caught:
        client.put_policy("steps: many")
    assert caught.value.problems


def test_documents(client: Client) -> None:
    assert client.validate_document(HELLO).valid
    plan = client.plan_document(HELLO).plan
    assert plan is not None
    assert "text.upper" in {it.name for it in client.list_catalog(limit=50)}
    schema = client.get_schema()
    assert schema.schema is not None
    assert schema.schema["$schema"].startswith("https://json-schema.org")
    again = client.get_schema(known=schema.etag)
    assert (again.etag, again.schema) == (schema.etag, None)


def test_workflows(client: Client) -> None:
    changed = HELLO + "desc: other\n"
    assert client.put_workflow("hello", changed, note="why").version == 2
    assert client.put_workflow("hello", changed).version == 2
    assert [it.name for it in client.list_workflows()] == ["hello"]
    assert [it.version for it in client.list_workflow_versions("hello")] == [2, 1]
    assert client.get_workflow("hello").text == changed
    assert client.get_workflow_version("hello", 1).text == HELLO
    assert "+desc: other" in client.diff_workflows("hello", 1, 2).diff


def test_schedules(client: Client, tenant: str) -> None:
    made = client.put_schedule("daily", workflow="hello", cron="0 6 * * *", params={"n": 1})
    assert (made.timezone, made.params, made.enabled) == ("UTC", {"n": 1}, True)
    assert client.get_schedule("daily") == made
    assert [it.name for it in client.list_schedules(tenant)] == ["daily"]
    times = client.list_next_times("daily", count=2).items
    assert times[1] - times[0] == timedelta(days=1)
    client.delete_schedule("daily")
    with pytest.raises(NotFoundError):
        client.delete_schedule("daily")


def test_webhooks(client: Client, tenant: str) -> None:
    client.put_secret("signs", "sixteen bytes or more")
    with pytest.raises(InvalidError):
        client.put_subscription("ends", events=["run.failed"], url="ftp://x", secret="signs")  # noqa: S106
    url = "https://blocks.example/told"
    made = client.put_subscription("ends", events=["run.failed"], url=url, secret="signs")  # noqa: S106
    assert (made.events, made.enabled, made.problem) == (["run.failed"], True, None)
    assert [it.name for it in client.list_subscriptions(tenant)] == ["ends"]
    assert list(client.list_deliveries(tenant)) == []
    with pytest.raises(NotFoundError):
        client.send_again("0" * 32)
    client.delete_subscription("ends")
    assert list(client.list_subscriptions(tenant)) == []
    assert list(client.list_orders(tenant)) == []


def test_secrets(client: Client) -> None:
    assert client.put_secret("key", "hush").version == 1
    assert client.put_secret("key", "hush again").version == 2
    assert [it.name for it in client.list_secrets()] == ["key"]
    client.delete_secret("key")
    assert list(client.list_secrets()) == []


def test_switches(client: Client, tenant: str) -> None:
    stopped = client.stop_something("workflow", "hello", "it is wrong", tenant=tenant)
    assert (stopped.kind.value, stopped.owner) == ("workflow", None)
    assert [it.reason for it in client.list_switches(tenant) if it.name == "hello"] == [
        "it is wrong"
    ]
    with pytest.raises(InvalidError) as caught:
        client.submit(workflow="hello")
    assert [it.rule for it in caught.value.problems] == ["stopped"]
    client.lift_switch("workflow", "hello", tenant=tenant)
    assert client.submit(workflow="hello").result(120).outputs == {"answer": 42}
    client.stop_something("tenant", tenant, "it mines", tenant=tenant)
    with pytest.raises(DisabledError, match="it mines"):
        client.submit(workflow="hello")
    client.lift_switch("tenant", tenant, tenant=tenant)


def test_the_audit_log(client: Client, tenant: str) -> None:
    rows = list(client.list_audit(tenant, limit=2))
    assert [it.action for it in rows][-1] == "tenants.create"
    verified = client.verify_audit()
    assert verified.valid
    head = client.get_audit_head()
    assert head.seq >= verified.end.seq
    lines = list(client.export_audit(tenant))
    assert len(lines) == len(rows)
    assert all(line.startswith("{") for line in lines)


def test_the_service_itself(client: Client) -> None:
    assert client.get_live().status == "ok"
    ready = client.get_ready()
    assert "database" in {it.name for it in ready.parts}
    assert "blockyard" in client.get_metrics()
    with pytest.raises(NotFoundError):
        client.get_run(uuid4().hex)
