"""Verbs by family, each as one JSON object and as lines."""

from pathlib import Path

import pytest

from ..client.served import HELLO, POLICY
from .conftest import Call


def test_tenants(call: Call, tenant: str) -> None:
    assert call("tenants", "show", "--json").json["name"] == tenant
    assert call("tenants", "rename", tenant, "The T", "--json").json["display"] == "The T"
    names = [it["name"] for it in call("tenants", "--limit", "0", "--json").json["items"]]
    assert tenant in names
    made = call("tenants", "create", f"{tenant}-b", "--display", "B", "--json").json
    assert made["display"] == "B"
    assert call("tenants", "create", f"{tenant}-b").code == 2
    assert call("tenants", "quota", "--runs", "9", "--stored-mib", "2", "--json").json == {
        "runs": 9,
        "cpu_seconds": 86400,
        "stored_bytes": 2097152,
    }
    assert "runs:         9\n" in call("tenants", "quota").out
    (used,) = call("tenants", "usage", "--json").json["items"]
    assert (used["runs"], used["stored_bytes"]) == (0, len(HELLO))
    assert call("tenants", "usage", "nobody").code == 2


def test_tokens(call: Call, tenant: str) -> None:
    words = ("tokens", "create", "viewer", "--label", "ci", "--scope", "runs:read")
    done = call(*words, "--expires", "30d")
    assert done.out.startswith("by_")
    assert done.out.strip() not in done.err
    rows = call("tokens", "--json").json["items"]
    assert [(it["label"], it["scopes"], it["tenant"]) for it in rows] == [
        ("ci", ["runs:read"], tenant)
    ]
    issued = call("tokens", "create", "admin", "--all-tenants", "--json").json
    assert issued["token"]["tenant"] is None
    assert call("tokens", "show", issued["token"]["id"], "--json").json["role"] == "admin"
    assert call("tokens", "revoke", issued["token"]["id"], "--json").json["revoked"]
    assert call("runs", "--token-file", "-", given=issued["text"]).code == 5
    for wrong in ("soon", "2030-01-01T00:00"):
        assert call("tokens", "create", "viewer", "--expires", wrong).code == 2
    assert call("tokens", "create", "king").code == 2


def test_policies(call: Call, tmp_path: Path) -> None:
    narrow = tmp_path / "narrow.yaml"
    narrow.write_text("stages: [empty]\n")
    done = call("policy", "evaluate", narrow, "--json")
    assert (done.code, done.json["counts"]) == (3, {"refused": 1})
    done = call("policy", "evaluate", narrow)
    assert done.out.startswith("refused\thello")
    assert "FORBIDDEN_STAGE" in done.err
    assert call("policy", "evaluate", "-", "--all", given=POLICY).out.startswith("still-admitted")
    done = call("policy", "put", narrow, "--note", "why", "--json")
    assert (done.json["version"], done.json["note"]) == (2, "why")
    assert call("policy", "show").out == "stages: [empty]\n"
    assert call("policy", "pin", "1", "--json").json == {"version": 1}
    assert call("policy").out.strip() == POLICY.strip()
    assert call("policy", "show", "--version", "2").out == "stages: [empty]\n"
    assert call("policy", "pin", "newest", "--json").json == {"version": None}
    assert call("policy", "pin", "last").code == 2
    assert [it.split("\t")[0] for it in call("policy", "list").out.splitlines()] == ["2", "1"]
    assert "-- python\n" in call("policy", "diff", "1", "2").out
    assert call("policy", "diff", "1", "1").out == ""
    assert call("policy", "put", "-", given="steps: many").code == 2


def test_a_policy_that_is_pinned_is_told_to_who_puts_another(call: Call) -> None:
    assert "pinned" not in call("policy", "put", "-", given=POLICY).err
    assert "Version 2 is in force." in call("policy", "list").err
    assert call("policy", "pin", "1").code == 0
    done = call("policy", "put", "-", given="stages: [empty]")
    assert "has version 3." in done.err
    assert "Version 1 is pinned, and stays in force until: blockyard policy pin newest" in done.err
    assert "Version 1 is in force." in call("policy", "list").err


