"""Where a document may refer to secrets, and what is said where it may not."""

from typing import Any

import pytest

from blockyard_platform.admission import admit
from blockyard_platform.host_blocks import platform_catalog
from blockyard_platform.secrets.providers import GivenSecrets
from blockyard_schemas.policy import Policy
from blockyard_schemas.problems import Problem
from blockyard_schemas.reader import from_data

from .conftest import House

REF = {"secret": "TOKEN"}


async def problems(house: House, document: dict[str, Any]) -> tuple[Problem, ...]:
    async with house.runner() as runner:
        return runner.admit({"name": "t", **document}).problems


def stage(**keys: Any) -> dict[str, Any]:
    return {"stages": [keys]}


@pytest.mark.parametrize(
    ("document", "pointer", "told"),
    [
        (stage(uses="text.join", **{"with": {"items": [REF]}}), "/stages/0/with/items/0", "the block 'text.join' runs in the jail"),
        (stage(uses="text.join", args={"items": REF}), "/stages/0/args/items", "the block 'text.join' runs in the jail"),
        (stage(run="result = x", vars={"x": REF}), "/stages/0/vars/x", "'vars' would show it"),
        (stage(bash="echo $X", env={"X": REF}), "/stages/0/env/X", "'env' would show it"),
        (stage(image=REF), "/stages/0/image", "'image' would show it"),
        (stage(image="a:1", command=["echo", REF]), "/stages/0/command/1", "'command' would show it"),
        (stage(trigger="child", params={"p": REF}), "/stages/0/params/p", "'params' would show it"),
        (stage(foreach=[REF], stages=[]), "/stages/0/foreach/0", "'foreach' would show it"),
        (stage(foreach="${{ [1] }}", stages=[{"echo": REF}]), "/stages/0/stages/0/echo", "'echo' would show it"),
        (stage(**{"if": REF, "echo": "x"}), "/stages/0/if", "'if' would show it"),
        (stage(**{"raise": REF}), "/stages/0/raise", "'raise' would show it"),
        (stage(case=REF, match=[{"else": []}]), "/stages/0/case", "'case' would show it"),
        (stage(until=True, item=REF, stages=[]), "/stages/0/item", "'item' would show it"),
        (stage(wait={"until": REF}), "/stages/0/wait/until", "'wait' would show it"),
        (stage(wait={"approval": {"message": REF}}), "/stages/0/wait/approval/message", "'wait' would show it"),
        (stage(wait={"approval": {"message": "?", "form": {"type": "object", "properties": {"f": {"type": "string", "default": REF}}}}}), "/stages/0/wait/approval/form/properties/f/default", "'wait' would show it"),
        ({"stages": [], "outputs": {"o": REF}}, "/outputs/o", "this is data that everybody sees"),
        ({"stages": [], "params": {"p": {"type": "object", "default": REF}}}, "/params/p/default", "this is data"),
        ({"jobs": {"j": {"stages": [], "outputs": {"o": [REF]}}}}, "/jobs/j/outputs/o/0", "this is data"),
        ({"jobs": {"j": {"stages": [], "strategy": {"include": [{"a": REF}]}}}}, "/jobs/j/strategy/include/0/a", "this is data"),
    ],
)  # fmt: skip
async def test_a_secret_is_for_host_blocks_alone(
    house: House, document: dict[str, Any], pointer: str, told: str
) -> None:
    house.policy = {**house.policy, "stages": [*house.policy["stages"], "python", "bash", "docker", "until"], "images": [{"name": "a", "tags": ["1"]}]}  # fmt: skip
    house.workflows = {"child": {"name": "child", "params": {"p": "any"}, "stages": []}}
    found = [it for it in await problems(house, document) if it.pointer == pointer]
    assert [it.rule for it in found] == ["secret"]
    assert found[0].message.startswith("a secret is for host blocks alone, and")
    assert told in found[0].message
    assert found[0].hint is not None
    assert "host" in found[0].hint


@pytest.mark.parametrize(
    ("block", "given", "pointer"),
    [
        ("kv.set", {"key": "k", "value": REF}, "/stages/0/with/value"),
        ("kv.set", {"key": "k", "value": {"a": [REF]}}, "/stages/0/with/value/a/0"),
        ("kv.set", {"key": REF, "value": 1}, "/stages/0/with/key"),
        ("kv.set@v1", {"key": "k", "value": REF}, "/stages/0/with/value"),
        ("file.write", {"path": "p", "text": REF}, "/stages/0/with/text"),
        ("file.write", {"path": REF, "base64": "YQ=="}, "/stages/0/with/path"),
    ],
)
async def test_what_is_kept_for_other_runs_is_given_no_secret(
    house: House, block: str, given: dict[str, Any], pointer: str
) -> None:
    """Another run has not revealed it: it would have it from there as it is, and so would its guests."""
    policy = Policy.model_validate(
        {"tags": ["kv", "file"], "stages": ["call"], "kv": {"quota_mib": 1}, "secrets": ["*"]}
    )
    source = from_data({"name": "t", **stage(uses=block, **{"with": given})})
    secrets = GivenSecrets({"TOKEN": "tk-5f0Zq8Wm"})
    found = admit(source, policy, platform_catalog(), secrets=secrets).problems
    assert [(it.rule, it.pointer) for it in found] == [("secret", pointer)]
    name = block.partition("@")[0]
    assert found[0].message == (
        f"a secret is for host blocks alone, and what '{name}' keeps is read by other runs"
    )


