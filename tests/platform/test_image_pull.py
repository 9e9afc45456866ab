"""Images from a real registry: pulled, pinned, resumed, and never with more rights than the policy gives."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from engines import BUSYBOX, Engine, Registry, make_busybox

from blockyard_platform import Runner, RunResult
from blockyard_schemas.policy import Policy, personal_policy
from blockyard_schemas.policy_containers import Credentials, ImageRule


@pytest.fixture
def image(engine: Engine, registry: Registry) -> Iterator[str]:
    """Yield the name of an image that the registry has and the engine has not."""
    name = f"{registry.address}/team/tool:1"
    registry.push(engine, BUSYBOX, "team/tool:1")
    forget(engine, name)
    yield name
    forget(engine, name)


def forget(engine: Engine, name: str) -> None:
    """Take every name of a repository away from the engine's images."""
    for key in ("RepoTags", "RepoDigests"):
        for each in engine.client.images(name=name.rpartition(":")[0]):
            for tag in each[key] or ():
                engine.client.remove_image(tag, force=True)


def allowing(registry: Registry, monkeypatch: pytest.MonkeyPatch, **rule: Any) -> Policy:
    monkeypatch.setenv("REGISTRY_PASSWORD", registry.password)
    given = Credentials(
        name="main",
        registry=registry.address,
        username=registry.user,
        password_env="REGISTRY_PASSWORD",  # noqa: S106
    )
    wrong = given.model_copy(update={"name": "wrong", "username": "eve"})
    other = given.model_copy(update={"name": "other", "registry": "127.0.0.1:1"})
    given_rule: dict[str, Any] = {"tags": ("*",)} | rule
    images = (ImageRule(name=f"{registry.address}/team/*", **given_rule),)
    return personal_policy().model_copy(
        update={"images": images, "credentials": (given, wrong, other)}
    )


async def ran(policy: Policy, image: str, **more: Any) -> RunResult:
    stage = {"id": "a", "image": image, "command": ["echo", "here"], **more}
    async with Runner(policy=policy) as runner:
        return await runner.run({"name": "t", "stages": [stage]})


def stage(result: RunResult) -> Any:
    assert result.problems == ()
    return result.as_dict()["jobs"]["main"]["stages"]["a"]


