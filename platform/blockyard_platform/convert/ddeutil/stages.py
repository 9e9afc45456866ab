"""Stages of ddeutil-workflow, at every depth, as ours: key by key, in their order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blockyard_platform.convert.ddeutil.calls import block_of
from blockyard_platform.convert.ddeutil.conditions import condition
from blockyard_platform.convert.ddeutil.containers import credentials, volumes
from blockyard_platform.convert.ddeutil.pasting import CodeText
from blockyard_platform.convert.ddeutil.scripts import convert_script
from blockyard_platform.convert.ddeutil.texts import value
from blockyard_platform.plain import is_list, is_mapping
from blockyard_schemas.kinds import ALIASES, BASE_KEYS, Kind, allowed_keys, kind_of, normalise
from blockyard_schemas.problems import InvalidDocumentError
from blockyard_schemas.reader import read

if TYPE_CHECKING:
    from blockyard_platform.admission.walk import Pointer
    from blockyard_platform.convert.ddeutil.index import Index

_THEIRS = frozenset({"version", "use_index_as_key"})
_OURS = frozenset({"timeout", "continue-on-error", "always", "fail-fast", "python", "command"})
_ELSE = "_"


def stages(data: Any, pointer: Pointer, index: Index) -> Any:
    """Return a list of stages; what is none is left as it is, for the schema to explain."""
    if not is_list(data):
        return data
    return [_stage(item, (*pointer, place), index) for place, item in enumerate(data)]


def _stage(data: Any, pointer: Pointer, index: Index) -> Any:
    if not is_mapping(data):
        return data
    kind = kind_of(normalise(data)) or Kind.EMPTY
    stage: dict[str, Any] = {}
    for key, item in data.items():
        if item is None and key in ("id", "name", "desc", "if", "echo"):
            continue
        usual = _usual(key, kind, (*pointer, key), index)
        if usual is not None:
            _put(stage, usual, item, (*pointer, key), index)
    if kind in (Kind.PYTHON, Kind.VIRTUAL):
        _code(stage, (*pointer, "run"), index)
    if kind is Kind.BASH:
        convert_script(stage, (*pointer, "bash"), index)
    return stage


def _usual(key: str, kind: Kind, pointer: Pointer, index: Index) -> str | None:
    """Return our spelling of a key; ``None`` for one that no stage of this kind has."""
    usual = ALIASES.get(key, key)
    if usual not in allowed_keys(kind):
        goes = kind.value if usual not in BASE_KEYS else "any"
        index.findings.lost(
            pointer,
            f"'{key}' is no key of a stage of the kind '{goes}'; there it is ignored",
            "take it out, or correct its spelling",
        )
        return None
    if (usual != key and key not in _THEIRS) or usual in _OURS:
        index.findings.differs(
            pointer, f"'{key}' is ignored there; here it works", "take it out to keep what it did"
        )
    return usual


def _put(stage: dict[str, Any], key: str, item: Any, pointer: Pointer, index: Index) -> None:
    match key:
        case "id":
            _put_id(stage, item, pointer, index)
        case "name":
            stage[key] = _label(item, pointer, index)
        case "extras":
            _extras(item, pointer, index)
        case "if" | "until":
            stage[key] = condition(item, pointer, index)
        case "stages" | "try" | "catch" | "finally":
            stage[key] = stages(item, pointer, index)
        case "foreach":
            stage[key] = _items(item, pointer, index)
        case "volume":
            volumes(stage, item, pointer, index)
        case "auth":
            credentials(stage, item, pointer, index)
        case "run" | "bash" | "desc":
            stage[key] = item
        case _:
            stage[key] = _other(key, item, pointer, index)


def _other(key: str, item: Any, pointer: Pointer, index: Index) -> Any:
    if key == "parallel" and is_mapping(item):
        return {name: stages(row, (*pointer, name), index) for name, row in item.items()}
    if key == "match" and is_list(item):
        return [_entry(entry, (*pointer, place), index) for place, entry in enumerate(item)]
    if key == "uses" and isinstance(item, str):
        return block_of(item, pointer, index)
    if key == "python" and isinstance(item, float | int):
        return str(item)
    return value(item, pointer, index)


def _put_id(stage: dict[str, Any], item: Any, pointer: Pointer, index: Index) -> None:
    known = index.stage(item) if isinstance(item, str) else None
    if known is None:
        index.findings.lost(
            pointer,
            f"the id {str(item)[:60]!r} is not a plain text: an id here is the same in each strategy",
            "write an id without an expression; the jobs of a matrix keep their records apart",
        )
        return
    if known.id != item:
        index.findings.differs(
            pointer, f"the id '{item}' is written '{known.id}' here", "use that name in outputs"
        )
    stage["id"] = known.id


def _label(item: Any, pointer: Pointer, index: Index) -> Any:
    if isinstance(item, str) and "${{" in item:
        index.findings.differs(
            pointer, "a name is a label here, and shown as it is written", "say it in `echo`"
        )
    return item if isinstance(item, str) else str(item)


def _extras(item: Any, pointer: Pointer, index: Index) -> None:
    if item:
        index.findings.lost(
            pointer,
            "extras set the engine's configuration, which a document cannot do here",
            "what is to be allowed stands in the tenant's policy",
        )


def _items(item: Any, pointer: Pointer, index: Index) -> Any:
    """Return the items of a foreach; there a text may hold a list."""
    if not isinstance(item, str) or "${{" in item:
        return value(item, pointer, index)
    try:
        found = read(item).data
    except InvalidDocumentError:
        found = None
    if is_list(found):
        return found
    index.findings.lost(pointer, f"{item[:60]!r} is no list", "write [a, b] or ${{ params.list }}")
    return item


def _entry(entry: Any, pointer: Pointer, index: Index) -> Any:
    if not is_mapping(entry):
        return entry
    if entry.get("case") == _ELSE and entry.keys() == {"case", "stages"}:
        return {"else": stages(entry["stages"], (*pointer, "stages"), index)}
    return {
        key: stages(item, (*pointer, key), index)
        if key in ("stages", "else")
        else value(item, (*pointer, key), index)
        for key, item in entry.items()
    }


def _code(stage: dict[str, Any], pointer: Pointer, index: Index) -> None:
    given = stage.get("vars", {})
    if not isinstance(stage.get("run"), str):
        return
    if not is_mapping(given):
        if "${{" in stage["run"]:
            what = "an expression in code whose vars are one expression"
            index.findings.lost(pointer, what, "write the vars out, one by one")
        return
    code = CodeText(given, pointer, index)
    stage["run"] = code.convert(stage["run"])
    if code.vars:
        stage["vars"] = code.vars