def test_workflows(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "other.yaml"
    file.write_text(HELLO.replace("name: hello", "name: other"))
    assert call("workflows", "put", file, "--json").json["name"] == "other"
    assert call("workflows", "put", file, "--name", "third", "--note", "x").code == 0
    names = [it["name"] for it in call("workflows", "--json").json["items"]]
    assert names == ["hello", "other", "third"]
    assert call("workflows", "put", "-", "--name", "other", given=HELLO).code == 0
    versions = call("workflows", "versions", "other").out.splitlines()
    assert [it.split("\t")[1] for it in versions] == ["2", "1"]
    assert call("workflows", "show", "other").out.strip() == HELLO.strip()
    assert "name: other" in call("workflows", "show", "other", "--version", "1").out
    assert "+name: hello" in call("workflows", "diff", "other", "1", "2").out
    assert call("workflows", "show", "nobody").code == 2


def test_schedules(call: Call) -> None:
    words = ("schedules", "put", "daily", "--workflow", "hello", "--cron", "0 6 * * *")
    made = call(*words, "--param", "n=5", "--timezone", "Europe/Paris", "--json").json
    assert (made["params"], made["timezone"], made["enabled"]) == ({"n": 5}, "Europe/Paris", True)
    shown = call("schedules", "show", "daily", "--times", "2", "--json").json
    assert len(shown["times"]) == 2
    assert "times:" in call("schedules", "show", "daily").out
    assert call("schedules", "disable", "daily", "--json").json["enabled"] is False
    again = call("schedules", "enable", "daily", "--json").json
    assert again | {"created": made["created"]} == made
    assert call("schedules").out.split("\t")[1:4] == ["daily", "hello", "0 6 * * *"]
    assert call(*words[:-1], "often").code == 2
    assert call(*words, "--missed", "never").code == 2
    assert call("schedules", "delete", "daily").code == 0
    assert call("schedules", "delete", "daily").code == 2


def test_a_schedule_of_a_document_is_switched_off_and_on(call: Call) -> None:
    text = "name: timed\non: {schedule: [{cron: '0 6 * * *', timezone: Europe/Paris}]}\nstages: [{echo: hi}]\n"
    assert call("workflows", "put", "-", given=text).code == 0
    for word, enabled in (("disable", False), ("enable", True)):
        found = call("schedules", word, "timed.1", "--json").json
        assert (found["source"], found["enabled"], found["problem"]) == ("timed", enabled, None)
    assert call("schedules", "delete", "timed.1").code == 2
    assert call("workflows", "put", "-", given=text.replace("0 6", "0 7")).code == 0
    assert call("schedules", "show", "timed.1", "--json").json["cron"] == "0 7 * * *"


def test_webhooks_that_go_out(call: Call) -> None:
    words = ("webhooks", "put", "ops", "--url", "https://ops.example.com/told", "--secret", "key")
    made = call(*words, "--event", "run.failed", "--event", "approval.asked", "--json").json
    assert (made["events"], made["enabled"]) == (["run.failed", "approval.asked"], True)
    assert call("webhooks").out.split("\t")[1:3] == ["ops", "https://ops.example.com/told"]
    assert call(*words, "--event", "run.failed", "--disabled", "--json").json["enabled"] is False
    assert call(*words, "--event", "run.ended").code == 2
    assert call(*words[:4], "file:///etc/passwd", *words[5:], "--event", "run.failed").code == 2
    assert call("webhooks", "waiting", "--json").json == {"items": [], "more": False}
    assert call("webhooks", "again", "no-such-delivery").code == 2
    assert call("schedules", "waiting", "--json").json == {"items": [], "more": False}
    assert call("webhooks", "delete", "ops").code == 0
    assert call("webhooks", "delete", "ops").code == 2


def test_secrets_come_from_standard_input_alone(call: Call) -> None:
    done = call("secrets", "set", "key", "--json", given="hush hush\n")
    assert (done.code, done.json["version"]) == (0, 1)
    assert "hush" not in done.out + done.err
    assert call("secrets", "set", "key", "hush").code == 2
    assert call("secrets", "set", "key", given="").code == 2
    assert call("secrets", "set", "key", given="\n").code == 2
    assert call("secrets", "set", "key", "--exact", given="\n").code == 0
    assert call("secrets", "set", "key", given="x" * 65_537).code == 2
    assert [it["name"] for it in call("secrets", "--json").json["items"]] == ["key"]
    assert call("secrets", "delete", "key", "--json").json == {"name": "key", "deleted": True}


def test_switches(call: Call, tenant: str) -> None:
    done = call("switches", "stop", "workflow", "hello", "--reason", "it is wrong", "--json")
    assert (done.json["tenant"], done.json["reason"]) == (tenant, "it is wrong")
    done = call("submit", "--workflow", "hello", "--json")
    assert (done.code, done.json["problems"][0]["rule"]) == (3, "stopped")
    assert "workflow\thello\t" in call("switches").out
    assert call("switches", "lift", "workflow", "hello", "--json").json["lifted"] is True
    assert call("submit", "--workflow", "hello").code == 0
    assert call("switches", "stop", "tenant", tenant, "--reason", "x").code == 0
    assert call("submit", "--workflow", "hello").code == 3
    assert call("switches", "lift", "tenant", tenant).code == 0
    assert call("switches", "stop", "planet", "x", "--reason", "x").code == 2


@pytest.mark.parametrize(
    ("words", "near"), [(("runs", "lst"), "'list'"), (("policy", "putt"), "'put'")]
)
def test_a_misspelt_verb_is_named(bare: Call, words: tuple[str, ...], near: str) -> None:
    done = bare(*words)
    assert (done.code, near in done.err) == (2, True)


def test_every_verb_has_help(bare: Call) -> None:
    for family in (
        "tenants",
        "tokens",
        "policy",
        "workflows",
        "schedules",
        "webhooks",
        "secrets",
        "switches",
    ):
        assert "Commands:" in bare(family, "--help").out
        assert "Options:" in bare(family, "show" if family == "policy" else "list", "-h").out
    for verb in ("submit", "logs", "cancel", "resume", "approve", "login", "logout", "runs"):
        assert bare(verb, "--help").code == 0