async def test_an_image_is_fetched_with_credentials_by_name(
    image: str, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = await ran(allowing(registry, monkeypatch), image, auth="main")
    assert stage(result)["outputs"]["stdout"] == "here\n"
    said = [line.text for line in result.logs]
    assert said[0] == f"fetching {image}"
    assert f"fetched {image}" in said
    assert registry.password not in str(result.as_dict()) + str(result.logs)


async def test_the_password_may_stand_in_a_file(
    image: str, registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text(registry.password + "\n")
    policy = allowing(registry, monkeypatch, credentials="main")
    kept = policy.credentials[0].model_copy(
        update={"password_env": None, "password_file": str(tmp_path / "password")}
    )
    policy = policy.model_copy(update={"credentials": (kept,)})
    assert stage(await ran(policy, image))["status"] == "SUCCESS"


@pytest.mark.parametrize(
    ("auth", "code", "words"),
    [
        (None, 103, "no basic auth credentials"),
        ("wrong", 103, "unauthorized"),
    ],
)
async def test_without_the_right_credentials_nothing_is_fetched(
    image: str,
    registry: Registry,
    monkeypatch: pytest.MonkeyPatch,
    auth: str | None,
    code: int,
    words: str,
) -> None:
    more = {} if auth is None else {"auth": auth}
    ended = stage(await ran(allowing(registry, monkeypatch), image, **more))
    assert ended["code"] == code
    assert words in ended["error"]["message"]


async def test_the_machines_own_logins_are_never_used(
    image: str, registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import base64
    import json

    secret = base64.b64encode(f"{registry.user}:{registry.password}".encode()).decode()
    (tmp_path / "config.json").write_text(
        json.dumps({"auths": {registry.address: {"auth": secret}}})
    )
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    assert stage(await ran(allowing(registry, monkeypatch), image))["code"] == 103


async def test_credentials_are_shown_to_their_own_registry_alone(
    image: str, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = await ran(allowing(registry, monkeypatch), image, auth="other")
    (problem,) = result.problems
    assert (problem.rule, problem.pointer) == ("FORBIDDEN_IMAGE", "/stages/0/auth")
    assert "are for the registry 127.0.0.1:1" in problem.message


async def test_a_password_that_is_not_there_is_the_admins_to_set(
    image: str, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = allowing(registry, monkeypatch)
    monkeypatch.delenv("REGISTRY_PASSWORD")
    ended = stage(await ran(policy, image, auth="main"))
    assert "an admin sets the variable REGISTRY_PASSWORD" in ended["error"]["message"]


async def test_an_image_that_the_registry_lacks_is_named(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"{registry.address}/team/nothing:1"
    ended = stage(await ran(allowing(registry, monkeypatch), name, auth="main"))
    assert ended["code"] == 103
    assert "nothing" in ended["error"]["message"]


async def test_never_fetches_nothing(
    image: str, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = allowing(registry, monkeypatch)
    for pull in ("never", False):
        ended = stage(await ran(policy, image, auth="main", pull=pull))
        assert "does not have the image" in ended["error"]["message"]


async def test_missing_keeps_what_is_there_and_always_fetches_anew(
    image: str, engine: Engine, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = allowing(registry, monkeypatch)
    first = stage(await ran(policy, image, auth="main"))["outputs"]["digest"]
    changed = make_busybox(engine, "local/changed:1", Labels={"version": "2"})
    registry.push(engine, "local/changed:1", "team/tool:1")
    forget(engine, image)
    engine.client.tag(first, *image.rsplit(":", 1))
    kept = stage(await ran(policy, image, auth="main"))["outputs"]["digest"]
    fresh = stage(await ran(policy, image, auth="main", pull="always"))["outputs"]["digest"]
    assert (kept, fresh) == (first, changed)


async def test_a_rule_that_says_when_to_fetch_binds_the_document(
    image: str, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = allowing(registry, monkeypatch, pull="always")
    (problem,) = (await ran(policy, image, auth="main", pull="missing")).problems
    assert (problem.rule, problem.pointer) == ("FORBIDDEN_IMAGE", "/stages/0/pull")


async def test_an_image_of_another_digest_is_refused(
    image: str, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = allowing(registry, monkeypatch, digests=("sha256:" + "0" * 64,))
    ended = stage(await ran(policy, image, auth="main"))
    assert ended["code"] == 130
    assert "has another digest" in ended["error"]["message"]


async def test_an_image_may_be_named_by_its_digest(
    engine: Engine, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = registry.push(engine, BUSYBOX, "team/pinned:1")
    name = f"{registry.address}/team/pinned"
    forget(engine, f"{name}:1")
    policy = allowing(registry, monkeypatch, tags=(), digests=(digest,))
    ended = stage(await ran(policy, f"{name}@{digest}", auth="main"))
    assert ended["outputs"]["digest"] == engine.client.inspect_image(BUSYBOX)["Id"]


async def test_a_resumed_run_has_the_image_that_it_began_with(
    image: str,
    engine: Engine,
    registry: Registry,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    policy = allowing(registry, monkeypatch)
    tool = {"image": image, "auth": "main", "pull": "always"}
    stages = [
        {"id": "a", **tool, "command": ["true"]},
        {"id": "gate", "if": "${{ not params.ready }}", "raise": "not ready yet"},
        {"id": "b", **tool, "command": ["true"]},
    ]
    ready = {"type": "boolean", "default": False}
    document = {"name": "t", "params": {"ready": ready}, "stages": stages}
    async with Runner(policy=policy, journal=tmp_path / "runs.db") as runner:
        assert (await runner.run(document, run_id="one")).status == "FAILED"
    make_busybox(engine, "local/changed:2", Labels={"version": "3"})
    registry.push(engine, "local/changed:2", "team/tool:1")
    async with Runner(policy=policy, journal=tmp_path / "runs.db") as runner:
        done = (await runner.resume("one", params={"ready": True})).as_dict()
    found = {it["outputs"].get("digest") for it in done["jobs"]["main"]["stages"].values()} - {None}
    assert done["status"] == "SUCCESS"
    assert found == {engine.client.inspect_image(BUSYBOX)["Id"]}


async def test_an_image_that_is_gone_ends_a_resumed_run(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    make_busybox(engine, "local/gone:1", Labels={"version": "gone"})
    images = (ImageRule(name="local/*", tags=("*",)),)
    policy = personal_policy().model_copy(update={"images": images})
    stages = [{"id": "a", "image": "local/gone:1", "command": ["false"]}]
    async with Runner(policy=policy, journal=tmp_path / "runs.db") as runner:
        assert (await runner.run({"name": "t", "stages": stages}, run_id="one")).status == "FAILED"
    engine.client.remove_image("local/gone:1", force=True)
    make_busybox(engine, "local/gone:1", Labels={"version": "another"})
    async with Runner(policy=policy, journal=tmp_path / "runs.db") as runner:
        ended = stage(await runner.resume("one"))
    assert ended["code"] == 130
    assert "that this run began with is gone" in ended["error"]["message"]
