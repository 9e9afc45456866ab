"""Stand-ins: what takes the place of a stage's own work in a dry run or a test."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from blockyard_platform import plan
from blockyard_platform.engine.kinds import KINDS
from blockyard_platform.errors import StageFailureError
from blockyard_platform.plain import copied, is_mapping
from blockyard_platform.templates import constant
from blockyard_schemas.forms import completed
from blockyard_schemas.statuses import Code

if TYPE_CHECKING:
    from collections.abc import Mapping

    from blockyard_platform.engine.run import Execute, Kinds, Run
    from blockyard_platform.engine.scope import Scope
    from blockyard_platform.results import Outputs

_JOINTS = re.compile(r"[/:>]")
_FAILS = "the mock of this stage fails"
_ATTEMPT = re.compile(r"~\d+$")


@dataclass(frozen=True, slots=True)
class Mock:
    """What a stage comes to without being run: its outputs, or the code and message of its failure."""

    outputs: dict[str, Any] | None = None
    code: Code | None = None
    message: str = _FAILS

    def play(self) -> Outputs:
        """Return the outputs, or raise StageFailureError."""
        if self.code is not None:
            raise StageFailureError(self.code, self.message, outputs=copied(self.outputs or {}))
        return dict(copied(self.outputs or {}))


def read_mocks(data: Any) -> dict[str, Mock]:
    """Return the mocks that a document's test has, by node path or id of the stage."""
    return {
        name: Mock(it.get("outputs"), _code(it.get("error")), it.get("message", _FAILS))
        for name, it in (data if is_mapping(data) else {}).items()
        if is_mapping(it)
    }


def _code(name: Any) -> Code | None:
    return None if name is None else Code[name]


def rehearsed(mocks: Mapping[str, Mock] | None = None, *, dry: bool = False) -> Kinds:
    """Return the stage kinds with stand-ins: mocks first; when ``dry``, nothing with an effect, and no waiting."""
    kinds = dict(KINDS)
    if dry:
        kinds |= {
            plan.Call: _call_without_effect,
            plan.Image: _without_container,
            plan.Wait: _without_waiting,
            plan.Approval: _without_asking,
            plan.Empty: _without_sleep,
        }
    if mocks:
        kinds = {body: _mocked(execute, mocks) for body, execute in kinds.items()}
    return kinds


def _mocked(execute: Execute, mocks: Mapping[str, Mock]) -> Execute:
    async def play(run: Run, body: Any, scope: Scope, path: str) -> Outputs:
        mock = mocks.get(path) or mocks.get(stage_of(path))
        if mock is None:
            return await execute(run, body, scope, path)
        outputs = mock.play()
        run.usage.hold(outputs)
        return outputs

    return play


def stage_of(path: str) -> str:
    """Return the id of the stage that a node path leads to."""
    return _ATTEMPT.sub("", _JOINTS.split(path)[-1])


async def _call_without_effect(run: Run, body: Any, scope: Scope, path: str) -> Outputs:
    """Call a block of the guest; of one that works in the host only the parameters are filled."""
    if run.house.block(body.uses).runs != "host":
        return await KINDS[plan.Call](run, body, scope, path)
    await run.fill(body.inputs, scope)
    run.log(path, f"not run: '{body.uses}' works outside of the jail; its result is null here")
    return {"result": None}


async def _without_container(run: Run, body: Any, scope: Scope, path: str) -> Outputs:
    await run.fill(body.inputs, scope)
    run.log(path, "not run: a container works outside of the jail; its outputs are empty here")
    return {"return_code": 0, "stdout": "", "stderr": "", "digest": ""}


async def _without_waiting(run: Run, body: Any, scope: Scope, path: str) -> Outputs:
    await run.fill(body.inputs, scope)
    run.log(path, "not waited for")
    return {"until": None}


async def _without_asking(run: Run, body: Any, scope: Scope, path: str) -> Outputs:
    await run.fill(body.inputs, scope)
    run.log(path, "not asked: taken as approved")
    answer = completed(body.form, {})
    return {"approved": True, "by": None, "at": None, "answer": answer, "comment": None}


async def _without_sleep(run: Run, body: Any, scope: Scope, path: str) -> Outputs:
    inputs = await run.fill(body.inputs, scope)
    if inputs.get("sleep"):
        run.log(path, "not slept")
    said = plan.Empty(constant({key: it for key, it in inputs.items() if key != "sleep"}))
    return await KINDS[plan.Empty](run, said, scope, path)
