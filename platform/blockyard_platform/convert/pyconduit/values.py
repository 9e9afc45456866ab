"""Values with context tags as values with our expressions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from blockyard_platform.convert.errors import NoEqualError
from blockyard_platform.convert.paths import Part, as_path, as_python
from blockyard_platform.convert.pyconduit.tables import TAKEN
from blockyard_platform.convert.pyconduit.tags import Tag, is_lookup, parts, sole, split
from blockyard_platform.filters import text_of
from blockyard_platform.plain import is_list, is_mapping

if TYPE_CHECKING:
    from blockyard_platform.admission.walk import Pointer
    from blockyard_platform.convert.pyconduit.context import Job, Step

_CONTEXT = "write the value itself, or hand it over as a param"


def value(data: Any, pointer: Pointer, job: Job) -> Any:
    """Return a value with every tag in it translated; a text that has no equal stays as it is."""
    if isinstance(data, str):
        return _text(data, pointer, job)
    if is_list(data):
        return [value(item, (*pointer, place), job) for place, item in enumerate(data)]
    if is_mapping(data):
        for key in data:
            _check_key(key, (*pointer, key), job)
        return {key: value(item, (*pointer, key), job) for key, item in data.items()}
    return data


def escaped(data: Any) -> Any:
    """Return a constant so that nothing in it is taken for an expression."""
    if isinstance(data, str):
        return _literal(data)
    if is_list(data):
        return [escaped(item) for item in data]
    if is_mapping(data):
        return {key: escaped(item) for key, item in data.items()}
    return data


def _check_key(key: str, pointer: Pointer, job: Job) -> None:
    try:
        if any(isinstance(piece, Tag) for piece in split(key)):
            raise NoEqualError("a tag in a key", "make the mapping by dict.from_pairs")
    except NoEqualError as error:
        job.findings.lost(pointer, error.what, error.advice)


def _text(data: str, pointer: Pointer, job: Job) -> str:
    try:
        tag = sole(data)
        if tag is not None:
            return "${{ " + expression(tag, pointer, job) + " }}"
        return "".join([_piece(piece, pointer, job) for piece in split(data)])
    except NoEqualError as error:
        job.findings.lost(pointer, error.what, error.advice)
        return _literal(data)


def _piece(piece: str | Tag, pointer: Pointer, job: Job) -> str:
    if isinstance(piece, str):
        return _literal(piece)
    found = _constant(piece, job)
    if found is not None:
        return _literal(text_of(found[0]))
    return "${{ " + expression(piece, pointer, job) + " }}"


def _literal(text: str) -> str:
    return text.replace("${{", "$${{")


def expression(tag: Tag, pointer: Pointer, job: Job, *, python: bool = False) -> str:
    """Return what stands between our braces for a tag; raise NoEqualError when nothing does.

    With ``python`` it is to be a part of a longer expression.
    """
    found = _constant(tag, job)
    if found is not None:
        return json.dumps(found[0], ensure_ascii=False)
    path = _path(tag, job)
    if any(part.bracket and part.name.startswith("[:-") for part in path):
        what = "a number below 0 cuts the end off there, and so it does here"
        job.findings.differs(pointer, what, "for the last item write [-1]")
    return as_python(path) if python or not is_lookup(path) else as_path(path)


def _path(tag: Tag, job: Job) -> list[Part]:
    name, *rest = tag.path
    if tag.kind == ":":
        return [*_result(name, job), *parts(tuple(rest))]
    if tag.kind == "<":
        return [Part("params"), Part(job.param("<", name)), *parts(tuple(rest))]
    if tag.kind == "#":
        return [*_variable(name, job), *parts(tuple(rest))]
    return _context(tag, job)


def _result(name: str, job: Job) -> list[Part]:
    step = _done(name, job)
    taken = [Part(TAKEN[step.action])] if step.action in TAKEN else []
    return [Part("stages"), Part(step.id), Part("outputs"), Part("result"), *taken]


def _done(name: str, job: Job) -> Step:
    if name not in job.done:
        raise NoEqualError(
            f"the step '{name}' has not run by then, and its result is null there",
            "put the step before this one, or write null",
        )
    return job.steps[name]


def _variable(name: str, job: Job) -> list[Part]:
    if not job.live:
        return [Part("params"), Part(job.param("#", name))]
    return [Part("stages"), Part(job.variable(name)), Part("outputs"), Part("result")]


def _context(tag: Tag, job: Job) -> list[Part]:
    match tag.path:
        case ("job", "name"):
            return [Part("run"), Part("workflow")]
        case ("job", "variables", name, *rest):
            return [*_variable(name, job), *parts(tuple(rest))]
        case ("job", "parameters", name, *rest):
            return [Part("params"), Part(job.param("<", name)), *parts(tuple(rest))]
        case ("steps", name, "result", *rest):
            return [*_result(name, job), *parts(tuple(rest))]
        case ("steps", name, "status", "value"):
            return [Part("stages"), Part(_done(name, job).id), Part("code")]
        case ("steps", _, "status", "name"):
            advice = "compare the number, {% steps.ID.status.value %}: it is the same here"
            raise NoEqualError("the name of a step's status", advice)
        case _:
            shown = ".".join(tag.path)
            raise NoEqualError(f"'{shown}' of the context has no equal", _CONTEXT)


def _constant(tag: Tag, job: Job) -> tuple[Any] | None:
    """Return what the document itself says, for the tags that read the document."""
    if tag.kind != "%":
        return None
    if tag.path == ("job", "id"):
        return (job.id,)
    if len(tag.path) < 3 or tag.path[0] != "steps" or tag.path[1] not in job.steps:
        return None
    step = job.steps[tag.path[1]]
    category, _, name = step.action.rpartition(".")
    known: dict[tuple[str, ...], Any] = {
        ("id",): tag.path[1],
        ("position",): step.position,
        ("action",): step.action,
        ("block", "category"): category,
        ("block", "name"): name,
    }
    return (known[tag.path[2:]],) if tag.path[2:] in known else None
