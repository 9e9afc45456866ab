"""Premises: houses of several tenants share processes, and each keeps to its own policy."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from blockyard_blocks import Catalog
from blockyard_platform import Premises, Runner, RunResult
from blockyard_sandbox.sandbox import Sandbox
from blockyard_sandbox.spec import JailSpec
from blockyard_schemas.policy import Policy, StageLimits, personal_policy
from blockyard_schemas.policy_packages import IndexRule
from blockyard_schemas.problems import InvalidDocumentError


@pytest.fixture
async def premises() -> AsyncIterator[Premises]:
    found = Premises()
    yield found
    await found.close()


def policy(name: str, **stage: Any) -> Policy:
    return personal_policy().model_copy(update={"name": name, "stage": StageLimits(**stage)})


def document(stage: dict[str, Any]) -> dict[str, Any]:
    return {"name": "t", "stages": [{"id": "s", **stage}]}


def codes(*results: RunResult) -> list[str]:
    return [result.jobs["main"].stages["s"].code.name for result in results]


async def test_two_policies_share_one_sandbox_and_keep_their_limits(premises: Premises) -> None:
    small = Runner(policy=policy("small", result_kib=1, memory_mib=48), premises=premises)
    large = Runner(policy=policy("large", result_kib=256, memory_mib=256), premises=premises)
    long = document({"run": "result = 'x' * 50_000"})
    wide = document({"run": "result = len('x' * 100_000_000)"})
    for stage in (long, wide):
        results = await asyncio.gather(*(it.run(stage) for it in (small, large, small, large)))
        limit = "RESULT_LIMIT" if stage is long else "MEMORY_LIMIT"
        assert codes(*results) == [limit, "DONE", limit, "DONE"]
    pids = {(await premises.sandbox()).pid}
    await small.close()
    assert codes(await large.run(long)) == ["DONE"]
    assert pids == {(await premises.sandbox()).pid}


async def test_two_policies_share_the_sandbox_of_programs(premises: Premises) -> None:
    small = Runner(policy=policy("small", output_kib=1), premises=premises)
    large = Runner(policy=policy("large", output_kib=64), premises=premises)
    loud = document({"bash": "head -c 4096 /dev/zero | tr '\\0' x"})
    results = await asyncio.gather(small.run(loud), large.run(loud))
    assert codes(*results) == ["OUTPUT_LIMIT", "DONE"]
    assert await premises.programs() is await premises.programs()


async def test_what_a_tenant_may_use_is_its_own_policys(premises: Premises) -> None:
    few = personal_policy().model_copy(update={"tags": frozenset({"math"})})
    call = document({"uses": "text.upper", "with": {"text": "x"}})
    refused = await Runner(policy=few, premises=premises).run(call)
    allowed = await Runner(premises=premises).run(call)
    assert [it.rule for it in refused.problems] == ["FORBIDDEN_BLOCK"]
    assert allowed.jobs["main"].stages["s"].outputs == {"result": "X"}


def test_environments_are_shared_by_those_who_have_one_index(premises: Premises) -> None:
    first, second, other = policy("a"), policy("b"), policy("c")
    index = IndexRule(url="https://packages.example/simple")
    rules = other.environment.model_copy(update={"index": index})
    other = other.model_copy(update={"environment": rules})
    assert premises.environments(first) is premises.environments(second)
    assert premises.environments(first) is not premises.environments(other)
    assert premises.engine() is premises.engine()


async def test_a_policy_that_asks_for_more_is_not_served() -> None:
    reduced = Premises(level="reduced")
    runner = Runner(policy=personal_policy(), premises=reduced)
    with pytest.raises(InvalidDocumentError, match="asks for the full jail"):
        await runner.run(document({"echo": "x"}))
    assert not reduced.started
    mild = personal_policy().model_copy(update={"isolation": "reduced"})
    assert codes(await Runner(policy=mild, premises=Premises()).run(document({"echo": "x"}))) == [
        "DONE"
    ]


def test_parts_that_do_not_go_together_are_refused(premises: Premises, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a catalog, a sandbox and folders of their own"):
        Runner(premises=premises, catalog=Catalog.builtin())
    with pytest.raises(ValueError, match="a catalog, a sandbox and folders of their own"):
        Runner(premises=premises, data=tmp_path)
    with pytest.raises(ValueError, match="guard the files of a journal"):
        Runner(premises=premises, journal=tmp_path / "runs.db")


async def test_a_sandbox_that_could_not_be_had_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    premises = Premises()
    runner = Runner(premises=premises)
    stage = document({"run": "result = 1"})
    with monkeypatch.context() as patched:
        broken = JailSpec(extensions={"block": ("no.such.module:make", {})})
        patched.setattr(Sandbox, "__init__", _of(broken))
        assert codes(await runner.run(stage)) == ["SANDBOX_UNAVAILABLE"]
    assert codes(await runner.run(stage)) == ["DONE"]
    await premises.close()


def _of(spec: JailSpec) -> Any:
    real = Sandbox.__init__

    def init(self: Sandbox, _spec: JailSpec) -> None:
        real(self, spec)

    return init
