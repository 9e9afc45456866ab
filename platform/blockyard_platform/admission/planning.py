"""From a document that has passed every check to its plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from blockyard_platform import plan
from blockyard_platform.admission.demands import asks, needs_guest
from blockyard_platform.admission.walk import job_rows, needs_of, stage_id
from blockyard_platform.containers import split_command
from blockyard_platform.durations import seconds_of
from blockyard_platform.placeholders import has_expression
from blockyard_platform.plain import is_mapping
from blockyard_platform.retrying import read_retry
from blockyard_platform.secrets.references import references, without
from blockyard_platform.templates import Template, compile_template
from blockyard_schemas.forms import ON_TIMEOUT
from blockyard_schemas.kinds import BASE_KEYS, MAX_PARALLEL, Kind, allowed_keys, kind_of, normalise
from blockyard_schemas.problems import pointer_of

if TYPE_CHECKING:
    from blockyard_platform.admission.walk import Pointer, Row
    from blockyard_platform.triggers.overlap import Group
    from blockyard_platform.triggers.reading import Triggers

_ELSE = "_"
"""The ddeutil-workflow spelling of ``else`` in a case."""


def build_plan(
    document: dict[str, Any],
    block_limits: Mapping[str, int | None],
    children: Mapping[str, plan.Plan],
    documents: Mapping[str, Any],
    starts: tuple[Triggers | None, Group | None] = (None, None),
) -> plan.Plan:
    """Return the plan of a document without problems."""
    jobs = tuple(_job(name, row, document) for name, row in job_rows(document))
    outputs = compile_template(document.get("outputs"))
    timeout = document.get("timeout")
    return plan.Plan(
        name=document["name"],
        jobs=jobs,
        params=MappingProxyType(document.get("params") or {}),
        outputs=outputs,
        timeout=None if timeout is None else seconds_of(timeout),
        max_parallel=document.get("max-parallel", MAX_PARALLEL),
        needs_guest=needs_guest(outputs, jobs, children.values()),
        block_limits=MappingProxyType(dict(block_limits)),
        children=MappingProxyType(dict(children)),
        documents=MappingProxyType(dict(documents)),
        asks=asks(jobs, children.values()),
        triggers=starts[0],
        concurrency=starts[1],
    )


def _job(name: str, row: Row, document: dict[str, Any]) -> plan.Job:
    stages = _stages(row.stages, row.pointer)
    if row.pointer == ("stages",):
        return plan.Job(name, stages)
    data: dict[str, Any] = document["jobs"][name]
    return plan.Job(
        name=name,
        stages=stages,
        prefix=f"{name}:",
        needs=needs_of(data),
        rule=data.get("trigger-rule", "all_success"),
        condition=compile_template(data["if"]) if "if" in data else None,
        strategy=_strategy(data["strategy"]) if "strategy" in data else None,
        retry=_later(data.get("retry"), read_retry),
        timeout=_later(data.get("timeout"), seconds_of),
        outputs=compile_template(data.get("outputs")),
    )


def _strategy(data: dict[str, Any]) -> plan.Strategy:
    return plan.Strategy(
        inputs=_inputs(data, "matrix", "include", "exclude"),
        max_parallel=data.get("max-parallel", MAX_PARALLEL),
        fail_fast=compile_template(data["fail-fast"]) if "fail-fast" in data else plan.TRUE,
    )


def _stages(stages: list[Any] | None, pointer: Pointer) -> tuple[plan.Stage, ...]:
    return tuple(
        _stage(normalise(data), stage_id(data, index), (*pointer, index))
        for index, data in enumerate(stages or ())
    )


def _stage(data: Mapping[str, Any], name: str, pointer: Pointer) -> plan.Stage:
    kind = kind_of(data) or Kind.EMPTY
    return plan.Stage(
        id=name,
        kind=kind.value,
        pointer=pointer_of(pointer),
        body=_BODIES[kind](data, pointer),
        condition=compile_template(data["if"]) if "if" in data else None,
        retry=_later(data.get("retry"), read_retry),
        timeout=_later(data.get("timeout"), seconds_of),
        continue_on_error=_flag(data, "continue-on-error"),
        always=_flag(data, "always"),
    )


def _later(value: Any, read: Callable[[Any], Any]) -> Any:
    """Read a value now, or, when an expression gives it, at run time."""
    if value is None:
        return None
    template = compile_template(value)
    return read(value) if template.constant else template


def _flag(data: Mapping[str, Any], key: str) -> Template:
    return compile_template(data[key]) if key in data else plan.FALSE


def _inputs(data: Mapping[str, Any], *keys: str) -> Template:
    return compile_template({key: data[key] for key in keys if data.get(key) is not None})


def _empty(data: Mapping[str, Any], pointer: Pointer) -> plan.Body:
    return plan.Empty(_inputs(data, "echo", "sleep"))


def _call(data: Mapping[str, Any], pointer: Pointer) -> plan.Body:
    given: Any = data.get("with") or {}
    if not is_mapping(given):
        return plan.Call(data["uses"], compile_template(given))
    # The mapping itself holds the names of parameters, one of which may be called secret.
    secrets = tuple(it for key, value in given.items() for it in references(value, (key,)))
    return plan.Call(data["uses"], compile_template(without(given, secrets)), secrets)


def _python(data: Mapping[str, Any], pointer: Pointer) -> plan.Body:
    return plan.Python(data["run"], compile_template(data.get("vars") or {}))


def _bash(data: Mapping[str, Any], pointer: Pointer) -> plan.Body:
    return plan.Bash(data["bash"], _inputs(data, "env", "hosts"))


def _virtual(data: Mapping[str, Any], pointer: Pointer) -> plan.Body:
    return plan.Virtual(
        code=data["run"],
        requirements=tuple(data["deps"]),
        python=data.get("python"),
        inputs=_inputs(data, "vars", "hosts"),
    )


def _image(data: Mapping[str, Any], pointer: Pointer) -> plan.Body:
    inputs = {
        key: data[key] for key in allowed_keys(Kind.DOCKER) if key not in BASE_KEYS and key in data
    }
    command = inputs.get("command")
    if isinstance(command, str) and not has_expression(command):
        inputs["command"] = split_command(command)
    return plan.Image(compile_template(inputs))


def _trigger(data: Mapping[str, Any], pointer: Pointer) -> plan.Body:
    return plan.Trigger(data["trigger"], compile_template(data.get("params") or {}))


def _wait(data: Mapping[str, Any], pointer: Pointer) -> plan.Body:
    wait = data["wait"]
    if not is_mapping(wait) or "approval" not in wait:
        return plan.Wait(compile_template(wait))
    approval = wait["approval"]
    return plan.Approval(
        inputs=_inputs(approval, "message", "from", "timeout"),
        form=MappingProxyType(approval.get("form") or {"properties": {}}),
        on_timeout=approval.get("on-timeout", ON_TIMEOUT[0]),
    )


def _raise(data: Mapping[str, Any], pointer: Pointer) -> plan.Body:
    return plan.Raise(compile_template(data["raise"]))


def _case(data: Mapping[str, Any], pointer: Pointer) -> plan.Body:
    matches: list[plan.Match] = []
    for index, entry in enumerate(data["match"]):
        place = (*pointer, "match", index)
        if "else" in entry:
            matches.append(plan.Match(None, _stages(entry["else"], (*place, "else"))))
            continue
        value = None if entry["case"] == _ELSE else compile_template(entry["case"])
        matches.append(plan.Match(value, _stages(entry.get("stages"), (*place, "stages"))))
    return plan.Case(compile_template(data["case"]), tuple(matches), _flag(data, "skip-not-match"))


def _foreach(data: Mapping[str, Any], pointer: Pointer) -> plan.Body:
    options = _options(data, "concurrent", "use-index-as-key", "fail-fast")
    inputs = compile_template({"items": data["foreach"], **options})
    return plan.Foreach(inputs, _stages(data.get("stages"), (*pointer, "stages")))


def _parallel(data: Mapping[str, Any], pointer: Pointer) -> plan.Body:
    branches = tuple(
        (name, _stages(stages, (*pointer, "parallel", name)))
        for name, stages in data["parallel"].items()
    )
    return plan.Parallel(_inputs(data, "max-workers"), branches)


def _until(data: Mapping[str, Any], pointer: Pointer) -> plan.Body:
    return plan.Until(
        _inputs(data, "item", "max-loop"),
        compile_template(data["until"]),
        _stages(data.get("stages"), (*pointer, "stages")),
    )


def _try(data: Mapping[str, Any], pointer: Pointer) -> plan.Body:
    catch = data.get("catch")
    return plan.Try(
        _stages(data["try"], (*pointer, "try")),
        None if catch is None else _stages(catch, (*pointer, "catch")),
        _stages(data.get("finally"), (*pointer, "finally")),
    )


def _options(data: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: data[key] for key in keys if data.get(key) is not None}


_BODIES: Mapping[Kind, Callable[[Mapping[str, Any], Pointer], plan.Body]] = MappingProxyType(
    {
        Kind.EMPTY: _empty,
        Kind.CALL: _call,
        Kind.PYTHON: _python,
        Kind.BASH: _bash,
        Kind.VIRTUAL: _virtual,
        Kind.DOCKER: _image,
        Kind.TRIGGER: _trigger,
        Kind.WAIT: _wait,
        Kind.RAISE: _raise,
        Kind.CASE: _case,
        Kind.FOREACH: _foreach,
        Kind.PARALLEL: _parallel,
        Kind.UNTIL: _until,
        Kind.TRY: _try,
    }
)