@pytest.mark.parametrize(
    "document",
    [
        stage(uses="host.take", **{"with": {"value": {"a": [REF]}}}),
        stage(uses="host.take", args={"value": REF}),
        stage(uses="host.see", **{"with": {"value": REF, "seen": {"secret": "CRM_KEY"}}}),
        stage(uses="text.join", **{"with": {"items": ["a"]}}),
        {"stages": [], "params": {"secret": "string"}, "outputs": {"secret": "${{ params.secret }}"}},
        {"jobs": {"j": {"stages": [], "strategy": {"include": [{"secret": "x"}]}, "outputs": {"secret": "x"}}}},
        stage(foreach="${{ [1] }}", stages=[{"uses": "host.take", "with": {"value": REF}}]),
        stage(wait={"approval": {"message": "?", "form": {"type": "object", "properties": {"secret": {"type": "string"}}}}}),
    ],
)  # fmt: skip
async def test_what_is_allowed(house: House, document: dict[str, Any]) -> None:
    assert await problems(house, document) == ()


@pytest.mark.parametrize(
    ("name", "rule", "message", "hint"),
    [
        ("HIDDEN", "FORBIDDEN_SECRET", "the policy does not allow the secret 'HIDDEN' (FORBIDDEN_SECRET 141)", "secrets that it allows: TOKEN, CRM_*"),
        ("CRM_KEZ", "secret", "there is no secret 'CRM_KEZ'", "did you mean 'CRM_KEY'?"),
        ("CRM_OTHERWISE", "secret", "there is no secret 'CRM_OTHERWISE'", "set it, or take the reference out"),
        ("a b", "secret", "'a b' cannot be the name of a secret", "use letters, digits, _ and -, at most 100, and begin with a letter or _"),
        ("admin/TOKEN", "secret", "'admin/TOKEN' cannot be the name of a secret", None),
        ("TOKEN\n", "secret", "'TOKEN\\n' cannot be the name of a secret", None),
        ("", "secret", "'' cannot be the name of a secret", None),
        ("${{ params.p }}", "secret", "the name of a secret is written out, and never computed", "choose between stages with if"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("block", ["host.take", "host.see"])
async def test_names(
    house: House, block: str, name: str, rule: str, message: str, hint: str | None
) -> None:
    given = {"value": {"secret": name}, **({"seen": "x"} if block == "host.see" else {})}
    document = stage(uses=block, **{"with": given}) | {"params": {"p": "string"}}
    (found,) = await problems(house, document)
    assert (found.rule, found.pointer, found.message) == (rule, "/stages/0/with/value", message)
    if hint is not None:
        assert found.hint == hint


async def test_without_secrets_that_is_said(house: House) -> None:
    house.secrets = None
    (found,) = await problems(house, stage(uses="host.take", **{"with": {"value": REF}}))
    assert found.message == "secrets are not configured here, and 'TOKEN' is one"
    assert found.hint == "give some: blockyard run --secrets FILE, or Runner(secrets=...)"


async def test_nothing_is_allowed_unless_the_policy_says_so(house: House) -> None:
    house.policy = {key: value for key, value in house.policy.items() if key != "secrets"}
    (found,) = await problems(house, stage(uses="host.take", **{"with": {"value": REF}}))
    assert (found.rule, found.hint) == ("FORBIDDEN_SECRET", "secrets that it allows: none")


async def test_names_are_asked_for_once_and_only_when_there_is_a_reference(house: House) -> None:
    asked: list[int] = []

    class Counting(GivenSecrets):
        def names(self) -> Any:
            asked.append(1)
            return super().names()

    house.secrets = Counting({"TOKEN": "x", "CRM_KEY": "y"})
    await problems(house, stage(echo="no"))
    assert asked == []
    use = {"uses": "host.take", "with": {"value": [REF, {"secret": "CRM_KEY"}]}}
    assert await problems(house, {"stages": [use, use]}) == ()
    assert asked == [1]


@pytest.mark.parametrize("name", ["secret", "secrets"])
async def test_no_expression_reads_a_secret(house: House, name: str) -> None:
    (found,) = await problems(house, stage(echo=f"${{{{ {name}.TOKEN }}}}"))
    assert found.rule == "unknown-name"
    assert (
        found.hint == "no expression reads a secret: a host block is handed one with {secret: NAME}"
    )
    filtered = "${{ 'x' | fmt('{secret}') }}"
    (found,) = await problems(house, stage(echo=filtered))
    assert found.message.startswith("the filter 'fmt' takes")


async def test_the_published_schema_has_the_policys_names(house: House) -> None:
    import jsonschema

    from blockyard_schemas.compiler import compile_schema
    from blockyard_schemas.policy import Policy

    policy = Policy.model_validate(house.policy)
    schema = compile_schema(policy, house.catalog.interfaces())
    check: Any = jsonschema.Draft202012Validator(schema)

    def valid(block: str, name: str) -> bool:
        given: dict[str, Any] = {"value": {"secret": name}, "seen": "x"}
        if block == "text.upper":
            given = {"text": {"secret": name}}
        return bool(check.is_valid({"name": "t", **stage(uses=block, **{"with": given})}))

    assert valid("host.see", "TOKEN")
    assert valid("host.see", "CRM_A")
    assert not valid("host.see", "HIDDEN")
    assert not valid("host.see", "xTOKEN")
    assert not valid("text.upper", "TOKEN")
    assert not check.is_valid(
        {"name": "t", **stage(uses="host.see", **{"with": {"value": {"secret": "TOKEN", "b": 1}, "seen": "x"}})}
    )  # fmt: skip
